-- The periods that plans have given to accounts. Additive; takes no lock on existing tables.

-- up

-- One row per account and period, opened before its credits are granted and never deleted. The periods of an account
-- form a chain: each names where the one before it ends, and no two name the same place. So they never overlap, whatever
-- plans the account had meanwhile, and of two that are opened at once only one exists.
create table plan_periods (
  account_id            text        not null,
  -- The end of the account's period before this one; of its first period: -infinity.
  after_at              timestamptz not null,
  starts_at             timestamptz not null,
  ends_at               timestamptz not null,
  -- No foreign key: the plan may be removed later.
  plan_id               text        not null,
  -- The assignment under which it was opened, and which of its periods this is.
  anchor_at             timestamptz not null,
  nth                   bigint      not null check (nth >= 0),
  -- The plan's terms when the period was opened.
  name                  text        not null,
  amount                bigint      not null check (amount > 0),
  mode                  text        not null check (mode in ('roll_over', 'reset')),
  expires_after_seconds bigint      check (expires_after_seconds > 0),
  -- Open: to be granted. Passed: another period came first, and the plan grants only the latest.
  state                 text        not null default 'open' check (state in ('open', 'granted', 'passed')),
  -- The request in money_in that granted it.
  intent_id             bigint,
  -- When a worker tries an open one next.
  due_at                timestamptz not null,
  primary key (account_id, after_at),
  constraint plan_periods_follow check (after_at <= starts_at and starts_at < ends_at)
) with (fillfactor = 80);

create index plan_periods_open_idx on plan_periods (due_at) where state = 'open';

-- begin backfill
-- Opens, as granted, the last period of every account that has one, into an empty table: known from the assignments, and
-- of accounts whose plan has ended, from the requests that granted. Calendar periods are of UTC, whatever the time zone
-- of the session.
with lengths as (
  select plan_id, case period when 'day' then interval '1 day' when 'week' then interval '7 days' when 'month' then interval '1 month'
                              else make_interval(secs => period_seconds) end as length
    from plans),
assigned as (
  select a.account_id, a.plan_id, a.anchor_at, a.next_period - 1 as nth, a.last_intent_id as intent_id,
         (a.anchor_at at time zone 'UTC' + (a.next_period - 1) * l.length) at time zone 'UTC' as starts_at,
         (a.anchor_at at time zone 'UTC' + a.next_period * l.length) at time zone 'UTC' as ends_at
    from account_plans a join lengths l using (plan_id)
   where a.next_period > 0),
granted as (
  select account_id, intent_id, about::json #>> '{transaction,metadata,plan}' as plan_id,
         (about::json #>> '{transaction,metadata,periodStart}')::timestamptz as starts_at
    from money_in where idempotency_scope = 'plan' and state <> 'refused'),
ended as (
  select distinct on (g.account_id) g.account_id, g.plan_id, g.starts_at as anchor_at, 0 as nth, g.intent_id,
         g.starts_at, (g.starts_at at time zone 'UTC' + l.length) at time zone 'UTC' as ends_at
    from granted g join lengths l using (plan_id)
   where not exists (select from assigned a where a.account_id = g.account_id)
   order by g.account_id, ends_at desc)
insert into plan_periods (account_id, after_at, starts_at, ends_at, plan_id, anchor_at, nth, name, amount, mode,
                          expires_after_seconds, state, intent_id, due_at)
select last.account_id, '-infinity', last.starts_at, last.ends_at, last.plan_id, last.anchor_at, last.nth, p.name, p.amount, p.mode,
       p.expires_after_seconds, 'granted', last.intent_id, last.starts_at
  from (select * from assigned union all select * from ended) as last join plans p using (plan_id);
-- end backfill

-- no down: which periods were granted is recorded nowhere else once a plan has ended. Without them they would be granted
-- a second time.
