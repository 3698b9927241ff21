#!lua
--[[
  load-key-spend: begin to count for an API key: what Postgres knows that it has spent and holds in the window of now, since it has a
  limit. A window that counts since the same moment or a later one stays as it is.

  KEYS[1] fence       string  the shard's epoch
  KEYS[2] key_spend   hash    the window of the key

  ARGV[1] epoch            what the gateway believes the fence is
  ARGV[2] time_offset_ms   moves the clock in tests
  ARGV[3] since_ms         since when the key has a limit of this period
  ARGV[4] edges            of calendar windows, `ms,ms,…`
  ARGV[5] from_ms          the window that was read
  ARGV[6] used             micros
  ARGV[7] holds            of it, by open holds: `account:hold`, a tab and micros, a line each

  Replies
    fenced
    loaded
    unchanged
    edges_stale  now_ms    (another window has begun)
]]
--- @include clock
--- @include windows
local fence_key, key = KEYS[1], KEYS[2]
local epoch, now_ms = ARGV[1], clock.now_ms(tonumber(ARGV[2]))
local since_ms, edges, from_ms, used, holds = ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]

-- Decide.
if redis.call('GET', fence_key) ~= epoch then return { 'fenced' } end
local stored = redis.call('HGET', key, 'since_ms')
if stored and tonumber(stored) >= tonumber(since_ms) then return { 'unchanged' } end
local from, to = windows.window(edges, now_ms)
if not from or from ~= tonumber(from_ms) then return { 'edges_stale', numbers.text(now_ms) } end
local window = { key = key, since = since_ms, from = from, to = to, used = tonumber(used), is_new = true }
local commands = windows.commands(window)
for hold, amount in string.gmatch(holds, '([^\t\n]+)\t(%d+)') do
  commands[#commands + 1] = windows.hold_command(window, hold, tonumber(amount), 1)
end

-- Apply.
for _, command in ipairs(commands) do redis.call(unpack(command)) end
return { 'loaded' }
