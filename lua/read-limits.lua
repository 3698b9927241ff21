#!lua flags=allow-oom
--[[
  read-limits: what the limits that match an operation have used and still allow, at one instant. Changes nothing.

  KEYS[1] fence       string  the shard's epoch
  KEYS[2] account     hash    balances, seq, totals
  KEYS[3] limits      hash    definitions and counters

  ARGV[1] epoch            what the gateway believes the fence is
  ARGV[2] time_offset_ms   moves the clock in tests
  ARGV[3] spender
  ARGV[4] model            names, with a tab between them; '' for none
  ARGV[5] feature
  ARGV[6] api_key

  Replies
    fenced
    not_loaded
    limits_stale  now_ms version definitions
    limits        (id used remaining resets_at_ms mode)…
]]
--- @include clock
--- @include account
--- @include limits
local fence_key, account_key, limits_key = KEYS[1], KEYS[2], KEYS[3]
local epoch, now_ms = ARGV[1], clock.now_ms(tonumber(ARGV[2]))
local spending = { spender = ARGV[3], model = ARGV[4], feature = ARGV[5], api_key = ARGV[6] }

if redis.call('GET', fence_key) ~= epoch then return { 'fenced' } end
local stored = account.read(account_key)
if not stored then return { 'not_loaded' } end
local set = limits.match(stored, limits_key, now_ms, spending)
if set and set.stale then return { 'limits_stale', limits.stale(set) } end

local reply = { 'limits' }
for _, line in ipairs(set and set.lines or {}) do
  local definition = line.definition
  reply[#reply + 1] = definition.id
  reply[#reply + 1] = numbers.text(line.used)
  reply[#reply + 1] = numbers.text(math.max(0, definition.amount - line.used))
  reply[#reply + 1] = limits.resets_at(line, 1)
  reply[#reply + 1] = definition.mode
end
return reply
