-- What limits match an open hold by, so that one that is defined later counts it too. Additive: a column with a default, which rewrites
-- no table. Holds of the version before have '': they count against the limits that they were placed under.

-- up

-- `spender;feature;api_key;model&…;own_limits` (lua/includes/limits.lua).
alter table holds add column spending text not null default '';

-- down

alter table holds drop column spending;
