-- What limits an account has, in the set of includes/limits.lua: the definitions as text, and an index of it that says where the
-- limits of each match begin (src/ledger/limits.ts).
local definitions = {}

--- @on-demand
-- Whether an operation counts against a limit.
function definitions.matches(definition, spending)
  local function is(wanted, value) return wanted == '' or wanted == value end
  return (definition.spender == '*' or is(definition.spender, spending.spender))
    and (definition.model == '' or string.find('\t' .. spending.model .. '\t', '\t' .. definition.model .. '\t', 1, true))
    and is(definition.feature, spending.feature) and is(definition.api_key, spending.api_key)
end

-- id, counter, amount, mode, period_ms, bucket_ms, calendar, spender, model, feature, api_key, period, time_zone
definitions.pattern = '^' .. string.rep('([^\t]*)\t', 12) .. '([^\t\n]*)'

-- The definition whose row begins there.
function definitions.parse(text, at)
  local id, counter, amount, mode, period_ms, bucket_ms, calendar, spender, model, feature, api_key, period, time_zone =
    string.match(text, definitions.pattern, at)
  return {
    id = id, counter = counter, amount = tonumber(amount), mode = mode, period_ms = tonumber(period_ms),
    bucket_ms = tonumber(bucket_ms), calendar = calendar, spender = spender, model = model, feature = feature,
    api_key = api_key, period = period, time_zone = time_zone,
  }
end

-- All definitions in their order, and by counter. What an operation counts against is found without them (definitions.matching).
function definitions.all(set)
  if set.all then return set.all end
  local all = { by_counter = {} }
  for at, first in string.gmatch('\n' .. set.definitions, '\n()(.)') do
    if first ~= '@' then
      local definition = definitions.parse(set.definitions, at - 1)
      all[#all + 1] = definition
      all.by_counter[definition.counter] = definition
    end
  end
  set.all = all
  return all
end

-- The definition that has this counter, nil when it is gone. `known`: definitions by counter to look at first.
function definitions.by_counter(set, known, counter)
  return known[counter] or definitions.all(set).by_counter[counter]
end

-- Where the rows begin whose match is one of those that a shape of matches has for this operation. A shape is four signs: of the
-- spender (`s`, `*` for each of them, `-` for any), the model (`m`), the feature (`f`) and the API key (`k`).
function definitions.add_rows(set, shape, spending, rows)
  local spender, model, feature, api_key = string.match(shape, '^(.)(.)(.)(.)$')
  if feature == 'f' and spending.feature == '' or api_key == 'k' and spending.api_key == '' then return end
  local before = '\n' .. (spender == 's' and spending.spender or spender == '*' and '*' or '') .. '\t'
  local behind = '\t' .. (feature == 'f' and spending.feature or '') .. '\t' .. (api_key == 'k' and spending.api_key or '') .. '\t'
  local function look(name)
    local _, last = string.find(set.index, before .. name .. behind, 1, true)
    if not last then return end
    for offset in string.gmatch(string.match(set.index, '^[%d,]+', last + 1), '%d+') do
      local at = #set.definitions - tonumber(offset) + 1
      if not rows.known[at] then
        rows.known[at] = true
        rows[#rows + 1] = at
      end
    end
  end
  if model == '-' then return look('') end
  for name in string.gmatch(spending.model, '[^\t]+') do look(name) end
end

-- The definitions that match an operation, in their order. The cost grows with these, not with all that the account has.
function definitions.matching(set, spending)
  local found = {}
  if not set.index then
    for _, each in ipairs(definitions.all(set)) do
      if definitions.matches(each, spending) then found[#found + 1] = each end
    end
    return found
  end
  local rows = { known = {} }
  for shape in string.gmatch(string.match(set.index, '^%d+\t([^\n]*)'), '[^,]+') do definitions.add_rows(set, shape, spending, rows) end
  if #rows > 1 then table.sort(rows) end
  for i, at in ipairs(rows) do found[i] = definitions.parse(set.definitions, at) end
  return found
end

-- A calendar of the definitions. Their rows come before all others, and no `@` is in what they hold.
function definitions.calendar(set, name)
  local calendar = set.calendars[name]
  if calendar then return calendar end
  local _, last = string.find(set.definitions, '@' .. name .. '\t', 1, true)
  calendar = { edges = string.match(set.definitions, '^[%d,]*', last + 1) }
  set.calendars[name] = calendar
  return calendar
end
