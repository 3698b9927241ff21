local numbers = {}

-- The only way a number becomes text. Exact to 2^53 - 1; -0 becomes 0. tostring and .. are wrong from 1e14 on.
function numbers.text(n)
  if n == 0 then return '0' end
  return string.format('%.0f', n)
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
