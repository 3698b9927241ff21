local numbers = {}

-- The only way to turn a number into text. Exact up to 2^53 - 1; -0 becomes 0. tostring and .. are wrong from 1e14 on.
-- `%d` is exact because Redis' Lua formats it as a 64-bit integer, at less than half the cost of `%.0f`.
function numbers.text(n)
  if n == 0 then return '0' end
  return string.format('%d', n)
end

-- Scores of zsets and expiries: a lot that never expires is 'inf'.
function numbers.expiry_text(ms)
  if ms == math.huge then return 'inf' end
  return numbers.text(ms)
end

function numbers.expiry(text)
  if text == 'inf' then return math.huge end
  return tonumber(text)
end
