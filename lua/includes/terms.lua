--- @include numbers
-- Terms of holds that an account has of its own: the field `terms` of the account, `max_hold:over_capture:debt_limit`, where a term
-- that it does not have is empty. It is read with the figures, so it costs no command.
local terms = {}

-- From the laxest to the strictest.
terms.strictness = { debt = 1, available = 2, cap = 3 }

terms.none = {}

function terms.read(stored)
  if not stored.terms then return terms.none end
  local max_hold, over_capture, debt_limit = string.match(stored.terms, '^(%d*):(%l*):(%d*)$')
  return { max_hold = tonumber(max_hold), over_capture = over_capture ~= '' and over_capture or nil, debt_limit = tonumber(debt_limit) }
end

-- The most that one hold may have: the account's or `hold_max`, whichever is less; math.huge without either.
function terms.most(stored, hold_max)
  return math.min(terms.read(stored).max_hold or math.huge, hold_max or math.huge)
end

-- What pays for usage beyond a hold that has no rule of its own: the account's terms, or else those of the gateway.
function terms.beyond(stored, over_capture, debt_limit)
  local own = terms.read(stored)
  return own.over_capture or over_capture, own.debt_limit or debt_limit
end

-- The rule that a hold gets: that of the account, or what was asked for if it is no laxer: over_capture debt_limit, both as text. Or
-- nil and what refuses it: the term, and what it may be at most.
function terms.granted(stored, standard_over_capture, standard_debt_limit, asked_over_capture, asked_debt_limit)
  local over_capture, debt_limit = terms.beyond(stored, standard_over_capture, tonumber(standard_debt_limit))
  if asked_over_capture ~= '' then
    if terms.strictness[asked_over_capture] < terms.strictness[over_capture] then return nil, 'over_capture', over_capture end
    over_capture = asked_over_capture
  end
  local asked_limit = tonumber(asked_debt_limit)
  if over_capture ~= 'debt' then
    if asked_limit then return nil, 'no_debt', over_capture end
    return over_capture, ''
  end
  if asked_limit and debt_limit and asked_limit > debt_limit then return nil, 'debt_limit', numbers.text(debt_limit) end
  local limit = asked_limit or debt_limit
  return over_capture, limit and numbers.text(limit) or ''
end
