--- @include numbers
local account = {}

-- The figures of an account; src/ledger/figures.ts lists the same, and test/tidy compares.
account.fields = {
  'available', 'held', 'debt', 'seq', 'next_expiry_ms',
  'granted', 'captured', 'expired', 'removed', 'uncollected', 'frozen',
}
-- No total may exceed what a double holds exactly.
account.limit = 9007199254740991

-- The account, or nil when Redis does not have it: then it must be loaded from Postgres first. Behind the figures, read with
-- them so that they cost no command: whether the account has limits (includes/limits.lua), how many of its stored lots have
-- a rule (includes/lots.lua), and its terms of holds (includes/terms.lua).
-- A missing field is 0. Scripts write each figure all the same, because those of the version before need them.
function account.read(account_key)
  local values = redis.call('HMGET', account_key, 'available', 'held', 'debt', 'seq', 'next_expiry_ms', 'granted', 'captured',
    'expired', 'removed', 'uncollected', 'frozen', 'limited', 'ruled', 'terms')
  if not values[4] then return nil end
  return {
    available = tonumber(values[1] or '0'),
    held = tonumber(values[2] or '0'),
    debt = tonumber(values[3] or '0'),
    seq = tonumber(values[4]),
    next_expiry_ms = numbers.expiry(values[5]),
    granted = tonumber(values[6] or '0'),
    captured = tonumber(values[7] or '0'),
    expired = tonumber(values[8] or '0'),
    removed = tonumber(values[9] or '0'),
    uncollected = tonumber(values[10] or '0'),
    frozen = values[11] == '1',
    limited = values[12] == '1',
    ruled = tonumber(values[13] or '0'),
    terms = values[14],
  }
end

-- Written out, because a table that grows field by field is reallocated four times, and this runs on every hold.
function account.copy(from)
  return {
    available = from.available, held = from.held, debt = from.debt, seq = from.seq,
    next_expiry_ms = from.next_expiry_ms, granted = from.granted, captured = from.captured, expired = from.expired,
    removed = from.removed, uncollected = from.uncollected, frozen = from.frozen,
  }
end

-- Ready-made HSET arguments for what changed between two states; seq always does. The last field, frozen, is written by
-- freeze-account alone.
function account.changes(account_key, before, after)
  local args = { account_key }
  for i = 1, #account.fields - 1 do
    local name = account.fields[i]
    if before[name] ~= after[name] then
      args[#args + 1] = name
      args[#args + 1] = numbers.expiry_text(after[name])
    end
  end
  return args
end

--- @on-demand
-- The figures as text in the order of account.fields, without next_expiry_ms: how answers about an account begin.
function account.texts(state)
  return {
    numbers.text(state.available), numbers.text(state.held), numbers.text(state.debt), numbers.text(state.seq),
    numbers.text(state.granted), numbers.text(state.captured), numbers.text(state.expired), numbers.text(state.removed),
    numbers.text(state.uncollected), state.frozen and '1' or '0',
  }
end
