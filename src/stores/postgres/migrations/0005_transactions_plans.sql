-- Statements (what a user sees happen to the credits), credit plans, and which accounts were welcomed. Additive. What is in
-- the ledger already is written into statements here; nothing may be drained meanwhile, or it would be in none.

-- up

-- One line per change of what an account owns, made by the drainer in the transaction of its entry. The key is the
-- order in which they are read: the newest of one type and reason; a page is a merge of the few that an account has.
-- nth, credited and debited run within account, type and reason, this line included. The difference of two lines is
-- how many there are between them and what they come to, so no count and no sum ever reads more than two lines.
create table transactions (
  account_id    text        not null,
  -- 2 × seq of the entry; one more for what expired in it.
  id            bigint      not null check (id > 1),
  at            timestamptz not null,
  type          text        not null check (type in ('PURCHASE', 'USAGE', 'REFUND', 'BONUS', 'SUBSCRIPTION', 'REFILL', 'ADJUSTMENT')),
  reason        text        not null,
  amount        bigint      not null check (amount <> 0),
  balance_after bigint      not null check (balance_after >= 0),
  description   text,
  -- JSON text as the caller sent it; never read as json by the database (reliability finding 13).
  metadata      text,
  nth           bigint      not null check (nth > 0),
  credited      bigint      not null check (credited >= 0),
  debited       bigint      not null check (debited >= 0),
  primary key (account_id, type, reason, at, id)
);

create index transactions_amount_idx on transactions (account_id, type, reason, amount, id);

-- The last running counts of each account, type and reason.
create table transaction_totals (
  account_id text        not null,
  type       text        not null,
  reason     text        not null,
  count      bigint      not null check (count > 0),
  credited   bigint      not null check (credited >= 0),
  debited    bigint      not null check (debited >= 0),
  last_at    timestamptz not null,
  primary key (account_id, type, reason)
) with (fillfactor = 70);

-- How many transactions of these kinds an account had made at a time, that very moment included.
create function transactions_until(account text, types text[], reasons text[], until_ms bigint) returns bigint
language sql stable as $$
  select coalesce(sum(last.nth), 0)::bigint
    from unnest(types, reasons) as kind (type, reason)
   cross join lateral (
     select nth from transactions t
      where t.account_id = account and t.type = kind.type and t.reason = kind.reason
        and t.at <= to_timestamp(until_ms::double precision / 1000)
      order by t.at desc, t.id desc limit 1) as last
$$;

-- A stretch of time with the wanted-th transaction of these kinds in it, and at most slack others, or all of one
-- millisecond: from after_ms, itself excluded, to until_ms. Bisection over the running counts: a dozen looks at two
-- million transactions, 42 at most, however many there are.
create function transactions_around(account text, types text[], reasons text[], wanted bigint, slack bigint,
                                    out after_ms bigint, out before bigint, out until_ms bigint, out until bigint)
language plpgsql stable as $$
declare
  middle bigint;
  made   bigint;
begin
  before := 0;
  select coalesce(max(floor(extract(epoch from last.at) * 1000)), 1)::bigint, coalesce(sum(last.nth), 0)::bigint into until_ms, until
    from unnest(types, reasons) as kind (type, reason)
   cross join lateral (
     select at, nth from transactions t where t.account_id = account and t.type = kind.type and t.reason = kind.reason
      order by t.at desc, t.id desc limit 1) as last;
  select floor(extract(epoch from min(first.at)) * 1000)::bigint - 1 into middle
    from unnest(types, reasons) as kind (type, reason)
   cross join lateral (
     select at from transactions t where t.account_id = account and t.type = kind.type and t.reason = kind.reason
      order by t.at, t.id limit 1) as first;
  after_ms := coalesce(middle, 0);
  while until - before > slack and until_ms - after_ms > 1 loop
    middle := (after_ms + until_ms) / 2;
    made := transactions_until(account, types, reasons, middle);
    if made >= wanted then until_ms := middle; until := made; else after_ms := middle; before := made; end if;
  end loop;
end $$;

create table plans (
  plan_id               text        primary key,
  name                  text        not null,
  amount                bigint      not null check (amount > 0),
  period                text        not null check (period in ('day', 'week', 'month', 'seconds')),
  period_seconds        bigint      check (period_seconds > 0),
  -- What is left when the next refill comes: kept, or taken away.
  mode                  text        not null check (mode in ('roll_over', 'reset')),
  -- Periods that nobody granted in time: all of them, or only the one that runs.
  missed                text        not null check (missed in ('each', 'latest')),
  -- Life of each refill from the moment it is granted. Null: it never ends.
  expires_after_seconds bigint      check (expires_after_seconds > 0),
  updated_by            text        not null,
  updated_at            timestamptz not null default now(),
  constraint plans_period_is_whole check ((period = 'seconds') = (period_seconds is not null)),
  -- Each refill would take away the one before it.
  constraint plans_reset_grants_latest check (mode <> 'reset' or missed = 'latest')
);

create table account_plans (
  account_id     text        primary key,
  plan_id        text        not null references plans,
  -- Period n begins n periods after this.
  anchor_at      timestamptz not null,
  next_period    bigint      not null default 0 check (next_period >= 0),
  -- When a worker should look at it next: the start of the next period, or later while one is at work.
  due_at         timestamptz not null,
  -- The lot that the last refill opened, and when.
  last_intent_id bigint,
  last_refill_at timestamptz,
  -- Why the last attempt failed; null: it did not.
  problem        text,
  assigned_by    text        not null
) with (fillfactor = 70);

