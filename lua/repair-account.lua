#!lua flags=allow-oom
--[[
  repair-account: bring an account that drifts back to what the books have, or freeze it as it is. Either is an entry that moves
  nothing and says who did it, why, and what was found; it states the balances of the books and has the number after their
  last one, so it fits them whatever Redis has. Only if the account is still as the reconciler saw it: then nothing of it was
  written since, and the books that were read with it have all of its entries. Also runs on a full Redis.

  KEYS[1] fence       string  the shard's epoch
  KEYS[2] account     hash    balances, seq, totals
  KEYS[3] lots        zset    live lots by expiry
  KEYS[4] lot         hash    lot id -> facts
  KEYS[5] lots_due    zset    accounts by their next lot expiry
  KEYS[6] open        zset    the account's open holds by lease end
  KEYS[7] holds_due   zset    the shard's open holds by lease end
  KEYS[8] journal     stream
  KEYS[9…] record     hash    open holds: first those that go, then those that come

  ARGV[1] epoch            what the gateway believes the fence is
  ARGV[2] time_offset_ms   moves the clock in tests
  ARGV[3] account_id
  ARGV[4] kind             repair or freeze
  ARGV[5] about            opaque facts
  ARGV[6] holds_max        as inspect-account was called with
  ARGV[7] hold_prefix      what the keys of this account's holds begin with, hash tag included
  ARGV[8] seen_count
  ARGV[9] figure_count
  ARGV[10] lot_count
  ARGV[11] dropped_count
  ARGV[12…] list           what inspect-account answered, without the end of the journal; then the account in the books as
                           load-account takes it, with seq already one more: figures (name, value), lots (id, expires_at_ms
                           or '', facts); ids of holds that go; per hold that comes: id, lease end, field_count, fields

  Replies
    fenced
    not_loaded
    not_as_seen
    changed      seq at_ms journal_id
]]
--- @include clock
--- @include inspection
--- @include journal
--- @include holds
local fence_key, account_key, lots_key, lot_key, lots_due_key, open_key, holds_due_key, journal_key =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local epoch, account_id, kind, about, holds_max, hold_prefix = ARGV[1], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6]), ARGV[7]
local seen_count, figure_count, lot_count, dropped_count =
  tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])
local now_ms = clock.now_ms(tonumber(ARGV[2]))
local first_record, at = 9, 12

-- Decide.
if redis.call('GET', fence_key) ~= epoch then return { 'fenced' } end
local seen = inspection.read(account_key, lots_key, lot_key, open_key, holds_max, hold_prefix)
if not seen then return { 'not_loaded' } end
if #seen ~= seen_count then return { 'not_as_seen' } end
for i, text in ipairs(seen) do
  if text ~= ARGV[at + i - 1] then return { 'not_as_seen' } end
end
at = at + seen_count

local figures, state, frozen = { account_key }, {}, '0'
for i = at, at + 2 * figure_count - 1, 2 do
  local name, text = ARGV[i], ARGV[i + 1]
  figures[#figures + 1] = name
  figures[#figures + 1] = text
  state[name] = numbers.expiry(text)
  if name == 'frozen' then frozen = text end
end
at = at + 2 * figure_count
local seq, at_ms = numbers.text(state.seq), numbers.text(now_ms)
local entry = journal.entry(journal_key, account_id, kind, at_ms, state, state, { about = about })

-- Apply. Redis does not roll back a script that fails here, so nothing below can refuse.
local journal_id = redis.call('XADD', unpack(entry))
if kind == 'freeze' then
  redis.call('HSET', account_key, 'seq', seq, 'frozen', '1')
  return { 'changed', seq, at_ms, journal_id }
end
redis.call('UNLINK', lots_key, lot_key)
redis.call('HSET', unpack(figures))
for _ = 1, lot_count do
  redis.call('HSET', lot_key, ARGV[at], ARGV[at + 2])
  if ARGV[at + 1] ~= '' then redis.call('ZADD', lots_key, ARGV[at + 1], ARGV[at]) end
  at = at + 3
end
if state.next_expiry_ms == math.huge or frozen == '1' then
  redis.call('ZREM', lots_due_key, account_id)
else
  redis.call('ZADD', lots_due_key, numbers.text(state.next_expiry_ms), account_id)
end
for i = first_record, first_record + dropped_count - 1 do
  redis.call('UNLINK', KEYS[i])
  redis.call('ZREM', open_key, ARGV[at])
  redis.call('ZREM', holds_due_key, holds.due_member(account_id, ARGV[at]))
  at = at + 1
end
for i = first_record + dropped_count, #KEYS do
  local hold_id, lease_end, field_count = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  at = at + 3
  redis.call('UNLINK', KEYS[i])
  redis.call('HSET', KEYS[i], unpack(ARGV, at, at + 2 * field_count - 1))
  at = at + 2 * field_count
  redis.call('ZADD', open_key, lease_end, hold_id)
  redis.call('ZADD', holds_due_key, lease_end, holds.due_member(account_id, hold_id))
end
return { 'changed', seq, at_ms, journal_id }
