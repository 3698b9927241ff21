#!lua
--[[
  begin-load: give the loads of an account their ticket, before Postgres is read. Only a load with the present ticket
  writes (load-account), and an account that leaves Redis ends it (evict-account): so what was read from Postgres before
  the account was loaded, changed and evicted again can never be written over what came after it.

  KEYS[1] fence       string  the shard's epoch
  KEYS[2] account     hash    balances, seq, totals
  KEYS[3] ticket      string  of the loads that are under way

  ARGV[1] epoch            what the gateway believes the fence is
  ARGV[2] ticket           a new one, used unless there is one already
  ARGV[3] ttl_ms           a load that takes longer starts again

  Replies
    fenced
    already_loaded
    ticket       ticket
]]
local fence_key, account_key, ticket_key = KEYS[1], KEYS[2], KEYS[3]
local epoch, ticket, ttl_ms = ARGV[1], ARGV[2], ARGV[3]

if redis.call('GET', fence_key) ~= epoch then return { 'fenced' } end
if redis.call('EXISTS', account_key) == 1 then return { 'already_loaded' } end
local present = redis.call('GET', ticket_key)
if present then return { 'ticket', present } end

-- Apply.
redis.call('SET', ticket_key, ticket, 'PX', ttl_ms)
return { 'ticket', ticket }
