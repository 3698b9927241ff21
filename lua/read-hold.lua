#!lua flags=allow-oom
--[[
  read-hold: one hold, as it is now. One past its lease is named instead, and the caller ends it before it reads again.

  KEYS[1] fence       string  the shard's epoch
  KEYS[2] account     hash    balances, seq, totals
  KEYS[3] hold        hash    this hold

  ARGV[1] epoch            what the gateway believes the fence is
  ARGV[2] time_offset_ms   moves the clock in tests
  ARGV[3] hold_id

  Replies
    fenced
    not_loaded
    hold            lease…                (see extend-hold)
    holds_due       hold…
    hold_resolved   outcome…              (see settle-hold)
    hold_not_found
]]
--- @include clock
--- @include account
--- @include holds
--- @include leases
local fence_key, account_key, hold_key = KEYS[1], KEYS[2], KEYS[3]
local epoch, now_ms, hold_id = ARGV[1], clock.now_ms(tonumber(ARGV[2])), ARGV[3]

if redis.call('GET', fence_key) ~= epoch then return { 'fenced' } end
local state = account.read(account_key)
if not state then return { 'not_loaded' } end
local hold = leases.read(hold_key)
if not hold then return { 'hold_not_found' } end
if hold.state == 'open' and hold.expires_at_ms <= now_ms and not state.frozen then return { 'holds_due', hold_id } end
if hold.state ~= 'open' then return { 'hold_resolved', unpack(holds.outcome(hold_key)) } end
return { 'hold', unpack(leases.answer(hold, numbers.text(hold.amount), numbers.text(hold.expires_at_ms), state.available, math.huge, '')) }
