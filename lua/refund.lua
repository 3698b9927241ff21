#!lua
--[[
  refund: give captured credits back. Debt is paid from them first; the rest returns to the lots it came from. What came
  from a lot that has ended goes into a lot of the refund's own, or expires at once. Postgres has decided how much of what
  is refunded, before this runs (docs/architecture.md#refunds-and-transfers).

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
  ARGV[4] lot_id           of the lot of the refund's own; if lots with different rules have ended, one per rule, numbered
  ARGV[5] amount           micros
  ARGV[6] parts            in the order in which they return: lot:amount:lot_amount:expires_at_ms:granted_at_ms[:rule],…
                           and debt:amount for what was captured as debt
  ARGV[7] grace_ms         life of what came from lots that have ended; '' to expire it at once
  ARGV[8] debt_grace_ms    life of what was captured as debt and has been paid since
  ARGV[9] hold_id          '' for none
  ARGV[10] key             names this intent for ever
  ARGV[11] about           opaque facts
  ARGV[12] trace           traceparent of the call, '' for none
  ARGV[13] receipt_ttl_seconds

  Replies
    fenced
    not_loaded
    refunded        replayed previous available debt_paid journal_id
    not_captured    (the account has not captured so much: nothing changed)
    account_frozen
]]
--- @include clock
--- @include step
--- @include receipts

-- What returns to lots: `lot:amount:lot_amount:expires_at_ms:granted_at_ms[:rule],…`, and `debt:amount` for what came from
-- none.
local function parse_returns(text)
  local parts = {}
  for each in string.gmatch(text, '[^,]+') do
    local id, amount, lot_amount, expires, granted, rule = string.match(each, '^([^:]+):(%d+):(%d+):(%w+):(%d+):?(.*)$')
    if id then
      parts[#parts + 1] = {
        id = id, amount = tonumber(amount), lot_amount = tonumber(lot_amount), expires_at_ms = numbers.expiry(expires),
        granted_at_ms = tonumber(granted), rule = rule,
      }
    else
      parts[#parts + 1] = { id = 'debt', amount = tonumber(string.match(each, '^debt:(%d+)$')) }
    end
  end
  return parts
end

-- The lot of a part that returns. One that was used up has left Redis: the part has its facts.
local function lot_of(set, part)
  if set.records[part.id] or redis.call('HEXISTS', set.lot_key, part.id) == 1 then return lots.get(set, part.id) end
  return lots.add(set, {
    id = part.id, remaining = 0, held = 0, amount = part.lot_amount, expires_at_ms = part.expires_at_ms,
    granted_at_ms = part.granted_at_ms, was_live = false, remaining_delta = 0, held_delta = 0, rule = part.rule,
  })
end

local fence_key, receipt_key = KEYS[1], KEYS[7]
local keys = { account = KEYS[2], lots = KEYS[3], lot = KEYS[4], lots_due = KEYS[5], journal = KEYS[6] }
local epoch, account_id, lot_id, amount, parts = ARGV[1], ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6]
local now_ms = clock.now_ms(tonumber(ARGV[2]))
local grace_ms, debt_grace_ms, hold_id = tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9]
local key, about, trace, receipt_ttl_seconds = ARGV[10], ARGV[11], ARGV[12], ARGV[13]

-- Decide. Nothing above "Apply" writes, so every reply here is free of side effects.
if redis.call('GET', fence_key) ~= epoch then return { 'fenced' } end
local stored = account.read(keys.account)
if not stored then return { 'not_loaded' } end
local earlier = receipts.find(receipt_key, key, '')
if earlier then return { 'refunded', '1', earlier.previous, earlier.available, earlier.debt_paid } end
if amount > stored.captured then return { 'not_captured' } end
if stored.frozen then return { 'account_frozen' } end

local self = step.open(keys, account_id, stored, now_ms)
local before = account.copy(self.state)
local debt_paid = math.min(self.state.debt, amount)
local to_debt, returned, expired, paid_debt = debt_paid, 0, 0, 0
-- What came from lots that have ended, by the rule of the lot.
local rules, ended = {}, {}
local function end_part(rule, rest)
  if not ended[rule] then rules[#rules + 1] = rule end
  ended[rule] = (ended[rule] or 0) + rest
end
for _, part in ipairs(parse_returns(parts)) do
  local paying = math.min(to_debt, part.amount)
  local rest = part.amount - paying
  to_debt = to_debt - paying
  if part.id == 'debt' then
    paid_debt = paid_debt + rest
    if rest > 0 then end_part('', rest) end
  elseif rest > 0 then
    local lot = lot_of(self.lots, part)
    if lot.expires_at_ms <= now_ms then
      if grace_ms then end_part(lot.rule, rest) else expired = expired + rest end
    else
      lots.change(lot, rest, 0)
      step.expires(self, lot.expires_at_ms)
      returned = returned + rest
    end
  end
end
-- One lot for all that has no lot to return to, or one per rule. With two lives, the longer one.
local own = 0
for i, rule in ipairs(rules) do
  local life_ms = math.max(rule == '' and paid_debt > 0 and debt_grace_ms or 0, grace_ms or 0)
  local id = i == 1 and lot_id or string.format('%s.%03d', lot_id, i)
  own = own + ended[rule]
  lots.grant(self.lots, id, ended[rule], ended[rule], now_ms + life_ms, now_ms, rule)
  step.expires(self, now_ms + life_ms)
end
self.state.captured = self.state.captured - amount
self.state.debt = self.state.debt - debt_paid
self.state.expired = self.state.expired + expired
self.state.available = self.state.available + returned + own
step.record(self, 'refund', before, { key = key, about = about, trace = trace, hold = hold_id })
local answer = {
  seq = numbers.text(self.state.seq), at_ms = numbers.text(now_ms), previous = numbers.text(before.available),
  available = numbers.text(self.state.available), debt_paid = numbers.text(debt_paid),
}

-- Apply. Redis does not roll back a script that fails here, so nothing below can refuse.
step.apply(self)
receipts.write(receipt_key, key, '', answer, receipt_ttl_seconds)
return { 'refunded', '0', answer.previous, answer.available, answer.debt_paid, self.journal_id }
