-- Names within texts that scripts write: made as the gateway makes the names in keys (src/ledger/account-name.ts), so that they
-- have no separator and are text whatever bytes they stand for.
local names = {}

-- Most names stay as they are, which string.find tells sooner than string.gsub.
function names.encoded(name)
  if not string.find(name, '[^A-Za-z0-9._@|+=~$-]') then return name end
  return (string.gsub(name, '[^A-Za-z0-9._@|+=~$-]', function(byte) return string.format('%%%02X', string.byte(byte)) end))
end

--- @on-demand
function names.decoded(text)
  return (string.gsub(text, '%%(%x%x)', function(digits) return string.char(tonumber(digits, 16)) end))
end
