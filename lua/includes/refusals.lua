--- @include numbers
-- Number of refusals of an account's usage recorded in this minute: bounds what refusals can add to the ledger.
local refusals = {}

refusals.minute_ms = 60000

-- Prepared commands that count one more, or nil when this minute has reached the limit.
function refusals.count(refusals_key, now_ms, max_per_minute)
  local minute = math.floor(now_ms / refusals.minute_ms)
  local found = redis.call('HMGET', refusals_key, 'minute', 'count')
  local count = tonumber(found[1] or '-1') == minute and tonumber(found[2]) or 0
  if count >= max_per_minute then return nil end
  return {
    { 'HSET', refusals_key, 'minute', numbers.text(minute), 'count', numbers.text(count + 1) },
    { 'EXPIRE', refusals_key, '120' },
  }
end
