-- The price books: versions that never change, and the prices that contract §2.6, §3.3 and §4.3 document.
-- Additive; takes no lock on existing tables.

-- up

-- One row. Its lock orders the writers, so versions are committed in their order and a process that knows all up to n
-- has missed none; its change is what every process looks for.
create table price_counter (
  only_one     boolean primary key default true check (only_one),
  last_version bigint  not null
) with (fillfactor = 50);

-- Append-only: a hold or a charge names the version it was priced with, and must find it for ever.
-- numeric keeps the digits that were written. NaN is above every number, so the upper bounds refuse it as well.
create table prices (
  version          bigint      primary key check (version > 1),
  book             text        not null check (book ~ '^[a-z][a-z0-9-]{0,31}$'),
  -- '' in books that do not tell providers apart.
  provider         text        not null,
  -- '*': what any other model of the provider costs.
  model            text        not null,
  effective_from   timestamptz not null,
  -- Credits, or money where money_per_credit says what a credit costs. Null: not sold by that.
  input            numeric     check (input >= 0 and input < 1e15),
  output           numeric     check (output >= 0 and output < 1e15),
  cached_read      numeric     check (cached_read >= 0 and cached_read < 1e15),
  cached_write     numeric     check (cached_write >= 0 and cached_write < 1e15),
  reasoning        numeric     check (reasoning >= 0 and reasoning < 1e15),
  per_message      numeric     check (per_message >= 0 and per_message < 1e15),
  per_request      numeric     check (per_request >= 0 and per_request < 1e15),
  token_unit       integer     not null check (token_unit in (1, 1000, 1000000)),
  -- What a cost is rounded up to, once.
  rounding         text        not null check (rounding in ('micro', 'credit')),
  margin_percent   numeric     not null check (margin_percent >= 0 and margin_percent <= 10000),
  money_per_credit numeric     check (money_per_credit > 0 and money_per_credit < 1e15),
  is_default       boolean     not null,
  state            text        not null check (state in ('active', 'inactive', 'deleted')),
  created_by       text        not null,
  note             text        not null,
  created_at       timestamptz not null default now(),
  constraint prices_price_something check (coalesce(input, output, per_message, per_request) is not null)
);

create trigger prices_append_only before update or delete on prices for each row execute function forbid_change();
create trigger prices_no_truncate before truncate on prices for each statement execute function forbid_change();

create function tell_price_change() returns trigger language plpgsql as $$
begin
  perform pg_notify('credit_gateway_prices', new.last_version::text);
  return null;
end $$;
create trigger price_counter_tells after update on price_counter for each row execute function tell_price_change();

-- Version 1 of the book "tokens" was in the code (credits/prices/token-book.ts); holds may still name it.
insert into prices (version, book, provider, model, effective_from, input, output, per_message, token_unit, rounding,
                    margin_percent, money_per_credit, is_default, state, created_by, note)
select version, book, provider, model, 'epoch', input, output, per_message, token_unit, rounding, 0, money_per_credit,
       is_default, 'active', 'migration', note
  from (values
  (2, 'tokens', '', '*', 0.200, 0.500, null::numeric, 1000, 'credit', null::numeric, false, 'contract 2.6: anything else'),
  (3, 'tokens', '', 'amazon.nova-micro-v1:0', 0.060, 0.060, null, 1000, 'credit', null, false, 'contract 2.6'),
  (4, 'tokens', '', 'amazon.nova-lite-v1:0', 0.250, 0.800, null, 1000, 'credit', null, false, 'contract 2.6'),
  (5, 'tokens', '', 'amazon.titan-text-express-v1', 0.200, 0.600, null, 1000, 'credit', null, false, 'contract 2.6'),
  (6, 'tokens', '', 'meta.llama3-70b-instruct-v1:0', 0.265, 0.350, null, 1000, 'credit', null, false, 'contract 2.6'),
  (7, 'tokens', '', 'anthropic.claude-3-sonnet-20240229-v1:0', 3, 3, null, 1000, 'credit', null, false, 'contract 2.6'),
  (8, 'tokens', '', 'anthropic.claude-3-haiku-20240307-v1:0', 0.25, 0.25, null, 1000, 'credit', null, false, 'contract 2.6'),
  (9, 'tokens', '', 'anthropic.claude-instant-v1', 0.8, 0.8, null, 1000, 'credit', null, false, 'contract 2.6'),
  (10, 'tokens', '', 'gpt-4', 5, 5, null, 1000, 'micro', null, false, 'contract 2.6: exact, 1500 tokens are 7.50'),
  (11, 'messages', 'openai', 'gpt-4', 30, 30, 30, 1000, 'micro', null, false, 'contract 4.3'),
  (12, 'messages', 'openai', 'gpt-4-turbo', 10, 10, 10, 1000, 'micro', null, true, 'contract 4.3'),
  (13, 'messages', 'openai', 'gpt-3.5-turbo', 1, 1, 1, 1000, 'micro', null, false, 'contract 4.3'),
  (14, 'messages', 'anthropic', 'claude-3-opus', 60, 60, 60, 1000, 'micro', null, false, 'contract 4.3'),
  (15, 'messages', 'anthropic', 'claude-3-sonnet', 15, 15, 15, 1000, 'micro', null, true, 'contract 4.3'),
  (16, 'messages', 'anthropic', 'claude-3-haiku', 1, 1, 1, 1000, 'micro', null, false, 'contract 4.3'),
  (17, 'messages', 'google', 'gemini-pro', 5, 5, 5, 1000, 'micro', null, true, 'contract 4.3'),
  (18, 'messages', 'google', 'gemini-pro-vision', 10, 10, 10, 1000, 'micro', null, false, 'contract 4.3'),
  (19, 'messages', 'groq', 'mixtral-8x7b', 1, 1, 1, 1000, 'micro', null, true, 'contract 4.3'),
  (20, 'messages', 'groq', 'llama2-70b', 1, 1, 1, 1000, 'micro', null, false, 'contract 4.3'),
  (21, 'messages', 'ollama', 'llama2', null, null, 1, 1000, 'micro', null, true, 'contract 4.3: no token price'),
  (22, 'messages', 'ollama', 'mistral', null, null, 1, 1000, 'micro', null, false, 'contract 4.3: no token price'),
  (23, 'models', '', '*', 0.0000003, 0.0000025, null, 1, 'credit', 0.00001, false, 'contract 3.3: defaults'),
  (24, 'models', '', 'initial', 0.0000003, 0.0000025, null, 1, 'credit', 0.00001, true, 'contract 3.3: the initial model')
) as seed (version, book, provider, model, input, output, per_message, token_unit, rounding, money_per_credit, is_default, note);

insert into price_counter (last_version) values (24);

-- no down: holds and charges name the price version that they were priced with, and must find it for ever.
