#!lua flags=allow-oom
--[[
  settle-hold: end a hold. Settling captures its cost, voiding captures nothing, expiring captures what its policy
  says; the rest goes back to its lots, or expires with them. One script handles all endings, so a second end sees the
  first outcome: the same cost repeats it, more charges the difference (a late settle after an expiry, otherwise a
  correction), less is refused, except by a settle after an expiry that charged what was reported: then what was too much
  is given back. Also runs on a full Redis: it frees a hold.

  KEYS[1] fence       string  the shard's epoch
  KEYS[2] account     hash    balances, seq, totals
  KEYS[3] lots        zset    live lots by expiry
  KEYS[4] lot         hash    lot id -> facts
  KEYS[5] lots_due    zset    accounts by their next lot expiry
  KEYS[6] journal     stream
  KEYS[7] hold        hash    this hold
  KEYS[8] open        zset    the account's open holds by lease end
  KEYS[9] holds_due   zset    the shard's open holds by lease end
  KEYS[10] limits     hash    definitions and counters of the account's limits
  KEYS[11] receipt    hash    the answer to the key

  ARGV[1] epoch            what the gateway believes the fence is
  ARGV[2] time_offset_ms   moves the clock in tests
  ARGV[3] account_id
  ARGV[4] hold_id
  ARGV[5] ending           settle, void or expire
  ARGV[6] cost             micros; settle only
  ARGV[7] price            the price the cost was computed with, '' if not known; settle only
  ARGV[8] over_capture     debt, available or cap; unless the hold has its own, or the account has terms
  ARGV[9] debt_limit       micros, '' for none; unless the hold has its own over_capture, or the account has terms
  ARGV[10] fingerprint     of the request
  ARGV[11] about           opaque facts of the end
  ARGV[12] principal       who ends it: user, service or operator; '' for an expiry
  ARGV[13] corrects        seq of the end that the cost takes into account, any when it depends on none, '' when no
                           end is known: then one that was settled or voided is not corrected
  ARGV[14] trace           traceparent of the call, '' for none
  ARGV[15] correction_window_ms  how long after its end a hold can be corrected
  ARGV[16] receipt_ttl_seconds   until the drain shortens it (see shorten-receipts)
  ARGV[17] use             what a settle captures: '' the cost, which was computed with the price; amount: the cost, at any
                           price; reported, input or estimate: what the hold has of it, instead of the cost
  ARGV[18] key             of the request, '' for none
  ARGV[19] recalled        1: Postgres was asked for the key
  ARGV[20] models          names of models besides those of the hold, with a tab between them; '' for none

  Replies
    fenced
    not_loaded
    ended           replayed outcome… api_key charged beyond journal_id
                                                  (of the key that placed it, '' for none; what this end charged, below zero if
                                                  it gave back, and the part beyond the hold; a repeat has none of these)
    price_needed    price placed_at_ms about
    hold_resolved   outcome…
    idempotency_mismatch
    receipt_needed                                (Redis may have forgotten the key: to be looked up in Postgres)
    hold_not_found
    forbidden                                     (a service placed it, and a user may not end it)
    not_due
    limits_stale    now_ms version definitions   (their edges do not reach this far)
    account_frozen
  An outcome is: state seq amount captured released expired overage debt uncollected available ended_at_ms
  placed_at_ms late about
]]
--- @include clock
--- @include step
--- @include holds
--- @include givebacks
--- @include counters
--- @include terms
local fence_key, hold_key, open_key, holds_due_key, limits_key, receipt_key =
  KEYS[1], KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11]
local keys = { account = KEYS[2], lots = KEYS[3], lot = KEYS[4], lots_due = KEYS[5], journal = KEYS[6] }
local epoch, account_id, hold_id, ending = ARGV[1], ARGV[3], ARGV[4], ARGV[5]
local now_ms = clock.now_ms(tonumber(ARGV[2]))
local cost, price, over_capture, debt_limit = tonumber(ARGV[6]), ARGV[7], ARGV[8], tonumber(ARGV[9])
local fingerprint, about = ARGV[10], ARGV[11]
local principal, corrects, trace, correction_window_ms = ARGV[12], ARGV[13], ARGV[14], tonumber(ARGV[15])
local receipt_ttl_seconds, use, key, recalled, models = ARGV[16], ARGV[17], ARGV[18], ARGV[19], ARGV[20]

