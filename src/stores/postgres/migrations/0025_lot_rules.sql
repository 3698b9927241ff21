-- Lots with a priority and a restriction. Additive: columns with a default, which rewrites no table. A gateway of the version before
-- runs on it unchanged; a worker of that version would store lots without their rules (workers first).

-- up

-- `priority;model&…;feature&…`, '' for none (src/ledger/lot-rule.ts).
alter table lots add column rule text not null default '';
alter table money_in add column rule text not null default '';

-- What a hold is for, `model;feature`, '' for neither: which lots it may use when it is extended or settled beyond its amount.
alter table holds add column spent_on text not null default '';

-- down

alter table holds drop column spent_on;
alter table money_in drop column rule;
alter table lots drop column rule;
