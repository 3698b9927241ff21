#!lua flags=allow-oom
--[[
  report-progress: record how much of an open hold has been used so far, renew its lease, and raise its amount when less
  is left than was asked for. Usage is cumulative: the same report again only renews the lease, and less than before is
  refused. The journal gets a report when it raises the hold, is the first, moved by a tenth of the hold, or is some
  seconds after the last one there. Also runs on a full Redis: usage is always recorded.

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

  ARGV[1] epoch            what the gateway believes the fence is
  ARGV[2] time_offset_ms   moves the clock in tests
  ARGV[3] account_id
  ARGV[4] hold_id
  ARGV[5] reported         micros: what the usage so far costs
  ARGV[6] usage            the usage so far, `class=tokens,…`; '' when it is known as an amount only
  ARGV[7] price            the price that the amounts were computed with, '' when they depend on none
  ARGV[8] raise_to         micros: what the hold shall have in all; as much of it as is there is held. 0 for no more
  ARGV[9] lease_ms         '' for the hold's own lease
  ARGV[10] default_lease_ms  of a hold that has no lease of its own
  ARGV[11] about           opaque facts
  ARGV[12] principal       who reports: user, service or operator
  ARGV[13] trace           traceparent of the call, '' for none
  ARGV[14] due_holds_max   holds past their lease to name at a time
  ARGV[15] journal_every_ms  how long a report may be missing in the journal while less than a tenth has moved
  ARGV[16] hold_max        micros: the most that the hold may have in all, '' for any amount; the account's terms may allow less
  ARGV[17] key_limit       what the limit of the API key allows it (limits.key_room); '' for none

  Replies
    fenced
    not_loaded
    reported              added lease… journal_id     (journal_id is '' when the journal did not get it)
    holds_due             hold…                 (past their lease: to be ended before this can be decided)
    limits_stale          now_ms version definitions   (their edges do not reach this far)
    price_needed          price placed_at_ms about
    progress_backwards    reported usage
    hold_resolved         outcome…              (see settle-hold)
    hold_not_found
    forbidden                                   (a service placed it, and a user may not report its usage)
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
local fence_key, hold_key, open_key, holds_due_key, limits_key = KEYS[1], KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local keys = { account = KEYS[2], lots = KEYS[3], lot = KEYS[4], lots_due = KEYS[5], journal = KEYS[6] }
local epoch, account_id, hold_id = ARGV[1], ARGV[3], ARGV[4]
local now_ms = clock.now_ms(tonumber(ARGV[2]))
local reported, usage, price, raise_to = tonumber(ARGV[5]), ARGV[6], ARGV[7], tonumber(ARGV[8])
local lease_ms, default_lease_ms = tonumber(ARGV[9]), tonumber(ARGV[10])
local about, principal, trace, due_holds_max, journal_every_ms = ARGV[11], ARGV[12], ARGV[13], ARGV[14], tonumber(ARGV[15])
local hold_max = tonumber(ARGV[16])
local key_room = limits.key_room(ARGV[17])

-- Decide. Nothing above "Apply" writes, so every reply here is free of side effects.
if redis.call('GET', fence_key) ~= epoch then return { 'fenced' } end
local stored = account.read(keys.account)
if not stored then return { 'not_loaded' } end

local hold = leases.read(hold_key)
if not hold then return { 'hold_not_found' } end
if hold.placed_by == 'service' and principal == 'user' then return { 'forbidden' } end
if hold.state ~= 'open' then return { 'hold_resolved', unpack(holds.outcome(hold_key)) } end
if stored.frozen then return { 'account_frozen' } end
if hold.expires_at_ms <= now_ms then return { 'holds_due', hold_id } end
if price ~= '' and price ~= hold.price then return { 'price_needed', hold.price, hold.placed_at_ms, hold.about } end
if reported < hold.reported or leases.goes_back(hold.reported_usage, usage) then
  return { 'progress_backwards', numbers.text(hold.reported), hold.reported_usage }
end

local self = step.open(keys, account_id, stored, now_ms)
local most = math.max(0, terms.most(stored, hold_max) - hold.amount)
local wanted = math.min(math.max(0, raise_to - hold.amount), most)
local counting = counters.of_hold(stored, limits_key, now_ms, hold, true)
if counting and counting.stale then return { 'limits_stale', limits.stale(counting) } end
local room = limits.room(counting)
local usable = step.usable(self, hold.spent_on)
local added = math.min(wanted, usable, room, key_room)
if added < wanted then
  local due = holds.due(open_key, now_ms, due_holds_max)
  if #due > 0 then return { 'holds_due', unpack(due) } end
end

local before = account.copy(self.state)
local parts = leases.joined(hold.parts, lots.take(self.lots, now_ms, added, true))
self.state.available = self.state.available - added
self.state.held = self.state.held + added
local limit_parts = counters.extend(counting, added)
about = counters.about(counting, about)
local limit_commands = counters.commands(counting)
local is_journaled = added > 0 or (counting and counting.has_new_parts)
  or not hold.journaled_at_ms or now_ms - hold.journaled_at_ms >= journal_every_ms
  or (reported > hold.journaled and (reported - hold.journaled) * 10 >= hold.amount)
local expires_at_ms = leases.renewed(hold, now_ms, lease_ms, default_lease_ms)
local amount_text, expires_text, now_text = numbers.text(hold.amount + added), numbers.text(expires_at_ms), numbers.text(now_ms)
local reported_text = numbers.text(reported)
hold.reported, hold.reported_usage = reported, usage
if is_journaled then
  step.record(self, 'progress', before, {
    hold = hold_id, hold_kind = hold.kind, lease_ends_at_ms = expires_text, policy = hold.policy, price = hold.price,
    about = about, principal = principal, trace = trace, reported = reported_text, reported_usage = usage,
  })
end
local left = math.min(room, usable, most) - added
local answer = leases.answer(hold, amount_text, expires_text, self.state.available, left, counters.states(counting))
local hold_args = { hold_key, 'amount', amount_text, 'parts', parts, 'expires_at_ms', expires_text,
  'reported', reported_text, 'reported_usage', usage }
if is_journaled then
  for _, value in ipairs({ 'journaled', reported_text, 'journaled_at_ms', now_text }) do hold_args[#hold_args + 1] = value end
end

-- Apply. Redis does not roll back a script that fails here, so nothing below can refuse.
if is_journaled then step.apply(self) end
redis.call('HSET', unpack(hold_args))
if limit_parts then redis.call('HSET', hold_key, 'limit_parts', limit_parts) end
for _, command in ipairs(limit_commands) do redis.call(unpack(command)) end
redis.call('ZADD', open_key, expires_text, hold_id)
redis.call('ZADD', holds_due_key, expires_text, holds.due_member(account_id, hold_id))
answer[#answer + 1] = self.journal_id or ''
return { 'reported', numbers.text(added), unpack(answer) }