-- Decide. Nothing above "Apply" writes, except that a due-index entry without a hold, or of a frozen account, is deleted.
if redis.call('GET', fence_key) ~= epoch then return { 'fenced' } end
local stored = account.read(keys.account)
if not stored then return { 'not_loaded' } end

local state, hold_amount, parts, hold_price, policy, expires_at_ms, placed_at_ms, hold_about, placed_by, hold_kind,
  own_over_capture, own_debt_limit, input_cost, reported, reported_usage, spent_text, limit_parts, spent_on, spending =
  unpack(redis.call('HMGET', hold_key, 'state', 'amount', 'parts', 'price', 'policy', 'expires_at_ms', 'placed_at_ms',
    'about', 'placed_by', 'kind', 'over_capture', 'debt_limit', 'input_cost', 'reported', 'reported_usage', 'spent', 'limit_parts',
    'spent_on', 'spending'))
if not state then
  -- The hold may have left Redis before the answer to the key (shorten-receipts).
  local first_fingerprint, first_state = unpack(key ~= '' and redis.call('HMGET', receipt_key, 'fingerprint', 'state') or {})
  if first_state and first_fingerprint ~= fingerprint then return { 'idempotency_mismatch' } end
  if first_state then return { 'ended', '1', unpack(holds.outcome(receipt_key)) } end
  if ending == 'expire' then
    redis.call('ZREM', open_key, hold_id)
    redis.call('ZREM', holds_due_key, holds.due_member(account_id, hold_id))
  end
  return { 'hold_not_found' }
end
if placed_by == 'service' and principal == 'user' then return { 'forbidden' } end
if key ~= '' then
  local first_fingerprint, first_state = unpack(redis.call('HMGET', receipt_key, 'fingerprint', 'state'))
  if first_fingerprint and first_fingerprint ~= fingerprint then return { 'idempotency_mismatch' } end
  -- A receipt that was loaded from Postgres has no outcome of its own.
  if first_fingerprint then return { 'ended', '1', unpack(holds.outcome(first_state and receipt_key or hold_key)) } end
end

if own_over_capture then
  over_capture, debt_limit = own_over_capture, tonumber(own_debt_limit or '')
else
  over_capture, debt_limit = terms.beyond(stored, over_capture, debt_limit)
end
local known_costs = { reported = reported, input = input_cost, estimate = hold_amount }
if ending == 'void' then
  cost = 0
elseif ending == 'expire' then
  cost = tonumber(known_costs[string.match(policy or '', '^charge_(%l+)$')] or '0')
elseif use ~= '' and use ~= 'amount' then
  cost = tonumber(known_costs[use] or '0')
end
-- A cost that was computed with a price holds for that price alone.
local is_priced = ending == 'settle' and use == ''

