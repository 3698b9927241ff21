--- @include numbers
local receipts = {}

-- The answer of an earlier operation under this key: nil when there is none, false when the key was used for another
-- request.
function receipts.find(receipt_key, key, fingerprint)
  if key == '' then return nil end
  local found = redis.call('HMGET', receipt_key, 'fingerprint', 'seq', 'at_ms', 'previous', 'available', 'debt_paid')
  if not found[1] then return nil end
  if found[1] ~= fingerprint then return false end
  return { seq = found[2], at_ms = found[3], previous = found[4], available = found[5], debt_paid = found[6] }
end

function receipts.write(receipt_key, key, fingerprint, answer, ttl_seconds)
  if key == '' then return end
  redis.call('HSET', receipt_key, 'fingerprint', fingerprint, 'seq', answer.seq, 'at_ms', answer.at_ms,
    'previous', answer.previous, 'available', answer.available, 'debt_paid', answer.debt_paid)
  redis.call('EXPIRE', receipt_key, ttl_seconds)
end

-- The entry that recorded this request as uncollected usage when it was refused, or nil. A refused request is not done:
-- its repeat is decided again, but not recorded as uncollected a second time.
function receipts.refused(receipt_key, key, fingerprint)
  if key == '' then return nil end
  local found = redis.call('HMGET', receipt_key, 'refused_fingerprint', 'refused_seq', 'refused_amount')
  if found[1] ~= fingerprint then return nil end
  return { seq = tonumber(found[2]), amount = tonumber(found[3]) }
end

function receipts.write_refused(receipt_key, key, fingerprint, seq, amount, ttl_seconds)
  if key == '' then return end
  redis.call('HSET', receipt_key, 'refused_fingerprint', fingerprint, 'refused_seq', numbers.text(seq),
    'refused_amount', numbers.text(amount))
  redis.call('EXPIRE', receipt_key, ttl_seconds)
end