create index account_plans_due_idx on account_plans (due_at);
create index account_plans_plan_idx on account_plans (plan_id);

-- What became of an account's welcome (C-18). Null: not decided yet, and the index finds those. Whoever was there
-- before is known, and gets none.
alter table profiles add column welcome text default 'known' check (welcome in ('known', 'none', 'granted'));
alter table profiles alter column welcome drop default;
create index profiles_to_welcome_idx on profiles (first_seen) where welcome is null and names_from is distinct from 'admin';

lock table accounts in share row exclusive mode;

-- begin backfill
-- Writes every statement anew, from the ledger, into empty tables: transactions-of.ts in SQL.
-- about_of reads `about` as far as it can be read; a text that cannot costs its line the words, never the money.
create function pg_temp.about_of(about text, out type text, out reason text, out description text, out metadata text,
                                 out source text, out notes text, out service text, out operation text)
language plpgsql as $$
declare
  facts       json;
  transaction json;
  usage       json;
begin
  facts := about::json;
  transaction := facts -> 'transaction';
  usage := facts -> 'usage';
  if json_typeof(facts -> 'source') = 'string' then source := facts ->> 'source'; end if;
  if json_typeof(facts -> 'notes') = 'string' then notes := facts ->> 'notes'; end if;
  if json_typeof(usage) = 'object' then
    service := usage ->> 'service';
    operation := usage ->> 'operation';
    metadata := coalesce(nullif((usage -> 'metadata')::text, 'null'), '{}');
  end if;
  if json_typeof(transaction) = 'object' then
    type := upper(transaction ->> 'type');
    reason := upper(transaction ->> 'reason');
    description := transaction ->> 'description';
    metadata := coalesce(nullif((transaction -> 'metadata')::text, 'null'), metadata);
  end if;
exception when others then
  type := null; reason := null; description := null; metadata := null; source := null; notes := null; service := null; operation := null;
end $$;

with lines as (
  select e.account_id, line.id, e.balance_after, line.amount, line.type, line.reason, line.description, line.metadata,
         max(e.at) over (partition by e.account_id order by e.seq) as at
    from (
      select e.account_id, e.seq, e.at, e.kind, e.available_after as balance_after, e.expired,
             e.granted - e.captured - e.removed as amount, coalesce(d.about, '{}') as about
        from entries e
        left join entry_details d on d.account_id = e.account_id and d.seq = e.seq and d.at = e.at
       where e.granted - e.captured - e.removed <> 0 or e.expired > 0) as e
   cross join lateral pg_temp.about_of(e.about) as a
   cross join lateral (
     select e.kind in ('charge', 'settle', 'late_settle', 'expire_hold', 'void') as is_usage,
            case e.kind when 'grant' then a.source end as granted_by) as k
   cross join lateral (
     select 2 * e.seq as id, e.amount,
            case when a.type is not null then a.type
                 when k.is_usage then 'USAGE'
                 when k.granted_by = 'purchase' then 'PURCHASE'
                 when k.granted_by = 'refund' then 'REFUND'
                 when k.granted_by in ('bonus', 'initial') then 'BONUS'
                 else 'ADJUSTMENT' end as type,
            case when a.type is not null then a.reason
                 when k.is_usage and a.service is null then 'MODEL_USAGE'
                 when k.is_usage and upper(a.service) in ('AI_CHAT', 'MODEL_USAGE', 'VOICE_SYNTHESIS', 'PODCAST_GENERATION', 'MANUAL_ADJUSTMENT',
                   'SUBSCRIPTION_REFILL', 'WELCOME_BONUS', 'REFERRAL_BONUS', 'EXPIRATION') then upper(a.service)
                 when k.is_usage and a.service ~* '^(chat|ai[_-]chat)' then 'AI_CHAT'
                 when k.is_usage and a.service ~* 'podcast' then 'PODCAST_GENERATION'
                 when k.is_usage and a.service ~* '(voice|speech|tts)' then 'VOICE_SYNTHESIS'
                 when k.is_usage then 'MODEL_USAGE'
                 when k.granted_by = 'initial' then 'WELCOME_BONUS'
                 else 'MANUAL_ADJUSTMENT' end as reason,
            case when a.type is not null then a.description
                 when k.is_usage then a.service || ': ' || a.operation
                 else a.notes end as description,
            a.metadata
      where e.amount <> 0
      union all
     select 2 * e.seq + 1, -e.expired, 'ADJUSTMENT', 'EXPIRATION', 'Credits expired', null
      where e.expired > 0) as line)
insert into transactions (account_id, id, at, type, reason, amount, balance_after, description, metadata, nth, credited, debited)
select account_id, id, at, type, reason, amount, balance_after, description, metadata,
       row_number() over running, (sum(greatest(amount, 0)) over running)::bigint, (sum(greatest(-amount, 0)) over running)::bigint
  from lines
window running as (partition by account_id, type, reason order by id);

insert into transaction_totals (account_id, type, reason, count, credited, debited, last_at)
select distinct on (account_id, type, reason) account_id, type, reason, nth, credited, debited, at
  from transactions order by account_id, type, reason, at desc, id desc;

drop function pg_temp.about_of(text);
-- end backfill

-- no down: plans, who is on them and which accounts were welcomed are recorded nowhere else. Without them accounts would be
-- welcomed, and granted credits, a second time.
