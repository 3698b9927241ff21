-- Refunds and transfers: money that comes back to lots, and money that moves between two accounts. Additive: columns that may
-- be null, wider checks, a new table. No check is validated, so no table is read under a lock. A gateway of the version before
-- runs on it unchanged; a worker of that version must not (workers first).

-- up

-- What is refunded, in one text per captured thing; the requests for it add up to at most what was captured.
alter table money_in add column refund_of text;
-- Of a refund and of lots that a transfer brings: which lots, and how much of each.
alter table money_in add column parts text;
-- Of a refund: how long credits live whose lot has ended. Null: they expire at once.
alter table money_in add column grace_ms bigint;
alter table money_in drop constraint money_in_kind_check;
alter table money_in add constraint money_in_kind_check
  check (kind in ('grant', 'adjust', 'set', 'remove', 'revoke', 'refund', 'transfer_out', 'transfer_in')) not valid;
alter table money_in add constraint money_in_refund check ((kind = 'refund') = (refund_of is not null)) not valid;
alter table money_in add constraint money_in_parts
  check ((kind in ('refund', 'transfer_in')) = (parts is not null)) not valid;
create index money_in_refund_idx on money_in (account_id, refund_of) where kind = 'refund';

-- A refund takes from what was captured, and so does a late settle that gives back (0016).
alter table entries drop constraint entries_captured_check;
alter table entries add constraint entries_captured_check check (captured >= 0 or kind in ('refund', 'give_back')) not valid;

-- Moves of credits between accounts. The row is written first; every step of it is an intent under the row's own name.
create table transfers (
  transfer_id       bigint      generated always as identity primary key,
  from_account      text        not null,
  to_account        text        not null,
  amount            bigint      not null check (amount > 0),
  -- 'lots': the credits keep the expiry of their lots. 'never', or ms since 1970: one lot with this expiry.
  expiry            text        not null check (expiry ~ '^(lots|never|[0-9]+)$'),
  reason            text        not null,
  actor             text        not null,
  idempotency_scope text        not null,
  idempotency_key   text        not null,
  fingerprint       text        not null,
  state             text        not null default 'pending' check (state in ('pending', 'completed', 'refused')),
  -- Why it was refused.
  refusal           text,
  -- What was available, of one that was refused for lack of credits.
  available         bigint,
  created_at        timestamptz not null default now(),
  tried_at          timestamptz not null default now(),
  ended_at          timestamptz,
  constraint transfers_two_accounts check (from_account <> to_account),
  constraint transfers_end check ((state = 'pending') = (ended_at is null)),
  constraint transfers_refusal check ((state = 'refused') = (refusal is not null))
) with (fillfactor = 80);

create unique index transfers_idempotency_idx on transfers (idempotency_scope, idempotency_key);
create index transfers_refused_idx on transfers (ended_at) where state = 'refused';
create index transfers_pending_idx on transfers (tried_at) where state = 'pending';

-- no down: refunds and transfers are requests for money that the ledger has carried out.
