-- A key may have a limit of its rate of its own. Additive; a gateway of the version before runs on it, and applies the default.

-- up

-- Requests per second; null: the gateway's default.
alter table server_keys add column rate_limit integer check (rate_limit > 0);

-- down

alter table server_keys drop column rate_limit;
