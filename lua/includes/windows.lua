--- @include numbers
-- What an API key with a limit has spent and holds in the window of now, in all accounts: a hash beside the shard of its name, with
-- `since_ms` of the limit, `from_ms` of the window, `used`, and for each hold that counts in it a field `hold:<account>:<hold>`,
-- `amount:calls`: what is reserved, and how many places asked for it and were not refused.
local windows = {}

-- The window of now among calendar edges, `ms,ms,…` ascending; nil when they do not reach this far.
function windows.window(edges, now_ms)
  local from
  for edge in string.gmatch(edges, '%d+') do
    local ms = tonumber(edge)
    if ms > now_ms then
      if not from then return nil end
      return from, ms
    end
    from = ms
  end
end

-- The window of now; or nil, and the reply that says why not.
function windows.open(key, since_ms, edges, now_ms)
  local since, from_ms, used = unpack(redis.call('HMGET', key, 'since_ms', 'from_ms', 'used'))
  if not since or tonumber(since) < tonumber(since_ms) then return nil, 'key_unknown' end
  if tonumber(since) > tonumber(since_ms) then return nil, 'key_changed' end
  local from, to = windows.window(edges, now_ms)
  if not from then return nil, 'edges_stale' end
  local is_new = tonumber(from_ms) < from
  return { key = key, since = since, from = from, to = to, used = is_new and 0 or tonumber(used), is_new = is_new }
end

-- What is reserved for a hold in this window, and by how many calls.
function windows.hold(window, hold)
  local text = hold ~= '' and not window.is_new and redis.call('HGET', window.key, 'hold:' .. hold)
  if not text then return nil end
  local amount, calls = string.match(text, '^(%d+):(%d+)$')
  return { amount = tonumber(amount), calls = tonumber(calls) }
end

-- Ready-made commands that write a window; what counted in the one before goes with it.
function windows.commands(window)
  local set = { 'HSET', window.key, 'since_ms', window.since, 'from_ms', numbers.text(window.from), 'used', numbers.text(window.used) }
  return window.is_new and { { 'UNLINK', window.key }, set } or { set }
end

-- The same with a hold's field.
function windows.hold_command(window, hold, amount, calls)
  return { 'HSET', window.key, 'hold:' .. hold, numbers.text(amount) .. ':' .. numbers.text(calls) }
end
