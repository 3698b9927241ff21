#!lua
--[[
  debit: take credits in one step, from live lots, soonest expiry first; or refuse and change nothing. A charge counts
  as captured, an administrator's removal as removed.

  KEYS[1] fence       string  the shard's epoch
  KEYS[2] account     hash    balances, seq, totals
  KEYS[3] lots        zset    live lots by expiry
  KEYS[4] lot         hash    lot id -> facts
  KEYS[5] lots_due    zset    accounts by their next lot expiry
  KEYS[6] journal     stream
  KEYS[7] receipt     hash    the answer to this key
  KEYS[8] open        zset    the account's open holds by lease end

  ARGV[1] epoch            what the gateway believes the fence is
  ARGV[2] time_offset_ms   moves the clock in tests
  ARGV[3] account_id
  ARGV[4] kind             charge, remove or adjust
  ARGV[5] amount           micros
  ARGV[6] key              names the request; '' for none
  ARGV[7] fingerprint      of the request
  ARGV[8] price
  ARGV[9] about            opaque facts
  ARGV[10] receipt_ttl_seconds
  ARGV[11] due_holds_max   holds past their lease to name at a time

  Replies
    fenced
    not_loaded
    debited               replayed seq at_ms previous available
    holds_due             hold…   (past their lease: to be ended before this can be decided)
    insufficient_credits  available
    idempotency_mismatch
    account_frozen
]]
--- @include clock
--- @include step
--- @include receipts
--- @include holds
local fence_key, receipt_key, open_key = KEYS[1], KEYS[7], KEYS[8]
local keys = { account = KEYS[2], lots = KEYS[3], lot = KEYS[4], lots_due = KEYS[5], journal = KEYS[6] }
local epoch, account_id, kind, amount = ARGV[1], ARGV[3], ARGV[4], tonumber(ARGV[5])
local now_ms = clock.now_ms(tonumber(ARGV[2]))
local key, fingerprint, price, about, receipt_ttl_seconds = ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10]
local due_holds_max = ARGV[11]

-- Decide. Nothing above "Apply" writes, so every reply here is free of side effects.
if redis.call('GET', fence_key) ~= epoch then return { 'fenced' } end
local stored = account.read(keys.account)
if not stored then return { 'not_loaded' } end
local earlier = receipts.find(receipt_key, key, fingerprint)
if earlier == false then return { 'idempotency_mismatch' } end
if earlier then return { 'debited', '1', earlier.seq, earlier.at_ms, earlier.previous, earlier.available } end
if stored.frozen then return { 'account_frozen' } end

local self = step.open(keys, account_id, stored, now_ms)
if self.state.available < amount then
  local due = holds.due(open_key, now_ms, due_holds_max)
  if #due > 0 then return { 'holds_due', unpack(due) } end
  return { 'insufficient_credits', numbers.text(self.state.available) }
end

local before = account.copy(self.state)
local bucket = kind == 'charge' and 'captured' or 'removed'
lots.take(self.lots, now_ms, amount, false)
self.state.available = self.state.available - amount
self.state[bucket] = self.state[bucket] + amount
step.record(self, kind, before, { key = key, fingerprint = fingerprint, price = price, about = about })
local answer = {
  seq = numbers.text(self.state.seq), at_ms = numbers.text(now_ms), previous = numbers.text(before.available),
  available = numbers.text(self.state.available), debt_paid = '0',
}

-- Apply. Redis does not roll back a script that fails here, so nothing below can refuse.
step.apply(self)
receipts.write(receipt_key, key, fingerprint, answer, receipt_ttl_seconds)
return { 'debited', '0', answer.seq, answer.at_ms, answer.previous, answer.available }
