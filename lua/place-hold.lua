#!lua
--[[
  place-hold: reserve credits from an account's live lots in the order of use, of lots with a restriction only from those
  that it may use. A repeat gets the first answer while the hold is open, and its outcome after it has ended. Places several
  holds of a shard in one call, too: each is decided and written as if it were alone, in their order.

  KEYS[1] fence       string  the shard's epoch
  KEYS[2] lots_due    zset    accounts by their next lot expiry
  KEYS[3] journal     stream
  KEYS[4] holds_due   zset    the shard's open holds by lease end
  KEYS[5] account     hash    balances, seq, totals
  KEYS[6] lots        zset    live lots by expiry
  KEYS[7] lot         hash    lot id -> facts
  KEYS[8] open        zset    the account's open holds by lease end
  KEYS[9] limits      hash    definitions and counters of the account's limits
  KEYS[10] hold       hash    this hold
  KEYS[11] receipt    hash    the hold that was placed under the key
  KEYS[12] ended      string  there while the hold has ended and only Postgres knows how
  KEYS[13…] more              of each further account: the same from account to limits; of each further hold: from hold to ended

  ARGV[1] epoch            what the gateway believes the fence is
  ARGV[2] time_offset_ms   moves the clock in tests
  ARGV[3] open_holds_max
  ARGV[4] due_holds_max    holds past their lease to name at a time
  ARGV[5] receipt_ttl_seconds   until the drain shortens it (see shorten-receipts)
  ARGV[6] account_id
  ARGV[7] hold_id
  ARGV[8] minimum          micros; less than this is refused; '' for what is desired, as far as one hold may have it
  ARGV[9] desired          micros; as much of it as is there is held; '' for the most that one hold may have
  ARGV[10] lease_ms        how long the hold lives without being renewed
  ARGV[11] policy          what happens when the lease ends
  ARGV[12] price           name of the price of the estimate
  ARGV[13] hold_kind       what the hold is for, a word of its use case
  ARGV[14] fingerprint     of the request
  ARGV[15] about           opaque facts
  ARGV[16] principal       who places it: user, service or operator
  ARGV[17] trace           traceparent of the call, '' for none
  ARGV[18] over_capture    of this hold, whatever its end asks for, unless the account has terms: debt, available or cap; '' for
                           none of its own
  ARGV[19] debt_limit      micros, '' for none; unless the account has terms; read with an over_capture only
  ARGV[20] input_cost      micros: what the input costs; read with an over_capture only
  ARGV[21] renewal_ms      the lease that an extension or a report gives; read with an over_capture only
  ARGV[22] spender         who spends, and on what: which limits match, and which lots it may use
  ARGV[23] model           its names, with a tab between them; '' for none, as the next two
  ARGV[24] feature
  ARGV[25] api_key
  ARGV[26] key             of the request, '' for none
  ARGV[27] own_limits      `limit_id=micros,…`: what limits of the account allow this hold at most; '' for none
  ARGV[28] asked_over_capture  '' for none, as the next; read with an over_capture only
  ARGV[29] asked_debt_limit    micros
  ARGV[30] hold_max        micros: the most that the hold may have, '' for any amount
  ARGV[31] key_limit       what the limit of the API key allows it (limits.key_room); '' for none
  ARGV[32…] more           of each further hold, each ended by a NUL, which no text has: where in KEYS those of its account begin,
                           where its own begin, and the same from account_id on

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
    recall_needed                               (the hold has ended: to be restored from Postgres)
    too_many_holds
    account_frozen
    each                  replies               (of several holds: a list of the reply to each, in their order: its values, with a
                                                NUL between them)
    failed                message               (of one of several: a bug)
]]
--- @include clock
--- @include step
--- @include holds
--- @include leases
--- @include counters
--- @include terms
local fence_key, lots_due_key, journal_key, holds_due_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local epoch, time_offset_ms, open_holds_max, due_holds_max, receipt_ttl_seconds =
  ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], ARGV[5]
