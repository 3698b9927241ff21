#!lua
--[[
  debit: take credits in one step, from live lots in the order of use; or refuse and move nothing. A charge counts as
  captured and takes from lots that it may use; an administrator's removal counts as removed and takes from any. Usage
  that a deduction has paid for is recorded and not charged; usage that is refused is recorded as uncollected, because it
  has happened.

  KEYS[1] fence       string  the shard's epoch
  KEYS[2] account     hash    balances, seq, totals
  KEYS[3] lots        zset    live lots by expiry
  KEYS[4] lot         hash    lot id -> facts
  KEYS[5] lots_due    zset    accounts by their next lot expiry
  KEYS[6] journal     stream
  KEYS[7] receipt     hash    the answer to this key
  KEYS[8] open        zset    the account's open holds by lease end
  KEYS[9] deductions  hash    seq -> at_ms: deductions of this amount that no usage record has claimed
  KEYS[10] refusals   hash    usage that was refused this minute
  KEYS[11] limits     hash    definitions and counters of the account's limits

  ARGV[1] epoch            what the gateway believes the fence is
  ARGV[2] time_offset_ms   moves the clock in tests
  ARGV[3] account_id
  ARGV[4] kind             charge, remove or adjust
  ARGV[5] amount           micros
  ARGV[6] key              names the request; '' for none
  ARGV[7] fingerprint      of the request
  ARGV[8] price
  ARGV[9] about            opaque facts
  ARGV[10] trace           traceparent of the call, '' for none
  ARGV[11] receipt_ttl_seconds
  ARGV[12] purpose         '' for none; deduction: a usage record may claim it; usage: has happened, even if refused;
                           deducted_usage: usage whose deduction is to be claimed, if there is one
  ARGV[13] deduction_ttl_ms      how long a deduction can be claimed
  ARGV[14] deductions_max        that wait to be claimed, per amount
  ARGV[15] refusals_max          recorded per minute
  ARGV[16] refused_seq           the refusal of this request that Postgres remembers; '' for none
  ARGV[17] refused_amount        micros
  ARGV[18] due_holds_max   holds past their lease to name at a time
  ARGV[19] spender         who spends, and on what: which limits match, and which lots it may use; read for charges only
  ARGV[20] model           its names, with a tab between them; '' for none, as the next two
  ARGV[21] feature
  ARGV[22] api_key
  ARGV[23] key_limit       what the limit of the API key allows it (limits.key_room); '' for none

  Replies
    fenced
    not_loaded
    debited               replayed seq at_ms previous available journal_id
    holds_due             hold…   (past their lease: to be ended before this can be decided)
    insufficient_credits  usable   (what is available to it)
    limit_reached         usable limit_id remaining resets_at_ms period window
    limits_stale          now_ms version definitions   (their edges do not reach this far)
    usage_refused         usable [limit_id remaining resets_at_ms period window] journal_id
                          (as the refusal with the same values, and recorded as uncollected usage)
    idempotency_mismatch
    account_frozen
]]
--- @include clock
--- @include step
--- @include receipts
--- @include holds
--- @include deductions
--- @include refusals
--- @include counters
local fence_key, receipt_key, open_key, deductions_key, refusals_key, limits_key =
  KEYS[1], KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11]
local keys = { account = KEYS[2], lots = KEYS[3], lot = KEYS[4], lots_due = KEYS[5], journal = KEYS[6] }
local epoch, account_id, kind, amount = ARGV[1], ARGV[3], ARGV[4], tonumber(ARGV[5])
local now_ms = clock.now_ms(tonumber(ARGV[2]))
local key, fingerprint, price, about, trace, receipt_ttl_seconds = ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10], ARGV[11]
local purpose, deduction_ttl_ms, deductions_max, refusals_max = ARGV[12], tonumber(ARGV[13]), tonumber(ARGV[14]), tonumber(ARGV[15])
local due_holds_max = ARGV[18]
local spending = { spender = ARGV[19], model = ARGV[20], feature = ARGV[21], api_key = ARGV[22] }
local key_room, key_refusal = limits.key_room(ARGV[23])
local known_refusal = { seq = tonumber(ARGV[16]), amount = tonumber(ARGV[17]) }
local is_usage = purpose == 'usage' or purpose == 'deducted_usage'

-- Facts that only this script knows, behind those of the use case and in the same JSON (ledger/facts.ts).
local function with_fact(name, seq, credits)
  local fact = '"' .. name .. '":{"seq":' .. numbers.text(seq) .. ',"credits":' .. numbers.text(credits) .. '}}'
  return #about > 2 and string.sub(about, 1, -2) .. ',' .. fact or '{' .. fact
