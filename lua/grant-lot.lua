#!lua
--[[
  grant-lot: add a lot to an account. Debt is paid from it first.

  KEYS[1] fence       string  the shard's epoch
  KEYS[2] account     hash    balances, seq, totals
  KEYS[3] lots        zset    live lots by expiry
  KEYS[4] lot         hash    lot id -> facts
  KEYS[5] lots_due    zset    accounts by their next lot expiry
  KEYS[6] journal     stream
  KEYS[7] receipt     hash    the answer to this key

  ARGV[1] epoch            what the gateway believes the fence is
  ARGV[2] time_offset_ms   moves the clock in tests
  ARGV[3] account_id
  ARGV[4] kind             grant, adjust, or set: which first takes away all that is available and clears debt
  ARGV[5] lot_id
  ARGV[6] amount           micros
  ARGV[7] expires_at_ms    inf for never
  ARGV[8] key              names this intent for ever
  ARGV[9] about            opaque facts
  ARGV[10] trace           traceparent of the call, '' for none
  ARGV[11] receipt_ttl_seconds
  ARGV[12] lots_max
  ARGV[13] rule             its priority and what it is restricted to, '' for none

  Replies
    fenced
    not_loaded
    granted         replayed previous available debt_paid journal_id
    too_many_lots
    balance_limit
    account_frozen
]]
--- @include clock
--- @include step
--- @include receipts
local fence_key, receipt_key = KEYS[1], KEYS[7]
local keys = { account = KEYS[2], lots = KEYS[3], lot = KEYS[4], lots_due = KEYS[5], journal = KEYS[6] }
local epoch, account_id, kind, lot_id, amount = ARGV[1], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
local now_ms = clock.now_ms(tonumber(ARGV[2]))
local expires_at_ms, key, about, trace = numbers.expiry(ARGV[7]), ARGV[8], ARGV[9], ARGV[10]
local receipt_ttl_seconds, lots_max, rule = ARGV[11], tonumber(ARGV[12]), ARGV[13]

-- Decide. Nothing above "Apply" writes, so every reply here is free of side effects.
if redis.call('GET', fence_key) ~= epoch then return { 'fenced' } end
local stored = account.read(keys.account)
if not stored then return { 'not_loaded' } end
-- The key is an intent's own id, so it cannot name two requests: there is no fingerprint to compare.
local earlier = receipts.find(receipt_key, key, '')
if earlier then return { 'granted', '1', earlier.previous, earlier.available, earlier.debt_paid } end
if stored.frozen then return { 'account_frozen' } end

local self = step.open(keys, account_id, stored, now_ms)
local before = account.copy(self.state)
local debt_paid = math.min(self.state.debt, amount)
local granted, remaining = amount, amount - debt_paid
if kind == 'set' then
  -- The new balance is absolute: available credits are removed, and the debt is added to the grant and paid from it.
  debt_paid = self.state.debt
  granted, remaining = amount + debt_paid, amount
  lots.take(self.lots, now_ms, self.state.available, false)
  self.state.removed = self.state.removed + self.state.available
  self.state.available = 0
elseif redis.call('ZCARD', keys.lots) >= lots_max then
  return { 'too_many_lots' }
end
if self.state.granted + granted > account.limit then return { 'balance_limit' } end

self.state.debt = self.state.debt - debt_paid
self.state.available = self.state.available + remaining
self.state.granted = self.state.granted + granted
lots.grant(self.lots, lot_id, granted, remaining, expires_at_ms, now_ms, rule)
if remaining > 0 then step.expires(self, expires_at_ms) end
step.record(self, kind, before, { key = key, about = about, trace = trace })
local answer = {
  seq = numbers.text(self.state.seq), at_ms = numbers.text(now_ms), previous = numbers.text(before.available),
  available = numbers.text(self.state.available), debt_paid = numbers.text(debt_paid),
}

-- Apply. Redis does not roll back a script that fails here, so nothing below can refuse.
step.apply(self)
receipts.write(receipt_key, key, '', answer, receipt_ttl_seconds)
return { 'granted', '0', answer.previous, answer.available, answer.debt_paid, self.journal_id }
