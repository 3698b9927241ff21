-- Keys that outlive their receipts. Additive. Building the index blocks the drainer, not the charges: their entries wait in
-- Redis meanwhile.

-- up

-- What a keyed charge is looked up by when Redis has forgotten its receipt. Without it every look-up would read all keyed
-- entries of the account. Not unique: a key that was charged a second time while Postgres was away must not stop the
-- journal; the first entry is the answer.
create index entries_name_idx on entries (account_id, key, seq) where key <> '';

-- down

drop index entries_name_idx;