end

-- Decide. Nothing above "Apply" writes, so every reply here is free of side effects.
if redis.call('GET', fence_key) ~= epoch then return { 'fenced' } end
local stored = account.read(keys.account)
if not stored then return { 'not_loaded' } end
local earlier = receipts.find(receipt_key, key, fingerprint)
if earlier == false then return { 'idempotency_mismatch' } end
if earlier then return { 'debited', '1', earlier.seq, earlier.at_ms, earlier.previous, earlier.available } end
if stored.frozen then return { 'account_frozen' } end

local counting = kind == 'charge' and limits.match(stored, limits_key, now_ms, spending) or nil
if counting and counting.stale then return { 'limits_stale', limits.stale(counting) } end
local room, tightest = limits.room(counting)
local self = step.open(keys, account_id, stored, now_ms)
local usable = step.usable(self, kind == 'charge' and lots.spent_on(spending.model, spending.feature) or nil)
local before = account.copy(self.state)
local refused = is_usage and (receipts.refused(receipt_key, key, fingerprint) or known_refusal.seq and known_refusal) or nil
local deduction, stale
if purpose == 'deducted_usage' then deduction, stale = deductions.oldest(deductions_key, now_ms - deduction_ttl_ms) end
local commands = {}

if not deduction and math.min(usable, room, key_room) < amount then
  local due = holds.due(open_key, now_ms, due_holds_max)
  if #due > 0 then return { 'holds_due', unpack(due) } end
  local uncollected = self.state.uncollected + amount
  -- Recorded once per key, a limited number of times per minute, and never so much that totals of settlements become inexact.
  if is_usage and not refused and uncollected <= account.limit / 2 then
    commands = refusals.count(refusals_key, now_ms, refusals_max)
  else
    commands = nil
  end
  local refusal = {}
  if room < usable then refusal = { limits.refusal(tightest, amount) } end
  if key_room < math.min(room, usable) then refusal = key_refusal end
  if not commands and #refusal > 0 then return { 'limit_reached', numbers.text(usable), unpack(refusal) } end
  if not commands then return { 'insufficient_credits', numbers.text(usable) } end
  self.state.uncollected = uncollected
  step.record(self, 'refuse_usage', before, { key = key, fingerprint = fingerprint, price = price, about = about, trace = trace })

  -- Apply. Redis does not roll back a script that fails here, so nothing below can refuse.
  step.apply(self)
  for _, command in ipairs(commands) do redis.call(unpack(command)) end
  receipts.write_refused(receipt_key, key, fingerprint, self.state.seq, amount, receipt_ttl_seconds)
  refusal[#refusal + 1] = self.journal_id
  return { 'usage_refused', numbers.text(usable), unpack(refusal) }
end

if deduction then
  kind, about = 'attribute', with_fact('deduction', deduction, amount)
  commands = deductions.claim(deductions_key, deduction, stale)
else
  local bucket = kind == 'charge' and 'captured' or 'removed'
  lots.take(self.lots, now_ms, amount, false)
  self.state.available = self.state.available - amount
  self.state[bucket] = self.state[bucket] + amount
  counters.take(counting, amount, 0)
  about = counters.about(counting, about)
end
if refused then
  -- It counted as uncollected when it was refused, and is collected now.
  about = with_fact('refusal', refused.seq, refused.amount)
  self.state.uncollected = math.max(0, self.state.uncollected - refused.amount)
end
step.record(self, kind, before, { key = key, fingerprint = fingerprint, price = price, about = about, trace = trace })
if purpose == 'deduction' then
  commands = deductions.add(deductions_key, self.state.seq, now_ms, deduction_ttl_ms, deductions_max)
end
for _, command in ipairs(counters.commands(counting)) do commands[#commands + 1] = command end
local answer = {
  seq = numbers.text(self.state.seq), at_ms = numbers.text(now_ms), previous = numbers.text(before.available),
  available = numbers.text(self.state.available), debt_paid = '0',
}

-- Apply. Redis does not roll back a script that fails here, so nothing below can refuse.
step.apply(self)
for _, command in ipairs(commands) do redis.call(unpack(command)) end
receipts.write(receipt_key, key, fingerprint, answer, receipt_ttl_seconds)
return { 'debited', '0', answer.seq, answer.at_ms, answer.previous, answer.available, self.journal_id }
