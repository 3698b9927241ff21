#!lua
--[[
  place-hold: reserve credits from an account's live lots in the order of use, of lots with a restriction only from those
  that it may use. A repeat gets the first answer while the hold is open, and its outcome after it has ended.

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
  KEYS[11] receipt    hash    the hold that was placed under the key

  ARGV[1] epoch            what the gateway believes the fence is
  ARGV[2] time_offset_ms   moves the clock in tests
  ARGV[3] account_id
  ARGV[4] hold_id
  ARGV[5] minimum          micros; less than this is refused; '' for what is desired, as far as one hold may have it
  ARGV[6] desired          micros; as much of it as is there is held; '' for the most that one hold may have
  ARGV[7] lease_ms         how long the hold lives without being renewed
  ARGV[8] policy           what happens when the lease ends
  ARGV[9] price            name of the price of the estimate
  ARGV[10] hold_kind       what the hold is for, a word of its use case
  ARGV[11] fingerprint     of the request
  ARGV[12] about           opaque facts
  ARGV[13] principal       who places it: user, service or operator
  ARGV[14] trace           traceparent of the call, '' for none
  ARGV[15] open_holds_max
  ARGV[16] due_holds_max   holds past their lease to name at a time
  ARGV[17] over_capture    of this hold, whatever its end asks for, unless the account has terms: debt, available or cap; '' for
                           none of its own
  ARGV[18] debt_limit      micros, '' for none; unless the account has terms; read with an over_capture only
  ARGV[19] input_cost      micros: what the input costs; read with an over_capture only
  ARGV[20] renewal_ms      the lease that an extension or a report gives; read with an over_capture only
  ARGV[21] spender         who spends, and on what: which limits match, and which lots it may use
  ARGV[22] model           its names, with a tab between them; '' for none, as the next two
  ARGV[23] feature
  ARGV[24] api_key
  ARGV[25] key             of the request, '' for none
  ARGV[26] receipt_ttl_seconds   until the drain shortens it (see shorten-receipts)
  ARGV[27] own_limits      `limit_id=micros,…`: what limits of the account allow this hold at most; '' for none
  ARGV[28] asked_over_capture  '' for none, as the next; read with an over_capture only
  ARGV[29] asked_debt_limit    micros
  ARGV[30] hold_max        micros: the most that the hold may have, '' for any amount
  ARGV[31] key_limit       what the limit of the API key allows it (limits.key_room); '' for none

  Replies
    fenced
    not_loaded
    placed                replayed seq amount expires_at_ms placed_at_ms available limits most journal_id
                          (limits: `id:remaining:resets_at_ms:mode,…` of those it counts against; most: what one hold may have
                          now, '' for any amount)
    holds_due             hold…                 (past their lease: to be ended before this can be decided)
    insufficient_credits  usable minimum        (what is available to it)
    limit_reached         usable limit_id remaining resets_at_ms period window minimum
    hold_limit            most                  (more than one hold may have)
    no_hold_limit                               (the most was asked for, and there is none)
    laxer_terms           term allowed          (over_capture, debt_limit; no_debt: a limit of debt where there is no debt)
    limits_stale          now_ms version definitions   (their edges do not reach this far)
    unknown_limit         limit_id              (of own_limits)
    hold_exists
    idempotency_mismatch                        (another hold was placed under the key)
    hold_resolved         outcome…              (see settle-hold)
    too_many_holds
    account_frozen
]]
--- @include clock
--- @include step
--- @include holds
--- @include leases
--- @include counters
--- @include terms
local fence_key, hold_key, open_key, holds_due_key, limits_key, receipt_key =
  KEYS[1], KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11]
local keys = { account = KEYS[2], lots = KEYS[3], lot = KEYS[4], lots_due = KEYS[5], journal = KEYS[6] }
local epoch, account_id, hold_id = ARGV[1], ARGV[3], ARGV[4]
local now_ms = clock.now_ms(tonumber(ARGV[2]))
local minimum, desired, lease_ms = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local policy, price, hold_kind, fingerprint, about = ARGV[8], ARGV[9], ARGV[10], ARGV[11], ARGV[12]
local principal, trace, open_holds_max, due_holds_max = ARGV[13], ARGV[14], tonumber(ARGV[15]), ARGV[16]
local own_terms = { over_capture = ARGV[17], debt_limit = ARGV[18] }
local input_cost, renewal_ms = ARGV[19], ARGV[20]
local spending = { spender = ARGV[21], model = ARGV[22], feature = ARGV[23], api_key = ARGV[24], own_limits = ARGV[27] }
local key, receipt_ttl_seconds = ARGV[25], ARGV[26]
local asked_terms, hold_max = { over_capture = ARGV[28], debt_limit = ARGV[29] }, tonumber(ARGV[30])
local key_room, key_refusal = limits.key_room(ARGV[31])

-- Decide. Nothing above "Apply" writes, so every reply here is free of side effects.
if redis.call('GET', fence_key) ~= epoch then return { 'fenced' } end
local stored = account.read(keys.account)
if not stored then return { 'not_loaded' } end