local account_at, account_keys, hold_at, hold_keys, first_arg, args_of_each, more_at = 5, 5, 10, 3, 6, 26, 32

if redis.call('GET', fence_key) ~= epoch then return { 'fenced' } end
local now_ms = clock.now_ms(time_offset_ms)

-- Of several holds of one account, each continues from the one before: what the account and its index of open holds become is
-- written once, after the last. By key of the account; `number` is that of the present hold in the call.
local runs, number, no_commands = {}, 1, {}
-- New members of holds_due.
local due_args = { holds_due_key }

-- Neighbours mostly spend alike, so what the last one spends on is kept with the texts that were made of it.
local spending = {}

-- Writes what the holds of an account have changed, if there is something. The next one reads the account again. `is_restored`: a
-- hold has failed, and may have left the working copy halfway.
local function write(account_key, is_restored)
  local run = runs[account_key]
  if not run then return end
  runs[account_key] = nil
  local self = run.step
  self.state = run.stored
  if is_restored then lots.restore(self.lots) end
  step.write(step.changes(self))
  redis.call('ZADD', unpack(run.open_args))
end

-- Places a hold, with the keys of its account and its own that begin there, and returns the reply. `texts_end`: where its texts end, if
-- they should end at `text_end`.
local function place(text_end, account_from, hold_from, account_id, hold_id, minimum, desired, lease_ms, policy, price, hold_kind,
    fingerprint, about, principal, trace, own_over_capture, own_debt_limit, input_cost, renewal_ms, spender, model, feature, api_key,
    key, own_limits, asked_over_capture, asked_debt_limit, hold_max, key_limit, texts_end)
  if texts_end ~= text_end then error('a hold has more than ' .. args_of_each + 2 .. ' texts') end
  account_from, hold_from, minimum, desired, lease_ms =
    tonumber(account_from), tonumber(hold_from), tonumber(minimum), tonumber(desired), tonumber(lease_ms)
  local account_key, lots_key, lot_key, open_key, limits_key = unpack(KEYS, account_from, account_from + account_keys - 1)
  local hold_key, receipt_key, ended_key = unpack(KEYS, hold_from, hold_from + hold_keys - 1)
  if spending.spender ~= spender or spending.api_key ~= api_key or spending.model ~= model or spending.feature ~= feature
    or spending.own_limits ~= own_limits then
    spending = { spender = spender, model = model, feature = feature, api_key = api_key, own_limits = own_limits, text = nil }
    spending.spent_on = lots.spent_on(model, feature)
  end

  -- Decide. Nothing above "Apply" writes, so every reply here is free of side effects.
  local run = runs[account_key]
  local stored = run and run.stored or account.read(account_key)
  if not stored then return { 'not_loaded' } end

  local most = terms.most(stored, tonumber(hold_max))
  local most_text = most == math.huge and '' or numbers.text(most)
  local named = key ~= '' and redis.call('HGET', receipt_key, 'hold')
  if named and named ~= hold_id then return { 'idempotency_mismatch' } end
  -- Mostly there is neither, and one command tells it.
  local is_known = redis.call('EXISTS', hold_key, ended_key) > 0
  local state = is_known and redis.call('HGET', hold_key, 'state')
  if state and state ~= 'open' then return { 'hold_resolved', unpack(holds.outcome(hold_key)) } end
  if state then
    local expires_at, amount_now, first_fingerprint, first_seq, first_amount, first_expires_at, first_placed_at, first_available,
      first_limits = unpack(redis.call('HMGET', hold_key, 'expires_at_ms', 'amount', 'fingerprint', 'placed_seq', 'placed_amount',
        'placed_expires_at_ms', 'placed_at_ms', 'placed_available', 'placed_limits'))
    -- Nothing of a frozen account ends.
    if tonumber(expires_at) <= now_ms and not stored.frozen then return { 'holds_due', hold_id } end
    if first_fingerprint ~= fingerprint then return { 'hold_exists' } end
    -- What was answered first, whatever the hold has become. Holds of the version before stay as they were placed.
    return { 'placed', '1', first_seq, first_amount or amount_now, first_expires_at or expires_at, first_placed_at, first_available,
      first_limits or '', most_text }
  end
  if is_known then return { 'recall_needed' } end
  if stored.frozen then return { 'account_frozen' } end

  local over_capture, debt_limit, allowed = '', '', nil
  if own_over_capture ~= '' then
    over_capture, debt_limit, allowed = terms.granted(stored, own_over_capture, own_debt_limit, asked_over_capture, asked_debt_limit)
  end
  if not over_capture then return { 'laxer_terms', debt_limit, allowed } end
  if not desired and most == math.huge then return { 'no_hold_limit' } end
  desired = math.min(desired or most, most)
  minimum = minimum or desired
  if minimum > most then return { 'hold_limit', most_text } end

  local counting = stored.limited and limits.match(stored, limits_key, now_ms, spending) or nil
  local unknown_limit = own_limits ~= '' and limits.unknown(counting, own_limits)
  if unknown_limit then return { 'unknown_limit', unknown_limit } end
  if counting and counting.stale then return { 'limits_stale', limits.stale(counting) } end
  local room, tightest = math.huge, nil
  if counting then room, tightest = limits.room(counting) end
  local key_room, key_refusal = math.huge, nil
  if key_limit ~= '' then key_room, key_refusal = limits.key_room(key_limit) end
  local self = run and step.continue(run.step, stored) or step.open({
    account = account_key, lots = lots_key, lot = lot_key, lots_due = lots_due_key, journal = journal_key,
  }, account_id, stored, now_ms)
  local spent_on = spending.spent_on
  local usable = step.usable(self, spent_on)
  local amount = math.min(desired, usable, room, key_room)
  local open_count = run and run.open_count or redis.call('ZCARD', open_key)
  local is_full = open_count >= open_holds_max
  if amount < desired or is_full then
    local due = holds.due(open_key, now_ms, due_holds_max)
    if #due > 0 then return { 'holds_due', unpack(due) } end
  end
  if amount < minimum and math.min(room, key_room) < usable then
    local limit_id, remaining, resets_at, period, window =
      unpack(key_room < room and key_refusal or { limits.refusal(tightest, minimum) })
    return { 'limit_reached', numbers.text(usable), limit_id, remaining, resets_at, period, window, numbers.text(minimum) }
  end
  if amount < minimum then return { 'insufficient_credits', numbers.text(usable), numbers.text(minimum) } end
  if is_full then return { 'too_many_holds' } end

  local before = step.before(self)
  local spending_text = spending.text or limits.spending_text(spending)
  spending.text = spending_text
  local parts = lots.take(self.lots, now_ms, amount, true)
  self.state.available = self.state.available - amount
  self.state.held = self.state.held + amount
  local expires_text = numbers.text(now_ms + lease_ms)
  local limit_parts, limit_states, limit_commands = '', '', no_commands
  if counting then
    counters.take(counting, amount, 1)
    about = counters.about(counting, about)
    limit_parts, limit_states = counters.parts(counting, amount), counters.states(counting)
    limit_commands = counters.commands(counting)
  end
  step.record(self, 'place', before, {
    hold = hold_id, hold_kind = hold_kind, lease_ends_at_ms = expires_text, policy = policy, fingerprint = fingerprint,
    key = key, price = price, about = about, principal = principal, trace = trace,
    terms = leases.terms_text(over_capture, debt_limit, input_cost, renewal_ms), spent_on = spent_on,
    spending = spending_text,
  })
  local seq, amount_text, available = self.seq_text, numbers.text(amount), self.available_text
  local now_text, parts_text = self.now_text, lots.parts_text(parts)
  -- Every byte of an open hold counts, so what is usual has no field.
  local hold_args = { hold_key, 'state', 'open', 'kind', hold_kind, 'amount', amount_text, 'parts', parts_text,
    'expires_at_ms', expires_text, 'placed_seq', seq, 'placed_amount', amount_text, 'placed_expires_at_ms', expires_text,
    'placed_at_ms', now_text, 'placed_available', available, 'policy', policy, 'price', price, 'fingerprint', fingerprint,
    'about', about, 'spending', spending_text }
  if principal == 'service' then leases.add(hold_args, 'placed_by', principal) end
  if spent_on ~= '' then leases.add(hold_args, 'spent_on', spent_on) end
  if over_capture ~= '' then leases.add_terms(hold_args, over_capture, debt_limit, input_cost, renewal_ms) end
  if limit_parts ~= '' then leases.add(hold_args, 'limit_parts', limit_parts, 'placed_limits', limit_states) end

  -- Apply. Redis does not roll back a script that fails here, so nothing below can refuse.
  step.append(self)
  if not run then
    run = {
      step = self, stored = nil, open_count = 0, open_args = { open_key }, due_prefix = holds.due_member(account_id, ''), numbers = {},
    }
    runs[account_key] = run
  end
  lots.keep(self.lots)
  run.stored, run.open_count, run.numbers[#run.numbers + 1] = step.stored_after(self), open_count + 1, number
  redis.call('HSET', unpack(hold_args))
  for _, command in ipairs(limit_commands) do redis.call(unpack(command)) end
  local open_args, due_at = run.open_args, #due_args
  open_args[#open_args + 1], open_args[#open_args + 2] = expires_text, hold_id
  due_args[due_at + 1], due_args[due_at + 2] = expires_text, run.due_prefix .. hold_id
  if key ~= '' then
    redis.call('HSET', receipt_key, 'hold', hold_id, 'seq', seq)
    redis.call('EXPIRE', receipt_key, receipt_ttl_seconds)
  end
  return { 'placed', '0', seq, amount_text, expires_text, now_text, available, limit_states, most_text, self.journal_id }
end

if #ARGV < more_at then
  local reply = place(nil, account_at, hold_at, unpack(ARGV, first_arg, more_at - 1))
  write(KEYS[account_at])
  if #due_args > 1 then redis.call('ZADD', unpack(due_args)) end
  return reply
end

-- `s` is a text that a NUL ends: one call of a function in C reads them all, which takes a tenth of what a pattern does.
local texts_of_each = string.rep('s', args_of_each + 2)
local function place_more(text)
  return place(#text + 1, struct.unpack(texts_of_each, text))
end

-- An error is a bug. Alone it fails the call; of several it fails the one hold.
local function failed(thrown) return { 'failed', type(thrown) == 'table' and thrown.err or thrown } end

local replies = {}

-- Writes what the holds of each account have changed. If that fails, those holds have failed.
local function write_all(is_restored)
  for account_key, run in pairs(runs) do
    local is_done, thrown = pcall(write, account_key, is_restored)
    for _, each in ipairs(is_done and {} or run.numbers) do replies[each] = failed(thrown) end
  end
end

for at = more_at - 1, #ARGV do
  local is_done, reply
  if at < more_at then
    is_done, reply = pcall(place, nil, account_at, hold_at, unpack(ARGV, first_arg, more_at - 1))
  else
    is_done, reply = pcall(place_more, ARGV[at])
  end
  replies[number] = is_done and reply or failed(reply)
  -- The failed one may have left its working copy halfway: what the holds before it have made is written.
  if not is_done then write_all(true) end
  number = number + 1
end
write_all()
if #due_args > 1 then redis.call('ZADD', unpack(due_args)) end
-- One text costs Redis and the gateway a fraction of what a list of a dozen does. No value has a NUL.
-- A value that is missing, such as a field of a stored hold, fails its own reply: here the holds are written.
for at, reply in ipairs(replies) do
  local is_text, text = pcall(table.concat, reply, '\0')
  replies[at] = is_text and text or 'failed\0' .. text
end
return { 'each', replies }
