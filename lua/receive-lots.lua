#!lua
--[[
  receive-lots: add the lots that a transfer brings, in one entry. Debt is paid from them first. A lot that has ended on
  its way expires at once.

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
  ARGV[4] new_lots         lot:amount:expires_at_ms[:rule],… with inf for never
  ARGV[5] key              names this intent for ever
  ARGV[6] about            opaque facts
  ARGV[7] trace            traceparent of the call, '' for none
  ARGV[8] receipt_ttl_seconds
  ARGV[9] lots_max

  Replies
    fenced
    not_loaded
    received        replayed previous available debt_paid journal_id
    too_many_lots
    balance_limit
    account_frozen
]]
--- @include clock
--- @include step
--- @include receipts
local fence_key, receipt_key = KEYS[1], KEYS[7]
local keys = { account = KEYS[2], lots = KEYS[3], lot = KEYS[4], lots_due = KEYS[5], journal = KEYS[6] }
local epoch, account_id, new_lots = ARGV[1], ARGV[3], lots.parse_amounts(ARGV[4])
local now_ms = clock.now_ms(tonumber(ARGV[2]))
local key, about, trace, receipt_ttl_seconds, lots_max = ARGV[5], ARGV[6], ARGV[7], ARGV[8], tonumber(ARGV[9])

-- Decide. Nothing above "Apply" writes, so every reply here is free of side effects.
if redis.call('GET', fence_key) ~= epoch then return { 'fenced' } end
local stored = account.read(keys.account)
if not stored then return { 'not_loaded' } end
local earlier = receipts.find(receipt_key, key, '')
if earlier then return { 'received', '1', earlier.previous, earlier.available, earlier.debt_paid } end
if stored.frozen then return { 'account_frozen' } end
if redis.call('ZCARD', keys.lots) + #new_lots > lots_max then return { 'too_many_lots' } end

local self = step.open(keys, account_id, stored, now_ms)
local before = account.copy(self.state)
for _, lot in ipairs(new_lots) do
  local paying, expiring = 0, 0
  if lot.expires_at_ms <= now_ms then expiring = lot.amount else paying = math.min(self.state.debt, lot.amount) end
  local remaining = lot.amount - paying - expiring
  self.state.debt = self.state.debt - paying
  self.state.expired = self.state.expired + expiring
  self.state.available = self.state.available + remaining
  self.state.granted = self.state.granted + lot.amount
  lots.grant(self.lots, lot.id, lot.amount, remaining, lot.expires_at_ms, now_ms, lot.rule)
  if remaining > 0 then step.expires(self, lot.expires_at_ms) end
end
if self.state.granted > account.limit then return { 'balance_limit' } end
step.record(self, 'transfer_in', before, { key = key, about = about, trace = trace })
local answer = {
  seq = numbers.text(self.state.seq), at_ms = numbers.text(now_ms), previous = numbers.text(before.available),
  available = numbers.text(self.state.available), debt_paid = numbers.text(before.debt - self.state.debt),
}

-- Apply. Redis does not roll back a script that fails here, so nothing below can refuse.
step.apply(self)
receipts.write(receipt_key, key, '', answer, receipt_ttl_seconds)
return { 'received', '0', answer.previous, answer.available, answer.debt_paid, self.journal_id }
