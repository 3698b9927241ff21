-- Which servers of Redis were replaced as masters of a shard: a drain that is still connected to one of them commits nothing.
-- Adds a column with a constant default, which rewrites nothing; a gateway of the version before runs on it, and does not look.

-- up

-- Replication ids, newest first: Redis' names of what one master has written from its promotion or start to its end.
alter table shards add column deposed text[] not null default '{}';

-- down

alter table shards drop column deposed;
