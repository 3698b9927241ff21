#!lua flags=allow-oom
--[[
  read-account: one consistent snapshot. Due lots are left out. If holds are due, the reply names them, and the caller
  ends them before it reads again, so that they are never shown as held.

  KEYS[1] fence       string  the shard's epoch
  KEYS[2] account     hash    balances, seq, totals
  KEYS[3] lots        zset    live lots by expiry
  KEYS[4] lot         hash    lot id -> facts
  KEYS[5] open        zset    the account's open holds by lease end

  ARGV[1] epoch            what the gateway believes the fence is
  ARGV[2] time_offset_ms   moves the clock in tests
  ARGV[3] detail           balance; funds, which is all but the open holds; or full
  ARGV[4] holds_max        holds to list, newest lease first dropped
  ARGV[5] hold_prefix      what the keys of this account's holds begin with, hash tag included. Which of them are read
                           is in `open`, so they cannot be declared; all are of the slot of the declared keys.

  Replies
    fenced
    not_loaded
    holds_due  hold…
    account    figures… (account.texts)
               lot_count (id remaining held amount expires_at_ms granted_at_ms rule)…
               hold_count (id placed_seq amount placed_at_ms expires_at_ms price about kind)…
               terms (includes/terms.lua; '' for none of its own)
]]
--- @include clock
--- @include account
--- @include lots
local fence_key, account_key, lots_key, lot_key, open_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local epoch, now_ms = ARGV[1], clock.now_ms(tonumber(ARGV[2]))
local detail, holds_max, hold_prefix = ARGV[3], tonumber(ARGV[4]), ARGV[5]

if redis.call('GET', fence_key) ~= epoch then return { 'fenced' } end
local state = account.read(account_key)
if not state then return { 'not_loaded' } end
-- A frozen account is shown as it was when frozen: nothing of it ends until the thaw.
if not state.frozen then
  local due_holds = redis.call('ZRANGEBYSCORE', open_key, '-inf', numbers.text(now_ms), 'LIMIT', 0, 100)
  if #due_holds > 0 then return { 'holds_due', unpack(due_holds) } end
end

local set = lots.open(lots_key, lot_key)
local due = state.next_expiry_ms <= now_ms and lots.sweep(set, now_ms) or 0
state.available, state.expired = state.available - due, state.expired + due
local reply = { 'account', unpack(account.texts(state)) }
local function add(...)
  for i = 1, select('#', ...) do reply[#reply + 1] = (select(i, ...)) end
end

if detail == 'balance' then add('0', '0') return reply end

local live = lots.in_order(set, now_ms)
add(numbers.text(#live))
for _, each in ipairs(live) do
  local lot = each.record
  add(lot.id, numbers.text(lot.remaining), numbers.text(lot.held), numbers.text(lot.amount),
    numbers.expiry_text(lot.expires_at_ms), numbers.text(lot.granted_at_ms), lot.rule)
end

local hold_ids = detail == 'full' and redis.call('ZRANGE', open_key, 0, holds_max - 1) or {}
add(numbers.text(#hold_ids))
for _, id in ipairs(hold_ids) do
  local hold = redis.call('HMGET', hold_prefix .. id, 'placed_seq', 'amount', 'placed_at_ms', 'expires_at_ms', 'price', 'about', 'kind')
  -- Holds of the version before have no kind.
  hold[7] = hold[7] or ''
  add(id, unpack(hold))
end
add(state.terms or '')
return reply
