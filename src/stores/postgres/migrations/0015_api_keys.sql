-- Keys of servers become keys of services: bound to a prefix of accounts or to one payer, and rotated under one name.
-- Additive; a gateway of the version before runs on it, and knows none of the new scopes, so it refuses keys that have no other.

-- up

-- The name under which idempotency keys of this key are remembered: the id of the first key of the name. Null: its own id.
alter table server_keys add column caller_id text;
alter table server_keys add column account_prefix text;
alter table server_keys add column payer text;
-- The Idempotency-Key with which it was made, and the digest of that request.
alter table server_keys add column request_key text;
alter table server_keys add column request_fingerprint text;
alter table server_keys add constraint server_keys_bound_once check (account_prefix is null or payer is null);
create unique index server_keys_request_idx on server_keys (request_key) where request_key is not null;

-- down

alter table server_keys drop column caller_id, drop column account_prefix, drop column payer, drop column request_key,
  drop column request_fingerprint;
