#!lua flags=no-writes
--[[
  inspect-account: all stored data of an account, unchanged, at one instant. Unlike read-account it includes what is due
  and loads nothing: the reconciler compares it with Postgres.

  KEYS[1] fence       string  the shard's epoch
  KEYS[2] account     hash    balances, seq, totals
  KEYS[3] lots        zset    live lots by expiry
  KEYS[4] lot         hash    lot id -> facts
  KEYS[5] open        zset    the account's open holds by lease end
  KEYS[6] journal     stream
  KEYS[7] hold        hash    what the keys of this account's holds begin with

  ARGV[1] epoch            what the gateway believes the fence is
  ARGV[2] holds_max        open holds to list; of the others only their number is told

  Replies
    fenced
    not_loaded
    account    figures… journal_end
               lot_count (id facts)… live_count id… open_count hold_count (id state amount)…
  `figures` are those of account.texts. A hold in the list of open ones whose record is missing has the state ''.
  `journal_end` is the last entry of the stream, 0-0 when it has none: when Postgres has that, the stream has nothing
  more to give for this account.
]]
--- @include account
local fence_key, account_key, lots_key, lot_key, open_key, journal_key, hold_prefix =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local epoch, holds_max = ARGV[1], tonumber(ARGV[2])

if redis.call('GET', fence_key) ~= epoch then return { 'fenced' } end
local state = account.read(account_key)
if not state then return { 'not_loaded' } end

local newest = redis.call('XREVRANGE', journal_key, '+', '-', 'COUNT', 1)[1]
local reply = { 'account', unpack(account.texts(state)) }
local function add(...)
  for i = 1, select('#', ...) do reply[#reply + 1] = (select(i, ...)) end
end

add(newest and newest[1] or '0-0')
local facts = redis.call('HGETALL', lot_key)
add(numbers.text(#facts / 2))
for i = 1, #facts do add(facts[i]) end
local live = redis.call('ZRANGE', lots_key, 0, -1)
add(numbers.text(#live))
for _, id in ipairs(live) do add(id) end

local hold_ids = redis.call('ZRANGE', open_key, 0, holds_max - 1)
add(numbers.text(redis.call('ZCARD', open_key)), numbers.text(#hold_ids))
for _, id in ipairs(hold_ids) do
  local hold = redis.call('HMGET', hold_prefix .. id, 'state', 'amount')
  add(id, hold[1] or '', hold[2] or '0')
end
return reply
