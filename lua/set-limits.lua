#!lua flags=allow-oom
--[[
  set-limits: replace the definitions of an account's limits. Counters of limits that stay are kept. An older version than
  the stored one changes nothing, so definitions can be sent again and in any order. Moves no money and writes no entry.
  Also runs on a full Redis: the end of a hold may need later edges.

  KEYS[1] fence       string  the shard's epoch
  KEYS[2] account     hash    balances, seq, totals
  KEYS[3] limits      hash    definitions and counters

  ARGV[1] epoch            what the gateway believes the fence is
  ARGV[2] version          of the definitions; 1, 2, 3 … per account
  ARGV[3] definitions      as lua/includes/limits.lua reads them; '' for none
  ARGV[4] index            of the definitions, with their version; '' for none
  ARGV[5] renews           1: the same definitions with later edges, only while they have this version

  Replies
    fenced
    not_loaded
    set
    unchanged
]]
local fence_key, account_key, limits_key = KEYS[1], KEYS[2], KEYS[3]
local epoch, version, definitions, index, renews = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]

-- Decide.
if redis.call('GET', fence_key) ~= epoch then return { 'fenced' } end
if redis.call('EXISTS', account_key) == 0 then return { 'not_loaded' } end
local current = tonumber(redis.call('HGET', limits_key, 'version') or '0')
if renews == '1' and current ~= tonumber(version) then return { 'unchanged' } end
if renews ~= '1' and current >= tonumber(version) then return { 'unchanged' } end

-- Apply.
if definitions == '' then
  redis.call('UNLINK', limits_key)
  redis.call('HSET', limits_key, 'version', version)
  redis.call('HDEL', account_key, 'limited')
else
  redis.call('HSET', limits_key, 'version', version, '=', definitions, '#', index)
  redis.call('HSET', account_key, 'limited', '1')
end
return { 'set' }
