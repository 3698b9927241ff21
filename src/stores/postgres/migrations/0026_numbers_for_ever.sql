-- Intents and transfers get numbers that are never given again, also after Postgres has gone back in time (a standby that lagged,
-- a backup): they begin with the time. Numbers of before keep their meaning. Takes access exclusive locks on money_in and transfers
-- until the migrations commit, and rewrites nothing. A gateway of the version before runs on it, but for DELETE /v1/grants/:id of a
-- grant with a new number, which it answers with 404.

-- up

create sequence money_numbers as bigint;

-- Milliseconds since 2025, and 1 024 numbers for each: 15 digits until 2052, exact in JSON. The sequence only tells numbers of one
-- millisecond apart. Runs with the owner's rights, as an identity column does: the application's role needs none on the sequence.
create function next_money_number() returns bigint language sql volatile security definer set search_path from current as
$$ select 100000000000000 + greatest(0, floor(extract(epoch from clock_timestamp()) * 1000)::bigint - 1735689600000) * 1024
          + nextval('money_numbers') % 1024 $$;

alter table money_in alter column intent_id drop identity;
alter table money_in alter column intent_id set default next_money_number();
alter table transfers alter column transfer_id drop identity;
alter table transfers alter column transfer_id set default next_money_number();

-- down

alter table money_in alter column intent_id drop default;
alter table money_in alter column intent_id add generated always as identity;
select setval(pg_get_serial_sequence('money_in', 'intent_id'), coalesce(max(intent_id), 0) + 1, false) from money_in;
alter table transfers alter column transfer_id drop default;
alter table transfers alter column transfer_id add generated always as identity;
select setval(pg_get_serial_sequence('transfers', 'transfer_id'), coalesce(max(transfer_id), 0) + 1, false) from transfers;
drop function next_money_number();
drop sequence money_numbers;
