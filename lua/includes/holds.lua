--- @include numbers
local holds = {}

-- How a hold ended, in the order in which scripts answer it.
holds.outcome_fields = {
  'state', 'end_seq', 'amount', 'captured', 'released', 'expired', 'overage', 'debt', 'uncollected',
  'end_available', 'ended_at_ms', 'placed_at_ms', 'late', 'end_about',
}

-- The outcome of an ended hold, as it is stored.
function holds.outcome(hold_key)
  return redis.call('HMGET', hold_key, unpack(holds.outcome_fields))
end

-- Holds of the account whose lease is over and that nothing has ended yet, the longest overdue first.
function holds.due(open_key, now_ms, limit)
  return redis.call('ZRANGEBYSCORE', open_key, '-inf', numbers.text(now_ms), 'LIMIT', 0, limit)
end
