--- @include numbers
--- @include lots
-- What a hold has that is extended and reported while it is open.
local leases = {}

-- The terms of a hold for its journal entry: `over_capture:debt_limit:input_cost:renewal_ms`, '' when it has none.
function leases.terms_text(over_capture, debt_limit, input_cost, renewal_ms)
  if over_capture == '' then return '' end
  return over_capture .. ':' .. debt_limit .. ':' .. input_cost .. ':' .. renewal_ms
end

-- The same as fields of the hold. Without a limit of debt, or a cost of the input, it has no such field.
function leases.add_terms(args, over_capture, debt_limit, input_cost, renewal_ms)
  leases.add(args, 'over_capture', over_capture, 'lease_ms', renewal_ms)
  if debt_limit ~= '' then leases.add(args, 'debt_limit', debt_limit) end
  if input_cost ~= '0' then leases.add(args, 'input_cost', input_cost) end
end

-- Adds one or two fields and values to the arguments of an HSET.
function leases.add(args, field, value, another, its_value)
  local at = #args
  args[at + 1], args[at + 2], args[at + 3], args[at + 4] = field, value, another, its_value
end

--- @on-demand
leases.fields = {
  'state', 'amount', 'parts', 'expires_at_ms', 'price', 'placed_at_ms', 'about', 'placed_by', 'kind', 'policy', 'lease_ms',
  'reported', 'reported_usage', 'journaled', 'journaled_at_ms', 'limit_parts',
  'spent_on', 'spending',
}

-- The hold while it is open, or nil when Redis does not have it.
function leases.read(hold_key)
  local values = redis.call('HMGET', hold_key, unpack(leases.fields))
  if not values[1] then return nil end
  return {
    state = values[1], amount = tonumber(values[2]), parts = values[3], expires_at_ms = tonumber(values[4]), price = values[5],
    placed_at_ms = values[6], about = values[7], placed_by = values[8], kind = values[9] or '', policy = values[10] or '',
    lease_ms = tonumber(values[11] or ''), reported = tonumber(values[12] or '0'), reported_usage = values[13] or '',
    journaled = tonumber(values[14] or '0'), journaled_at_ms = tonumber(values[15] or ''),
    limit_parts = values[16], spent_on = values[17] or '', spending = values[18],
  }
end

-- When the lease ends from now on. A lease that is asked for is set, also a shorter one; the hold's own, or else the
-- default, is never a reason to end sooner.
function leases.renewed(hold, now_ms, asked_ms, default_ms)
  if asked_ms then return now_ms + asked_ms end
  return math.max(hold.expires_at_ms, now_ms + (hold.lease_ms or default_ms))
end

-- The parts of a hold with those of an extension: one part per lot, in the order in which the lots were first taken.
function leases.joined(text, added)
  if #added == 0 then return text end
  local parts, of = lots.parse_parts(text), {}
  for _, part in ipairs(parts) do of[part.id] = part end
  for _, part in ipairs(added) do
    local known = of[part.id]
    if known then
      known.amount = known.amount + part.amount
    else
      parts[#parts + 1] = part
    end
  end
  return lots.parts_text(parts)
end

-- Whether a later report of usage so far, `class=tokens,…`, has less of any class.
function leases.goes_back(earlier, later)
  local now = {}
  for class, tokens in string.gmatch(later, '([^=,]+)=(%d+)') do now[class] = tonumber(tokens) end
  for class, tokens in string.gmatch(earlier, '([^=,]+)=(%d+)') do
    if (now[class] or 0) < tonumber(tokens) then return true end
  end
  return false
end

-- The hold as answers about it show it. Final: nothing more can be held now. `room`: what the limits allow and the lots that
-- it may use have beyond it, and `limit_states` what the limits are (includes/limits.lua).
function leases.answer(hold, amount_text, expires_text, available, room, limit_states)
  return {
    amount_text, numbers.text(hold.reported), expires_text, numbers.text(available), math.min(available, room) == 0 and '1' or '0',
    hold.price, hold.placed_at_ms, hold.about, hold.reported_usage, numbers.text(hold.lease_ms or 0), hold.policy, limit_states,
  }
end