-- The amounts of an earlier end.
local first = { captured = 0, overage = 0, debt = 0, uncollected = 0 }
local is_ended, is_late = state ~= 'open', state == 'expired'
local excess = 0
if is_ended then
  local outcome = holds.outcome(hold_key)
  if ending == 'expire' then return { 'hold_resolved', unpack(outcome) } end
  local end_fingerprint, end_seq, captured, released, expired, overage, debt, uncollected, late, ended_at_ms, closed_at_ms =
    unpack(redis.call('HMGET', hold_key, 'end_fingerprint', 'end_seq', 'captured', 'released', 'expired', 'overage', 'debt',
      'uncollected', 'late', 'ended_at_ms', 'closed_at_ms'))
  first = {
    seq = end_seq, captured = tonumber(captured), released = tonumber(released), expired = tonumber(expired),
    overage = tonumber(overage), debt = tonumber(debt), uncollected = tonumber(uncollected), late = late,
    -- Holds that ended before corrections existed have no closed_at_ms.
    closed_at_ms = tonumber(closed_at_ms or ended_at_ms),
  }
  if ending == 'settle' and state == 'settled' and end_fingerprint == fingerprint then return { 'ended', '1', unpack(outcome) } end
  if key ~= '' and recalled ~= '1' then return { 'receipt_needed' } end
  if is_priced and price ~= hold_price then return { 'price_needed', hold_price, placed_at_ms, hold_about } end
  if not is_late and corrects ~= 'any' and corrects ~= end_seq then return { 'hold_resolved', unpack(outcome) } end
  local charged = first.captured + first.uncollected
  if cost == charged then return { 'ended', '1', unpack(outcome) } end
  local is_over = not is_late and now_ms - first.closed_at_ms > correction_window_ms
  if is_late and ending == 'settle' and policy == 'charge_reported' then excess = math.max(0, charged - cost) end
  if cost + excess < charged or is_over then return { 'hold_resolved', unpack(outcome) } end
elseif is_priced and price ~= hold_price then
  return { 'price_needed', hold_price, placed_at_ms, hold_about }
elseif ending == 'expire' and now_ms < tonumber(expires_at_ms) then
  return { 'not_due' }
end
if stored.frozen then
  -- Removed from the index only, so that a frozen account does not block others; expire-forgotten finds it after the thaw.
  if ending == 'expire' then redis.call('ZREM', holds_due_key, holds.due_member(account_id, hold_id)) end
  return { 'account_frozen' }
end

local amount = tonumber(hold_amount)
local self = step.open(keys, account_id, stored, now_ms)
local before = step.before(self)
local captured, released, expired = 0, 0, 0
-- What an expiry by report takes from lots: a late settle may give it back to them.
local spent_parts = {}
local back = givebacks.none
if excess > 0 then
  back = givebacks.apply(self, first, excess, spent_text or '')
  expired = back.expired
elseif not is_ended then
  -- The captured part is spent from the first lots of the hold; the rest returns to the others.
  for _, part in ipairs(lots.parse_parts(parts)) do
    local lot = lots.get(self.lots, part.id)
    local spent = math.min(cost - captured, part.amount)
    local rest = part.amount - spent
    captured = captured + spent
    givebacks.remember(spent_parts, lot, spent)
    if lot.expires_at_ms <= now_ms then
      -- The hold kept these credits alive past their lot's end; released, they expire at once.
      expired = expired + rest
      lots.change(lot, 0, -part.amount)
    else
      released = released + rest
      lots.change(lot, rest, -part.amount)
      if rest > 0 then step.expires(self, lot.expires_at_ms) end
    end
  end
  self.state.held = self.state.held - amount
  self.state.available = self.state.available + released
end

-- Beyond the hold: first what is available to it, then debt by policy. What cannot be charged is recorded as uncollected.
local overage = math.max(0, cost - first.captured - first.uncollected - captured)
local from_available = (over_capture == 'cap' or overage == 0) and 0 or math.min(overage, step.usable(self, spent_on or ''))
for _, part in ipairs(lots.take(self.lots, now_ms, from_available, false)) do
  givebacks.remember(spent_parts, lots.get(self.lots, part.id), part.amount)
end
self.state.available = self.state.available - from_available
local room = account.limit - math.max(self.state.debt, self.state.captured + captured + from_available)
if over_capture ~= 'debt' then room = 0 elseif debt_limit then room = math.min(room, math.max(0, debt_limit - self.state.debt)) end
local debt = math.min(overage - from_available, room)
local uncollected = overage - from_available - debt
overage = from_available + debt
-- Back to the windows of the limits that it was taken from, however long ago.
local limited_hold = { state = state, amount = amount, limit_parts = limit_parts, spending = spending, models = models }
local counting = stored.limited and counters.of_hold(stored, limits_key, now_ms, limited_hold, false, ending ~= 'expire') or nil
local limit_commands = {}
if counting then
  if counting.stale then return { 'limits_stale', limits.stale(counting) } end
  counters.settle(counting, captured, overage, not is_ended)
  counters.give_back(counting, first.captured - first.overage, first.overage, back.captured)
  about = counters.about(counting, about)
  limit_commands = counters.commands(counting)
