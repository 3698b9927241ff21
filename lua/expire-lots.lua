#!lua flags=allow-oom
--[[
  expire-lots: end the lots of an account that are due, and tell the shard when the next one is.

  KEYS[1] fence       string  the shard's epoch
  KEYS[2] account     hash    balances, seq, totals
  KEYS[3] lots        zset    live lots by expiry
  KEYS[4] lot         hash    lot id -> facts
  KEYS[5] lots_due    zset    accounts by their next lot expiry
  KEYS[6] journal     stream

  ARGV[1] epoch            what the gateway believes the fence is
  ARGV[2] time_offset_ms   moves the clock in tests
  ARGV[3] account_id

  Replies
    fenced
    not_loaded
    expired      amount journal_id
    nothing_due
    account_frozen
]]
--- @include clock
--- @include step
local fence_key = KEYS[1]
local keys = { account = KEYS[2], lots = KEYS[3], lot = KEYS[4], lots_due = KEYS[5], journal = KEYS[6] }
local epoch, account_id = ARGV[1], ARGV[3]
local now_ms = clock.now_ms(tonumber(ARGV[2]))

-- Decide.
if redis.call('GET', fence_key) ~= epoch then return { 'fenced' } end
local stored = account.read(keys.account)
if not stored then return { 'not_loaded' } end
if stored.frozen then
  -- Removed from the index only, so that a frozen account does not block others; expire-forgotten finds it after the thaw.
  redis.call('ZREM', keys.lots_due, account_id)
  return { 'account_frozen' }
end
local self = step.open(keys, account_id, stored, now_ms)
local expired = numbers.text(self.state.expired - stored.expired)

-- Apply. A due lot may have been spent in the meantime: then only the account's next expiry changes.
if self.state.next_expiry_ms ~= stored.next_expiry_ms then step.apply(self) end
if expired == '0' then return { 'nothing_due' } end
return { 'expired', expired, self.journal_id }
