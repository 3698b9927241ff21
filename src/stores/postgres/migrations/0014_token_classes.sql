-- Prices by class of token: image, audio and 1-hour cache tokens, tiers above a length of the prompt, service tiers; the limits
-- of a model; and other names for a priced model. The constraint is exchanged under a lock of the table for a moment. A gateway
-- of the version before runs on it: it does not see these prices, and refuses a model that has no other.

-- up

-- A list of {"above": tokens of the prompt, "tier": service tier, "prices": {class: decimal text}}. Above 0 in the tier "standard":
-- classes that have no column. Decimals are text, so that every digit is kept.
alter table prices add column more_rates jsonb not null default '[]' check (jsonb_typeof(more_rates) = 'array');
alter table prices add column max_input_tokens bigint check (max_input_tokens > 0);
alter table prices add column max_output_tokens bigint check (max_output_tokens > 0);
-- Not null: the model is another name for this model of the book, and has no price of its own.
alter table prices add column alias_of text;

alter table prices drop constraint prices_price_something;
alter table prices add constraint prices_price_something
  check (alias_of is not null or more_rates <> '[]' or coalesce(input, output, per_message, per_request) is not null);

-- no down: holds and charges name versions whose prices are stored nowhere else.
