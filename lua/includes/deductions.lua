--- @include numbers
-- Deductions of one amount that no usage record has claimed yet: seq -> at_ms. If one is lost or dropped, its record is charged.
local deductions = {}

-- The oldest one since `since_ms`, or nil, and those that are too old to be claimed.
function deductions.oldest(deductions_key, since_ms)
  local all = redis.call('HGETALL', deductions_key)
  local seq, stale = nil, {}
  for i = 1, #all, 2 do
    local each = tonumber(all[i])
    if tonumber(all[i + 1]) <= since_ms then
      stale[#stale + 1] = all[i]
    elseif not seq or each < seq then
      seq = each
    end
  end
  return seq, stale
end

-- Prepared commands that remove one, and those that are too old.
function deductions.claim(deductions_key, seq, stale)
  return { { 'HDEL', deductions_key, numbers.text(seq), unpack(stale) } }
end

-- Prepared commands that add one. A full list drops those that are too old, or else its oldest.
function deductions.add(deductions_key, seq, at_ms, ttl_ms, max)
  local commands = {
    { 'HSET', deductions_key, numbers.text(seq), numbers.text(at_ms) },
    { 'PEXPIRE', deductions_key, numbers.text(ttl_ms) },
  }
  if redis.call('HLEN', deductions_key) >= max then
    local oldest, stale = deductions.oldest(deductions_key, at_ms - ttl_ms)
    if #stale == 0 then stale = { numbers.text(oldest) } end
    commands[3] = { 'HDEL', deductions_key, unpack(stale) }
  end
  return commands
end
