--- @include numbers
--- @include names
-- Limits of an account, decided in the script that spends. One hash holds them (keys.ts): `=` the definitions as text
-- (src/ledger/limits.ts), `version` of the definitions, `~` the cursor of the clean-up, and one field per counter and
-- window, `counter:from:spender` -> `used:open:crossed:ends_at_ms`. `used` is what was spent and what is held; `open` is
-- the number of open holds that can still give back to it; `crossed` is 1 once the window had reached the limit.
local limits = {}

-- id, counter, amount, mode, period_ms, bucket_ms, calendar, spender, model, feature, api_key, period, time_zone
limits.pattern = '^' .. string.rep('([^\t]*)\t', 12) .. '([^\t]*)$'

-- The definitions in a text: calendars by name, definitions in their order and by counter.
function limits.parse(text)
  local found = { calendars = {}, list = {}, by_counter = {} }
  for row in string.gmatch(text, '[^\n]+') do
    local name, edges = string.match(row, '^@([^\t]*)\t(.*)$')
    if name then
      found.calendars[name] = { edges = edges }
    else
      local id, counter, amount, mode, period_ms, bucket_ms, calendar, spender, model, feature, api_key, period, time_zone =
        string.match(row, limits.pattern)
      local definition = {
        id = id, counter = counter, amount = tonumber(amount), mode = mode, period_ms = tonumber(period_ms),
        bucket_ms = tonumber(bucket_ms), calendar = calendar, spender = spender, model = model, feature = feature,
        api_key = api_key, period = period, time_zone = time_zone,
      }
      found.list[#found.list + 1] = definition
      found.by_counter[counter] = definition
    end
  end
  return found
end

-- Where the window of this instant begins, and when it no longer counts; nil when the known edges do not reach this far.
function limits.window(definition, calendars, now_ms)
  if definition.calendar ~= '' then
    local calendar = calendars[definition.calendar]
    if not calendar.is_read then
      calendar.is_read = true
      for text in string.gmatch(calendar.edges, '%d+') do
        local edge = tonumber(text)
        if now_ms < edge then
          if calendar.from then calendar.to = edge end
          break
        end
        calendar.from = edge
      end
    end
    if not calendar.to then return nil end
    return calendar.from, calendar.to
  end
  if not definition.period_ms then return 0, math.huge end
  local bucket_ms = definition.bucket_ms or definition.period_ms
  local from = math.floor(now_ms / bucket_ms) * bucket_ms
  return from, from + bucket_ms + (definition.bucket_ms and definition.period_ms or 0)
end

function limits.record(set, definition, spender, from, ends_at_ms)
  local name = definition.counter .. ':' .. numbers.text(from) .. ':' .. spender
  local record = set.records[name]
  if not record then
    record = { name = name, from = from, ends_at_ms = ends_at_ms, used = 0, open = 0, crossed = false, exists = false }
    set.records[name] = record
    set.names[#set.names + 1] = name
  end
  return record
end

-- Adds the line of a definition: its window of now, and with a rolling window the earlier buckets that still count.
function limits.add_line(set, definition, spender)
  local from, to = limits.window(definition, set.found.calendars, set.now_ms)
  if not from then
    set.stale = true
    return nil
  end
  local own = set.own[definition.id]
  local line = {
    definition = definition, spender = spender, to = to, buckets = {},
    amount = math.min(definition.amount, own or math.huge), refuses = definition.mode == 'refuse' or own ~= nil,
  }
  if definition.bucket_ms then
    local first = math.floor((set.now_ms - definition.period_ms) / definition.bucket_ms) * definition.bucket_ms
    for start = first, from - 1, definition.bucket_ms do
      line.buckets[#line.buckets + 1] = limits.record(set, definition, spender, start, start + to - from)
    end
  end
  line.current = limits.record(set, definition, spender, from, to)
  line.buckets[#line.buckets + 1] = line.current
  set.lines[#set.lines + 1] = line
  return line
end

-- Reads all counters of the set with one command.
function limits.load(set)
  if #set.names == 0 then return end
  local values = redis.call('HMGET', set.key, unpack(set.names))
  for i, name in ipairs(set.names) do
    if values[i] then
      local record = set.records[name]
      local used, open, crossed, ends = string.match(values[i], '^(%-?%d+):(%d+):(%d):(%w+)$')
      record.used, record.open, record.crossed = tonumber(used), tonumber(open), crossed == '1'
      record.ends_at_ms, record.exists = numbers.expiry(ends), true
    end
  end
  for _, line in ipairs(set.lines) do
    line.used, line.crossed = 0, false
    for _, record in ipairs(line.buckets) do
      line.used = line.used + record.used
      line.crossed = line.crossed or record.crossed
    end
  end
end

function limits.read(stored, limits_key, now_ms)
  if not stored.limited then return nil end
  local text = redis.call('HGET', limits_key, '=')
  if not text then error('the limits of the account are missing') end
  return {
    key = limits_key, now_ms = now_ms, definitions = text, found = limits.parse(text),
    lines = {}, records = {}, names = {}, changed = {}, facts = {}, own = {},
  }
end

-- Values that the caller needs to make later edges: now_ms version definitions.
function limits.stale(set)
  return numbers.text(set.now_ms), redis.call('HGET', set.key, 'version'), set.definitions
end

-- Whether an operation counts against a limit.
function limits.matches(definition, spending)
  local function is(wanted, value) return wanted == '' or wanted == value end
  return (definition.spender == '*' or is(definition.spender, spending.spender))
    and (definition.model == '' or string.find('\t' .. spending.model .. '\t', '\t' .. definition.model .. '\t', 1, true))
    and is(definition.feature, spending.feature) and is(definition.api_key, spending.api_key)
end

-- The counter of a limit that this spender has; '' for the one that all share.
function limits.spender_of(definition, spending) return definition.spender == '*' and spending.spender or '' end

-- The limits that an operation counts against, with their counters; nil when the account has none. `spending`: who spends, and on
-- what. Its `model` has all names that a limit may know the model by, with a tab between them, and its `own_limits` are amounts that
-- bind this operation alone, `limit_id=credits,…`.
function limits.match(stored, limits_key, now_ms, spending)
  local set = limits.read(stored, limits_key, now_ms)
  if not set then return nil end
  limits.read_own(set, spending.own_limits)
  for _, each in ipairs(set.found.list) do
    if limits.matches(each, spending) then limits.add_line(set, each, limits.spender_of(each, spending)) end
  end
  limits.load(set)
  return set
end

-- Amounts of an operation's own. They bind for it only, and never allow more than the limit.
function limits.read_own(set, own_limits)
  for id, credits in string.gmatch(own_limits or '', '([^=,]+)=(%d+)') do set.own[id] = tonumber(credits) end
end

-- The first of an operation's own limits that the account does not have.
function limits.unknown(set, own_limits)
  local known = {}
  for _, each in ipairs(set and set.found.list or {}) do known[each.id] = true end
  for id in string.gmatch(own_limits, '([^=,]+)=') do
    if not known[id] then return id end
  end
end

-- What a hold is matched by as long as it is open: `spender;feature;api_key;model&…;own_limits`, with the names encoded.
function limits.spending_text(spending)
  local models = {}
  for name in string.gmatch(spending.model, '[^\t]+') do models[#models + 1] = names.encoded(name) end
  return table.concat({
    spending.spender, names.encoded(spending.feature), names.encoded(spending.api_key), table.concat(models, '&'), spending.own_limits,
  }, ';')
end

function limits.read_spending(text)
  local spender, feature, api_key, models, own_limits = string.match(text, '^([^;]*);([^;]*);([^;]*);([^;]*);([^;]*)$')
  local model = string.gsub(models, '&', '\t')
  return {
    spender = spender, feature = names.decoded(feature), api_key = names.decoded(api_key), model = names.decoded(model),
    own_limits = own_limits,
  }
end

-- The limits that a hold counts against. `hold.limit_parts` is what it counts in which window, `counter:from:spender/credits,…` in
-- the order in which it was taken; a limit that was deleted or redefined since is left out. An open hold also counts against limits
-- that match it and were defined since, or that match `hold.models`, which it turned out to be for as well: they have no parts yet
-- (counters.of_hold). With `extends` the windows of now are added, so that more can be taken; with `shows`, so that an end can tell
-- what they allow.
function limits.of_hold(stored, limits_key, now_ms, hold, extends, shows)
  local parts, is_open = hold.limit_parts or '', hold.state == 'open' and hold.spending
  if parts == '' and not is_open then return nil end
  local set = limits.read(stored, limits_key, now_ms)
  if not set then return nil end
  local spending = is_open and limits.read_spending(hold.spending) or {}
  if (hold.models or '') ~= '' and is_open then spending.model = spending.model .. '\t' .. hold.models end
  limits.read_own(set, spending.own_limits)
  set.holds, set.by_counter = {}, {}
  local function add(definition, spender)
    local held = { definition = definition, spender = spender, parts = {} }
    set.by_counter[definition.counter] = held
    set.holds[#set.holds + 1] = held
    if extends then held.line = limits.add_line(set, definition, spender) end
    if shows then held.shown = limits.add_line(set, definition, spender) end
    return held
  end
  for counter, from, spender, credits in string.gmatch(parts, '(%d+):(%d+):([^/,]*)/(%d+)') do
    local definition = set.found.by_counter[counter]
    if definition then
      local held = set.by_counter[counter] or add(definition, spender)
      local record = limits.record(set, definition, held.spender, tonumber(from), math.huge)
      held.parts[#held.parts + 1] = { record = record, credits = tonumber(credits) }
    end
  end
  for _, each in ipairs(is_open and set.found.list or {}) do
    if not set.by_counter[each.counter] and limits.matches(each, spending) then
      local held = add(each, limits.spender_of(each, spending))
      local from, to = limits.window(each, set.found.calendars, now_ms)
      if from then held.starts_in = limits.record(set, each, held.spender, from, to) else set.stale = true end
    end
  end
  if #set.holds == 0 and parts == '' then return nil end
  limits.load(set)
  return set
end

-- What the tightest of the refusing limits still allows, and its line; without limits there is no end to it.
function limits.room(set)
  local room, tightest = math.huge, nil
  for _, line in ipairs(set and set.lines or {}) do
    local left = math.max(0, line.amount - line.used)
    if line.refuses and left < room then room, tightest = left, line end
  end
  return room, tightest
end

-- When a line allows `credits` more than now, as text; inf: never.
function limits.resets_at(line, credits)
  if not line.definition.bucket_ms then return numbers.expiry_text(line.to) end
  local freed, resets_at_ms = 0, math.huge
  for _, record in ipairs(line.buckets) do
    if record.used > 0 then
      freed, resets_at_ms = freed + record.used, record.ends_at_ms
      if freed >= credits then break end
    end
  end
  return numbers.expiry_text(resets_at_ms)
end

-- Values of a refusal of `credits`: limit_id remaining resets_at_ms period window.
function limits.refusal(line, credits)
  local left = math.max(0, line.amount - line.used)
  return line.definition.id, numbers.text(left), limits.resets_at(line, credits - left), line.definition.period,
    line.definition.bucket_ms and 'rolling' or 'calendar'
end

-- What the limit of the API key allows an operation: `room:remaining:resets_at_ms:period`, '' for a key without a limit. `room` was set
-- aside for it (reserve-key-spend). Answers room, and the values of a refusal; no limit of an account is called `:key`.
function limits.key_room(text)
  local room, remaining, resets_at_ms, period = string.match(text, '^(%d+):(%d+):(%d+):(%l+)$')
  return tonumber(room) or math.huge, { ':key', remaining, resets_at_ms, period, 'calendar' }
end
