-- A key may have a limit of what it spends. Additive; a gateway of the version before runs on it and applies no such limit, so limits
-- are set when the last of them is gone.

-- up

-- Micros of one calendar window, in all accounts; null: no limit. All keys of one name have the same.
alter table server_keys add column spend_amount bigint check (spend_amount >= 0);
alter table server_keys add column spend_period text check (spend_period in ('hour', 'day', 'week', 'month'));
alter table server_keys add column spend_zone text;
-- Since when it counts by this period and zone.
alter table server_keys add column spend_since timestamptz;
alter table server_keys add constraint server_keys_spend_whole check (
  num_nonnulls(spend_amount, spend_period, spend_zone, spend_since) in (0, 4));

-- down

alter table server_keys drop column spend_amount, drop column spend_period, drop column spend_zone, drop column spend_since;
