#!lua
--[[
  revoke-lot: remove what is left of one lot and end it. Its held part stays held until the hold ends.

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
  ARGV[4] lot_id
  ARGV[5] key              names this intent for ever
  ARGV[6] about            opaque facts
  ARGV[7] trace            traceparent of the call, '' for none
  ARGV[8] receipt_ttl_seconds

  Replies
    fenced
    not_loaded
    revoked          replayed previous available journal_id
    lot_not_found
    account_frozen
]]
--- @include clock
--- @include step
--- @include receipts
local fence_key, receipt_key = KEYS[1], KEYS[7]
local keys = { account = KEYS[2], lots = KEYS[3], lot = KEYS[4], lots_due = KEYS[5], journal = KEYS[6] }
local epoch, account_id, lot_id = ARGV[1], ARGV[3], ARGV[4]
local now_ms = clock.now_ms(tonumber(ARGV[2]))
local key, about, trace, receipt_ttl_seconds = ARGV[5], ARGV[6], ARGV[7], ARGV[8]

-- Decide. Nothing above "Apply" writes, so every reply here is free of side effects.
if redis.call('GET', fence_key) ~= epoch then return { 'fenced' } end
local stored = account.read(keys.account)
if not stored then return { 'not_loaded' } end
local earlier = receipts.find(receipt_key, key, '')
if earlier then return { 'revoked', '1', earlier.previous, earlier.available } end
if redis.call('HEXISTS', keys.lot, lot_id) == 0 then return { 'lot_not_found' } end
if stored.frozen then return { 'account_frozen' } end

local self = step.open(keys, account_id, stored, now_ms)
local lot = lots.get(self.lots, lot_id)
if lot.expires_at_ms <= now_ms then return { 'lot_not_found' } end
local before = account.copy(self.state)
self.state.available = self.state.available - lot.remaining
self.state.removed = self.state.removed + lot.remaining
lots.finish(lot, now_ms)
step.record(self, 'revoke', before, { key = key, about = about, trace = trace })
local answer = {
  seq = numbers.text(self.state.seq), at_ms = numbers.text(now_ms), previous = numbers.text(before.available),
  available = numbers.text(self.state.available), debt_paid = '0',
}

-- Apply. Redis does not roll back a script that fails here, so nothing below can refuse.
step.apply(self)
receipts.write(receipt_key, key, '', answer, receipt_ttl_seconds)
return { 'revoked', '0', answer.previous, answer.available, self.journal_id }
