-- Users who are credited before they are seen, and lots that are taken back. Additive: columns that may be null, wider
-- checks, new tables. A gateway of the version before runs on it unchanged.

-- up

-- Revoking a lot is money that moves, too. The new checks allow all that the old ones did, so no row needs to be looked
-- at again: not valid skips the scan, and holds for every row from now on.
alter table money_in add column revoked_lot_id text;
alter table money_in drop constraint money_in_kind_check;
alter table money_in add constraint money_in_kind_check
  check (kind in ('grant', 'adjust', 'set', 'remove', 'revoke')) not valid;
alter table money_in drop constraint money_in_amount;
alter table money_in add constraint money_in_amount
  check (case kind when 'adjust' then amount <> 0 when 'set' then amount >= 0 when 'revoke' then amount = 0 else amount > 0 end) not valid;
alter table money_in add constraint money_in_revoked_lot check ((kind = 'revoke') = (revoked_lot_id is not null)) not valid;

-- Who said that an account has these names: the issuer of its token, or 'admin' for a user that was registered before
-- she came. Null: from before this column.
alter table profiles add column names_from text;

-- Accounts that were credited under a name nobody was known by. The account's id is that name; the first caller whose
-- token carries it gets the credits (claimed_by), unless the name turns out to be a token's own subject (owned_at).
create table provisional_accounts (
  account_id text        primary key,
  -- What claimants are compared with: e-mails in lower case.
  name       text        not null,
  created_by text        not null,
  created_at timestamptz not null default now(),
  claimed_by text,
  claimed_at timestamptz,
  owned_at   timestamptz,
  constraint provisional_accounts_claim_is_whole check ((claimed_by is null) = (claimed_at is null)),
  constraint provisional_accounts_claimed_by_another check (claimed_by <> account_id)
);

create unique index provisional_accounts_name_idx on provisional_accounts (name);

-- Lots on their way from a claimed account to its claimant: written before anything moves, so that a crash leaves
-- behind where each was going. The lot keeps its expiry, which its row in lots loses when it is revoked.
create table claimed_lots (
  account_id    text        not null references provisional_accounts,
  lot_id        text        not null,
  claimed_by    text        not null,
  -- Null: never.
  expires_at_ms bigint,
  begun_at      timestamptz not null default now(),
  -- What arrived; null while on the way.
  amount        bigint      check (amount >= 0),
  moved_at      timestamptz,
  primary key (account_id, lot_id),
  constraint claimed_lots_move_is_whole check ((amount is null) = (moved_at is null))
);

create index claimed_lots_on_the_way_idx on claimed_lots (begun_at) where moved_at is null;

-- no down: provisional accounts and lots on their way to a claimant are recorded nowhere else. Without them credits lose
-- their owner.