local most = terms.most(stored, hold_max)
local most_text = most == math.huge and '' or numbers.text(most)
local named = key ~= '' and redis.call('HGET', receipt_key, 'hold')
if named and named ~= hold_id then return { 'idempotency_mismatch' } end
local state, expires_at, amount_now, first_fingerprint, first_seq, first_amount, first_expires_at, first_placed_at, first_available,
  first_limits = unpack(redis.call('HMGET', hold_key, 'state', 'expires_at_ms', 'amount', 'fingerprint', 'placed_seq', 'placed_amount',
    'placed_expires_at_ms', 'placed_at_ms', 'placed_available', 'placed_limits'))
if state and state ~= 'open' then return { 'hold_resolved', unpack(holds.outcome(hold_key)) } end
if state then
  -- Nothing of a frozen account ends.
  if tonumber(expires_at) <= now_ms and not stored.frozen then return { 'holds_due', hold_id } end
  if first_fingerprint ~= fingerprint then return { 'hold_exists' } end
  -- What was answered first, whatever the hold has become. Holds of the version before stay as they were placed.
  return { 'placed', '1', first_seq, first_amount or amount_now, first_expires_at or expires_at, first_placed_at, first_available,
    first_limits or '', most_text }
end
if stored.frozen then return { 'account_frozen' } end

local over_capture, debt_limit, allowed = '', '', nil
if own_terms.over_capture ~= '' then over_capture, debt_limit, allowed = terms.granted(stored, own_terms, asked_terms) end
if not over_capture then return { 'laxer_terms', debt_limit, allowed } end
if not desired and most == math.huge then return { 'no_hold_limit' } end
desired = math.min(desired or most, most)
minimum = minimum or desired
if minimum > most then return { 'hold_limit', most_text } end

local counting = limits.match(stored, limits_key, now_ms, spending)
local unknown_limit = spending.own_limits ~= '' and limits.unknown(counting, spending.own_limits)
if unknown_limit then return { 'unknown_limit', unknown_limit } end
if counting and counting.stale then return { 'limits_stale', limits.stale(counting) } end
local room, tightest = limits.room(counting)
local self = step.open(keys, account_id, stored, now_ms)
local spent_on = lots.spent_on(spending.model, spending.feature)
local usable = step.usable(self, spent_on)
local amount = math.min(desired, usable, room, key_room)
local is_full = redis.call('ZCARD', open_key) >= open_holds_max
if amount < desired or is_full then
  local due = holds.due(open_key, now_ms, due_holds_max)
  if #due > 0 then return { 'holds_due', unpack(due) } end
end
if amount < minimum and math.min(room, key_room) < usable then
  local limit_id, remaining, resets_at, period, window = unpack(key_room < room and key_refusal or { limits.refusal(tightest, minimum) })
  return { 'limit_reached', numbers.text(usable), limit_id, remaining, resets_at, period, window, numbers.text(minimum) }
end
if amount < minimum then return { 'insufficient_credits', numbers.text(usable), numbers.text(minimum) } end
if is_full then return { 'too_many_holds' } end

local before = account.copy(self.state)
local spending_text = limits.spending_text(spending)
local parts = lots.take(self.lots, now_ms, amount, true)
self.state.available = self.state.available - amount
self.state.held = self.state.held + amount
local expires_at_ms = now_ms + lease_ms
counters.take(counting, amount, 1)
about = counters.about(counting, about)
step.record(self, 'place', before, {
  hold = hold_id, hold_kind = hold_kind, lease_ends_at_ms = expires_at_ms, policy = policy, fingerprint = fingerprint,
  key = key, price = price, about = about, principal = principal, trace = trace,
  terms = leases.terms_text(over_capture, debt_limit, input_cost, renewal_ms), spent_on = spent_on,
  spending = spending_text,
})
local seq, amount_text, available = numbers.text(self.state.seq), numbers.text(amount), numbers.text(self.state.available)
local limit_parts, limit_states = counting and counters.parts(counting, amount) or '', counters.states(counting)
local limit_commands = counters.commands(counting)
local expires_text, now_text, parts_text = numbers.text(expires_at_ms), numbers.text(now_ms), lots.parts_text(parts)

-- Apply. Redis does not roll back a script that fails here, so nothing below can refuse.
step.apply(self)
redis.call('HSET', hold_key, 'state', 'open', 'kind', hold_kind, 'amount', amount_text, 'parts', parts_text,
  'expires_at_ms', expires_text, 'placed_seq', seq, 'placed_amount', amount_text, 'placed_expires_at_ms', expires_text,
  'placed_at_ms', now_text, 'placed_available', available, 'placed_by', principal, 'policy', policy, 'price', price,
  'fingerprint', fingerprint, 'about', about, 'spent_on', spent_on, 'spending', spending_text,
  unpack(leases.terms_fields(over_capture, debt_limit, input_cost, renewal_ms)))
if limit_parts ~= '' then redis.call('HSET', hold_key, 'limit_parts', limit_parts, 'placed_limits', limit_states) end
for _, command in ipairs(limit_commands) do redis.call(unpack(command)) end
redis.call('ZADD', open_key, expires_text, hold_id)
redis.call('ZADD', holds_due_key, expires_text, holds.due_member(account_id, hold_id))
if key ~= '' then
  redis.call('HSET', receipt_key, 'hold', hold_id, 'seq', seq)
  redis.call('EXPIRE', receipt_key, receipt_ttl_seconds)
end
return { 'placed', '0', seq, amount_text, expires_text, now_text, available, limit_states, most_text, self.journal_id }
