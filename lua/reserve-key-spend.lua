#!lua
--[[
  reserve-key-spend: set aside a part of what the limit of an API key allows, before the operation that spends it. It is in the shard
  of the key's name, and the account in another, so what is not spent afterwards is given back by settle-key-spend; if that never
  comes, it counts until the window ends. Moves no money and writes no entry.

  KEYS[1] fence       string  the shard's epoch
  KEYS[2] key_spend   hash    the window of the key

  ARGV[1] epoch            what the gateway believes the fence is
  ARGV[2] time_offset_ms   moves the clock in tests
  ARGV[3] since_ms         since when the key has a limit of this period
  ARGV[4] edges            of calendar windows, `ms,ms,…`
  ARGV[5] limit            micros of one window
  ARGV[6] mode             by: minimum and desired are reserved besides. to: they are what the hold shall have in all
  ARGV[7] minimum          micros; if less than this is left, nothing is reserved
  ARGV[8] desired          micros; as much of it as is left is reserved
  ARGV[9] hold             `account:hold`, with the account under its name; '' for a charge

  Replies
    fenced
    reserved     granted remaining used resets_at_ms from_ms before   (before: what the hold had already)
    key_unknown  now_ms    (to be loaded)
    key_changed  now_ms    (the limit has begun anew since)
    edges_stale  now_ms
]]
--- @include clock
--- @include windows
local fence_key, key = KEYS[1], KEYS[2]
local epoch, now_ms = ARGV[1], clock.now_ms(tonumber(ARGV[2]))
local since_ms, edges, limit, mode, hold = ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6], ARGV[9]
local minimum, desired = tonumber(ARGV[7]), tonumber(ARGV[8])

-- Decide.
if redis.call('GET', fence_key) ~= epoch then return { 'fenced' } end
local window, why = windows.open(key, since_ms, edges, now_ms)
if why == 'key_unknown' then return { 'key_unknown', numbers.text(now_ms) } end
if why == 'key_changed' then return { 'key_changed', numbers.text(now_ms) } end
if not window then return { 'edges_stale', numbers.text(now_ms) } end
local held = windows.hold(window, hold)
local before = held and held.amount or 0
if mode == 'to' then minimum, desired = math.max(0, minimum - before), math.max(0, desired - before) end
local granted = math.min(desired, math.max(0, limit - window.used))
if granted < minimum then granted = 0 end
window.used = window.used + granted
local commands = windows.commands(window)
if hold ~= '' and (held or granted > 0) then
  commands[#commands + 1] = windows.hold_command(window, hold, before + granted, (held and held.calls or 0) + 1)
end

-- Apply.
for _, command in ipairs(commands) do redis.call(unpack(command)) end
return {
  'reserved', numbers.text(granted), numbers.text(math.max(0, limit - window.used)), numbers.text(window.used), numbers.text(window.to),
  numbers.text(window.from), numbers.text(before),
}
