local clock = {}

-- Redis' own time, read once per script; the offset moves it in tests.
function clock.now_ms(offset_ms)
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) + offset_ms
end
