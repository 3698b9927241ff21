-- Search of the operator console: accounts by the beginning of an id, a username or an e-mail, without case, and by the id of a hold.
-- Stops writes of the tables while their indexes are built: some seconds per million rows. Meanwhile entries wait in Redis for the
-- drain. A gateway of the version before runs on it.

-- up

create index accounts_search_idx on accounts (lower(account_id) text_pattern_ops);
create index profiles_search_id_idx on profiles (lower(account_id) text_pattern_ops);
create index profiles_search_username_idx on profiles (lower(username) text_pattern_ops);
create index profiles_search_email_idx on profiles (lower(email) text_pattern_ops);
create index provisional_accounts_search_idx on provisional_accounts (lower(name) text_pattern_ops);
-- What is asked for is one id. A hash is smaller than the ids.
create index holds_search_idx on holds using hash (hold_id);
-- Lists of all holds and of all lots, the newest first.
create index holds_newest_idx on holds (placed_at);
create index lots_newest_idx on lots (granted_at);

-- down

drop index lots_newest_idx;
drop index holds_newest_idx;
drop index holds_search_idx;
drop index provisional_accounts_search_idx;
drop index profiles_search_email_idx;
drop index profiles_search_username_idx;
drop index profiles_search_id_idx;
drop index accounts_search_idx;
