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

  ARGV[1] epoch            what the gateway believes the fence is
  ARGV[2] holds_max        open holds to list; of the others only their number is told
  ARGV[3] hold_prefix      what the keys of this account's holds begin with, hash tag included. Which of them are read
                           is in `open`, so they cannot be declared; all are of the slot of the declared keys.

  Replies
    fenced
    not_loaded
    account    figures… lot_count (id facts)… live_count id… open_count hold_count (id state amount)… journal_end
  `figures` are those of account.texts. A hold in the list of open ones whose record is missing has the state ''.
  `journal_end` is the last entry of the stream, 0-0 when it has none: when Postgres has that, the stream has nothing
  more to give for this account.
]]
--- @include inspection
local fence_key, account_key, lots_key, lot_key, open_key, journal_key =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local epoch, holds_max, hold_prefix = ARGV[1], tonumber(ARGV[2]), ARGV[3]

if redis.call('GET', fence_key) ~= epoch then return { 'fenced' } end
local texts = inspection.read(account_key, lots_key, lot_key, open_key, holds_max, hold_prefix)
if not texts then return { 'not_loaded' } end
local newest = redis.call('XREVRANGE', journal_key, '+', '-', 'COUNT', 1)[1]
local reply = { 'account' }
for _, text in ipairs(texts) do reply[#reply + 1] = text end
reply[#reply + 1] = newest and newest[1] or '0-0'
return reply
