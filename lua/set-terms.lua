#!lua flags=allow-oom
--[[
  set-terms: replace the terms of holds that an account has of its own. An older version than the stored one changes nothing, so terms
  can be sent again and in any order. Moves no money and writes no entry.

  KEYS[1] fence       string  the shard's epoch
  KEYS[2] account     hash    balances, seq, totals

  ARGV[1] epoch            what the gateway believes the fence is
  ARGV[2] version          of the terms; 1, 2, 3 … per account
  ARGV[3] terms            as lua/includes/terms.lua reads them; '' for none

  Replies
    fenced
    not_loaded
    set
    unchanged
]]
local fence_key, account_key = KEYS[1], KEYS[2]
local epoch, version, terms = ARGV[1], ARGV[2], ARGV[3]

-- Decide.
if redis.call('GET', fence_key) ~= epoch then return { 'fenced' } end
if redis.call('EXISTS', account_key) == 0 then return { 'not_loaded' } end
if tonumber(redis.call('HGET', account_key, 'terms_version') or '0') >= tonumber(version) then return { 'unchanged' } end

-- Apply.
redis.call('HSET', account_key, 'terms_version', version)
if terms == '' then
  redis.call('HDEL', account_key, 'terms')
else
  redis.call('HSET', account_key, 'terms', terms)
end
return { 'set' }
