#!lua
--[[
  extend-hold: raise the amount of an open hold, renew its lease, or both. A repeat under its key gets the first answer
  and adds nothing.

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
  ARGV[5] mode             by: minimum and desired are added. to: they are what the hold shall have in all
  ARGV[6] minimum          micros; less than this is refused
  ARGV[7] desired          micros; as much of it as is there is held
  ARGV[8] price            the price that the amounts were computed with, '' when they depend on none
  ARGV[9] lease_ms         '' for the hold's own lease
  ARGV[10] default_lease_ms  of a hold that has no lease of its own
  ARGV[11] key             of the request, '' for none
  ARGV[12] fingerprint     of the request
  ARGV[13] about           opaque facts
  ARGV[14] principal       who extends it: user, service or operator
  ARGV[15] trace           traceparent of the call, '' for none
  ARGV[16] due_holds_max   holds past their lease to name at a time
  ARGV[17] receipt_ttl_seconds
  ARGV[18] recalled        1: Postgres was asked for the key
  ARGV[19] hold_max        micros: the most that the hold may have in all, '' for any amount; the account's terms may allow less
  ARGV[20] key_limit       what the limit of the API key allows it (limits.key_room); '' for none

  Replies
    fenced
    not_loaded
    extended              replayed lease… journal_id
    holds_due             hold…                 (past their lease: to be ended before this can be decided)
    price_needed          price placed_at_ms about
    insufficient_credits  usable                (what is available to it)
    hold_limit            most                  (the hold would have more than that)
    limit_reached         usable limit_id remaining resets_at_ms period window
    limits_stale          now_ms version definitions   (their edges do not reach this far)
    idempotency_mismatch
    receipt_needed                              (Redis may have forgotten the key: to be looked up in Postgres)
    hold_resolved         outcome…              (see settle-hold)
    hold_not_found
    forbidden                                   (a service placed it, and a user may not extend it)
    account_frozen
  A lease is: amount reported expires_at_ms available final price placed_at_ms about usage lease_ms policy limits
  (limits: `id:remaining:resets_at_ms:mode,…` of those that it counts against, '' in an answer that does not tell)
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
local epoch, account_id, hold_id, mode = ARGV[1], ARGV[3], ARGV[4], ARGV[5]
local now_ms = clock.now_ms(tonumber(ARGV[2]))
local minimum, desired, price = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8]
local lease_ms, default_lease_ms = tonumber(ARGV[9]), tonumber(ARGV[10])
local key, fingerprint, about, principal, trace = ARGV[11], ARGV[12], ARGV[13], ARGV[14], ARGV[15]
local due_holds_max, receipt_ttl_seconds, recalled = ARGV[16], ARGV[17], ARGV[18]
local hold_max = tonumber(ARGV[19])
local key_room, key_refusal = limits.key_room(ARGV[20])

-- Decide. Nothing above "Apply" writes, so every reply here is free of side effects.
if redis.call('GET', fence_key) ~= epoch then return { 'fenced' } end
local stored = account.read(keys.account)
if not stored then return { 'not_loaded' } end

local hold = leases.read(hold_key)
if not hold then return { 'hold_not_found' } end
if hold.placed_by == 'service' and principal == 'user' then return { 'forbidden' } end
if key ~= '' then
  local first_fingerprint, amount, reported, expires_at, available, final, usage, limit_states = unpack(redis.call('HMGET',
    receipt_key, 'fingerprint', 'amount', 'reported', 'expires_at_ms', 'available', 'final', 'usage', 'limits'))
  if first_fingerprint and first_fingerprint ~= fingerprint then return { 'idempotency_mismatch' } end
  if first_fingerprint then
    -- A receipt that was loaded from Postgres does not say what the hold was then.
    return {
      'extended', '1', amount or numbers.text(hold.amount), reported or numbers.text(hold.reported),
      expires_at or numbers.text(hold.expires_at_ms), available, final or '0', hold.price, hold.placed_at_ms, hold.about,
      usage or hold.reported_usage, numbers.text(hold.lease_ms or 0), hold.policy, limit_states or '',
    }
  end
  local is_old = hold.state ~= 'open' or now_ms - tonumber(hold.placed_at_ms) >= 1000 * tonumber(receipt_ttl_seconds)
  if is_old and recalled ~= '1' then return { 'receipt_needed' } end
end
if hold.state ~= 'open' then return { 'hold_resolved', unpack(holds.outcome(hold_key)) } end
if stored.frozen then return { 'account_frozen' } end
if hold.expires_at_ms <= now_ms then return { 'holds_due', hold_id } end
if price ~= '' and price ~= hold.price then return { 'price_needed', hold.price, hold.placed_at_ms, hold.about } end

if mode == 'to' then minimum, desired = math.max(0, minimum - hold.amount), math.max(0, desired - hold.amount) end
local self = step.open(keys, account_id, stored, now_ms)
local counting = counters.of_hold(stored, limits_key, now_ms, hold, true)
if counting and counting.stale then return { 'limits_stale', limits.stale(counting) } end
local in_all = terms.most(stored, hold_max)
local most = math.max(0, in_all - hold.amount)
if minimum > most then return { 'hold_limit', numbers.text(in_all) } end
desired = math.min(desired, most)
local room, tightest = limits.room(counting)
local usable = step.usable(self, hold.spent_on)
local added = math.min(desired, usable, room, key_room)
if added < desired then
  local due = holds.due(open_key, now_ms, due_holds_max)
  if #due > 0 then return { 'holds_due', unpack(due) } end
end
if added < minimum and math.min(room, key_room) < usable then
  return { 'limit_reached', numbers.text(usable), unpack(key_room < room and key_refusal or { limits.refusal(tightest, minimum) }) }
end
if added < minimum then return { 'insufficient_credits', numbers.text(usable) } end

local before = account.copy(self.state)
local parts = leases.joined(hold.parts, lots.take(self.lots, now_ms, added, true))
self.state.available = self.state.available - added
self.state.held = self.state.held + added
local limit_parts = counters.extend(counting, added)
about = counters.about(counting, about)
local limit_commands = counters.commands(counting)
local expires_at_ms = leases.renewed(hold, now_ms, lease_ms, default_lease_ms)
local amount_text, expires_text, now_text = numbers.text(hold.amount + added), numbers.text(expires_at_ms), numbers.text(now_ms)
local reported_text = numbers.text(hold.reported)
step.record(self, 'extend', before, {
  hold = hold_id, hold_kind = hold.kind, lease_ends_at_ms = expires_text, policy = hold.policy, key = key,
  fingerprint = fingerprint, price = hold.price, about = about, principal = principal, trace = trace,
  reported = reported_text, reported_usage = hold.reported_usage,
})
local seq_text = numbers.text(self.state.seq)
local left = math.min(room, usable, most) - added
local answer = leases.answer(hold, amount_text, expires_text, self.state.available, left, counters.states(counting))

-- Apply. Redis does not roll back a script that fails here, so nothing below can refuse.
step.apply(self)
redis.call('HSET', hold_key, 'amount', amount_text, 'parts', parts, 'expires_at_ms', expires_text,
  'journaled', reported_text, 'journaled_at_ms', now_text)
if limit_parts then redis.call('HSET', hold_key, 'limit_parts', limit_parts) end
for _, command in ipairs(limit_commands) do redis.call(unpack(command)) end
redis.call('ZADD', open_key, expires_text, hold_id)
redis.call('ZADD', holds_due_key, expires_text, holds.due_member(account_id, hold_id))
if key ~= '' then
  redis.call('HSET', receipt_key, 'fingerprint', fingerprint, 'seq', seq_text, 'at_ms', now_text, 'amount', answer[1],
    'reported', answer[2], 'expires_at_ms', answer[3], 'available', answer[4], 'final', answer[5], 'usage', answer[9], 'limits', answer[12])
  redis.call('EXPIRE', receipt_key, receipt_ttl_seconds)
end
answer[#answer + 1] = self.journal_id
return { 'extended', '0', unpack(answer) }
