#!lua flags=allow-oom
--[[
  settle-key-spend: what became of what reserve-key-spend has set aside. Only the window that it was taken from changes; the end of a
  window ends what counted in it. Also runs on a full Redis.

  KEYS[1] fence       string  the shard's epoch
  KEYS[2] key_spend   hash    the window of the key

  ARGV[1] epoch            what the gateway believes the fence is
  ARGV[2] time_offset_ms   moves the clock in tests
  ARGV[3] since_ms         since when the key has a limit of this period
  ARGV[4] edges            of calendar windows, `ms,ms,…`
  ARGV[5] change           drop: the operation was refused. shrink: it took less. end: the hold has ended or was corrected
  ARGV[6] hold             `account:hold`, with the account under its name; '' for a charge
  ARGV[7] amount           micros: drop of a charge and shrink, what is given back; end, what this end charged
  ARGV[8] from_ms          drop of a charge: the window that it was taken from; end: when the hold was placed
  ARGV[9] beyond           micros: end, the part of the amount that was beyond the hold

  Replies
    fenced
    settled
    unchanged
    edges_stale  now_ms
]]
--- @include clock
--- @include windows
local fence_key, key = KEYS[1], KEYS[2]
local epoch, now_ms = ARGV[1], clock.now_ms(tonumber(ARGV[2]))
local since_ms, edges, change, hold = ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local amount, from_ms, beyond = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])

-- Decide.
if redis.call('GET', fence_key) ~= epoch then return { 'fenced' } end
local window, why = windows.open(key, since_ms, edges, now_ms)
if why == 'edges_stale' then return { 'edges_stale', numbers.text(now_ms) } end
if not window then return { 'unchanged' } end
local held = windows.hold(window, hold)
local back, left = 0, nil
if change == 'drop' and hold == '' then
  back = from_ms == window.from and amount or 0
elseif change == 'drop' then
  if not held then return { 'unchanged' } end
  -- Another call for the same hold may have been placed with what this one reserved.
  if held.calls > 1 then left = { held.amount, held.calls - 1 } else back = held.amount end
elseif change == 'shrink' then
  if not held then return { 'unchanged' } end
  back = math.min(amount, held.amount)
  left = { held.amount - back, held.calls }
elseif held then
  back = held.amount - amount
else
  -- It counts in the window in which it was placed; what it took beyond the hold, or was corrected by, counts now.
  back = -math.max(0, from_ms >= window.from and amount or beyond)
end
window.used = math.max(0, window.used - back)
local commands = windows.commands(window)
if left then
  commands[#commands + 1] = windows.hold_command(window, hold, left[1], left[2])
elseif held then
  commands[#commands + 1] = { 'HDEL', window.key, 'hold:' .. hold }
end

-- Apply.
for _, command in ipairs(commands) do redis.call(unpack(command)) end
return { 'settled' }
