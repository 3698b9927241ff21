--- @include numbers
--- @include names
local holds = {}

-- The member of the shard's due index for a hold. The account is in it under its name, which has no ':', so that the first ':'
-- ends it whatever the hold's id contains.
function holds.due_member(account_id, hold_id)
  return names.encoded(account_id) .. ':' .. hold_id
end

--- @on-demand
-- The fields of a hold's end, in the order of the replies.
holds.outcome_fields = {
  'state', 'end_seq', 'amount', 'captured', 'released', 'expired', 'overage', 'debt', 'uncollected',
  'end_available', 'ended_at_ms', 'placed_at_ms', 'late', 'end_about',
}

-- Adds an outcome, its values in that order, to the arguments of an HSET.
function holds.add_outcome(args, outcome)
  local at = #args
  for i, field in ipairs(holds.outcome_fields) do
    args[at + 1], args[at + 2] = field, outcome[i]
    at = at + 2
  end
end

-- The stored outcome of an ended hold.
function holds.outcome(hold_key)
  return redis.call('HMGET', hold_key, unpack(holds.outcome_fields))
end

-- Open holds of the account whose lease has ended, longest overdue first.
function holds.due(open_key, now_ms, limit)
  return redis.call('ZRANGEBYSCORE', open_key, '-inf', numbers.text(now_ms), 'LIMIT', 0, limit)
end
