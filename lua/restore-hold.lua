#!lua
--[[
  restore-hold: restore an ended hold, or the receipt of an operation on one, from Postgres after Redis has deleted it, so
  that a repeat gets the first answer and a late settle is charged once. A hold that was corrected after Postgres was read
  is not restored as it was before: its mark says so (shorten-receipts).

  KEYS[1] fence       string  the shard's epoch
  KEYS[2] hold        hash    this hold, or the receipt
  KEYS[3] ended       string  the mark of the hold; of a receipt its own key once more

  ARGV[1] epoch            what the gateway believes the fence is
  ARGV[2] ttl_seconds
  ARGV[3] end_seq          of the hold; of a receipt ''
  ARGV[4…] list            fields and values

  Replies
    fenced
    already_there
    stale                     (it has a later end)
    restored
]]
local fence_key, hold_key, ended_key = KEYS[1], KEYS[2], KEYS[3]
local epoch, ttl_seconds, end_seq, first_field = ARGV[1], ARGV[2], tonumber(ARGV[3]), 4

if redis.call('GET', fence_key) ~= epoch then return { 'fenced' } end
if redis.call('EXISTS', hold_key) == 1 then return { 'already_there' } end
if end_seq and tonumber(redis.call('GET', ended_key) or '0') > end_seq then return { 'stale' } end

-- Apply.
redis.call('HSET', hold_key, unpack(ARGV, first_field))
redis.call('EXPIRE', hold_key, ttl_seconds)
return { 'restored' }
