-- Which processes the record of a loss has counted, so that each adds what Redis had acknowledged to it, once. Additive: a column
-- that may be null, which rewrites no table. A gateway of the version before runs on it, and adds as it did.

-- up

-- Null: everything up to known_id is counted, as in records of the version before.
alter table shard_losses add column counted text[];

-- down

alter table shard_losses drop column counted;