end
captured = captured + overage

self.state.debt = self.state.debt + debt - back.debt_paid
self.state.captured = self.state.captured + captured - back.captured
self.state.expired = self.state.expired + expired
self.state.uncollected = self.state.uncollected + uncollected - back.uncollected
local spent = ending == 'expire' and policy == 'charge_reported' and givebacks.text(spent_parts) or nil
local kind = (excess > 0 and 'give_back')
  or (is_late and 'late_settle') or (is_ended and 'correct') or (ending == 'expire' and 'expire_hold') or ending
step.record(self, kind, before, {
  hold = hold_id, hold_kind = hold_kind, policy = policy, key = key, fingerprint = fingerprint, price = hold_price, about = about,
  overage = overage, principal = principal, corrects = first.seq, trace = trace,
  reported = reported, reported_usage = reported_usage, spent = spent,
})

local final = (ending == 'settle' and 'settled') or (ending == 'void' and 'voided') or 'expired'
local late, closed_at_ms = is_late and '1' or '0', now_ms
if is_ended then
  -- The first end released the hold and may have charged for it; the record sums up all ends.
  released, expired = first.released + back.released_of_hold, first.expired + back.expired_of_hold
  if not is_late then late, closed_at_ms = first.late, first.closed_at_ms end
end
local outcome = {
  final, self.seq_text, hold_amount, numbers.text(first.captured + captured - back.captured),
  numbers.text(released), numbers.text(expired), numbers.text(first.overage + overage - back.overage),
  numbers.text(first.debt + debt - back.debt), numbers.text(first.uncollected + uncollected - back.uncollected),
  self.available_text, self.now_text, placed_at_ms, late, about,
}
-- The fields of holds.outcome but those that the hold has: amount and placed_at_ms.
local hold_args = { hold_key, 'state', final, 'end_fingerprint', fingerprint, 'closed_at_ms', numbers.text(closed_at_ms),
  'end_seq', outcome[2], 'captured', outcome[4], 'released', outcome[5], 'expired', outcome[6], 'overage', outcome[7],
  'debt', outcome[8], 'uncollected', outcome[9], 'end_available', outcome[10], 'ended_at_ms', outcome[11], 'late', late,
  'end_about', about }
if counting and counting.has_new_parts then
  hold_args[#hold_args + 1] = 'limit_parts'
  hold_args[#hold_args + 1] = counters.parts_text(counting)
end
if spent then
  hold_args[#hold_args + 1] = 'spent'
  hold_args[#hold_args + 1] = spent
end
local receipt_args = { receipt_key, 'fingerprint', fingerprint }
if key ~= '' then holds.add_outcome(receipt_args, outcome) end

-- Apply. Redis does not roll back a script that fails here, so nothing below can refuse.
step.apply(self)
redis.call('HSET', unpack(hold_args))
for _, command in ipairs(limit_commands) do redis.call(unpack(command)) end
redis.call('ZREM', open_key, hold_id)
redis.call('ZREM', holds_due_key, holds.due_member(account_id, hold_id))
redis.call('EXPIRE', hold_key, receipt_ttl_seconds)
if key ~= '' then
  redis.call('HSET', unpack(receipt_args))
  redis.call('EXPIRE', receipt_key, receipt_ttl_seconds)
end
local api_key = spending and spending ~= '' and limits.api_key_of(spending) or ''
for _, value in ipairs({ api_key, numbers.text(captured - back.captured), numbers.text(overage), self.journal_id }) do
  outcome[#outcome + 1] = value
end
return { 'ended', '0', unpack(outcome) }
