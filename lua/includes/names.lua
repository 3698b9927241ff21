-- Names within texts that scripts write: made as the gateway makes the names in keys (src/ledger/account-name.ts), so that they
-- have no separator and are text whatever bytes they stand for.
local names = {}

function names.encoded(name)
  return (string.gsub(name, '[^A-Za-z0-9._@|+=~$-]', function(byte) return string.format('%%%02X', string.byte(byte)) end))
end

function names.decoded(text)
  return (string.gsub(text, '%%(%x%x)', function(digits) return string.char(tonumber(digits, 16)) end))
end
