#!lua
--[[
  restore-hold: restore an ended hold, or the receipt of an operation on one, from Postgres after Redis has deleted it, so
  that a repeat gets the first answer and a late settle is charged once.

  KEYS[1] fence       string  the shard's epoch
  KEYS[2] hold        hash    this hold, or the receipt

  ARGV[1] epoch            what the gateway believes the fence is
  ARGV[2] ttl_seconds
  ARGV[3…] list            fields and values

  Replies
    fenced
    already_there
    restored
]]
local fence_key, hold_key = KEYS[1], KEYS[2]
local epoch, ttl_seconds, first_field = ARGV[1], ARGV[2], 3

if redis.call('GET', fence_key) ~= epoch then return { 'fenced' } end
if redis.call('EXISTS', hold_key) == 1 then return { 'already_there' } end

-- Apply.
redis.call('HSET', hold_key, unpack(ARGV, first_field))
redis.call('EXPIRE', hold_key, ttl_seconds)
return { 'restored' }
