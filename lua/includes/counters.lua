--- @include numbers
--- @include limits
-- What holds and charges count in the windows of limits. Everything is changed in the set of includes/limits.lua first;
-- counters.commands turns it into commands, and counters.about tells it to the entry.
local counters = {}

-- Fields that one clean-up looks at, about.
counters.scan_count = 16

-- Counts credits in one window, gives back if they are negative, and notes it for the entry. `moves`: they come from
-- another window, so reaching the limit tells nothing.
function counters.count(set, line, record, credits, open, moves)
  record.used, record.open = record.used + credits, record.open + open
  if not set.changed[record.name] then
    set.changed[record.name] = true
    set.changed[#set.changed + 1] = record
  end
  local definition = line.definition
  local fact = '{"id":"' .. definition.id .. '","counter":' .. definition.counter .. ',"spender":"' .. line.spender ..
    '","mode":"' .. definition.mode .. '","from":' .. numbers.text(record.from) .. ',"to":' ..
    (record.ends_at_ms == math.huge and 'null' or numbers.text(record.ends_at_ms)) ..
    ',"credits":' .. numbers.text(credits) .. ',"open":' .. numbers.text(open)
  local is_whole = not definition.bucket_ms
  if line.buckets then
    line.used = line.used + credits
    local resets = limits.resets_at(line, 1)
    fact = fact .. ',"left":' .. numbers.text(math.max(0, line.amount - line.used)) ..
      ',"resets":' .. (resets == 'inf' and 'null' or resets)
  end
  -- Once per window. Of a rolling window the counters of all its buckets are known only when something is taken.
  local used = line.buckets and line.used or record.used
  if not moves and (line.buckets or is_whole) and used >= definition.amount and not record.crossed and not line.crossed then
    record.crossed = true
    fact = fact .. ',"crossed":true'
  end
  set.facts[#set.facts + 1] = { text = fact, shown = line.shown }
end

-- What a line of an end allows once everything is counted, for its fact.
function counters.shown(line)
  line.used = 0
  for _, record in ipairs(line.buckets) do line.used = line.used + record.used end
  local resets = limits.resets_at(line, 1)
  return ',"left":' .. numbers.text(math.max(0, line.amount - line.used)) .. ',"resets":' .. (resets == 'inf' and 'null' or resets)
end

-- A hold (`open` 1) or a charge (`open` 0) of `credits` counts in the window of now of each line.
function counters.take(set, credits, open)
  for _, line in ipairs(set and set.lines or {}) do counters.count(set, line, line.current, credits, open) end
end

-- The limits of a hold (limits.of_hold). What it holds counts in the window of now of those that were defined since it was last
-- changed, as if it had been taken now; an end tells with what it spends whether the limit is reached.
function counters.of_hold(stored, limits_key, now_ms, hold, extends, shows)
  local set = limits.of_hold(stored, limits_key, now_ms, hold, extends, shows)
  if not set or set.stale then return set end
  for _, held in ipairs(set.holds) do
    if held.starts_in then
      set.has_new_parts = true
      counters.count(set, held.line or held, held.starts_in, hold.amount, 1, not extends)
      held.parts[1] = { record = held.starts_in, credits = hold.amount }
    end
  end
  return set
end

-- What a hold counts in which window, as text.
function counters.parts_text(set)
  local texts = {}
  for _, held in ipairs(set.holds) do
    for _, part in ipairs(held.parts) do texts[#texts + 1] = part.record.name .. '/' .. numbers.text(part.credits) end
  end
  return table.concat(texts, ',')
end

-- The parts of a new hold as text.
function counters.parts(set, credits)
  local texts = {}
  for i, line in ipairs(set.lines) do texts[i] = line.current.name .. '/' .. numbers.text(credits) end
  return table.concat(texts, ',')
end

-- An end of a hold. The first end spends `captured` from its first parts and gives the rest back to the windows it came
-- from. What goes beyond the hold counts in its last window. A window that is gone is over: nothing depends on it.
function counters.settle(set, captured, beyond, is_first_end)
  for _, held in ipairs(set and set.holds or {}) do
    local left = captured
    for i, part in ipairs(held.parts) do
      local spent = math.min(left, part.credits)
      left = left - spent
      local credits = (is_first_end and spent - part.credits or 0) + (i == #held.parts and beyond or 0)
      local open = is_first_end and math.min(part.record.open, 1) or 0
      local is_there = part.record.exists or held.starts_in
      if is_there and (credits ~= 0 or open ~= 0) then counters.count(set, held, part.record, credits, -open) end
    end
  end
end

-- An ended hold was charged `captured` of its own and `beyond`: `credits` of that come back, last what was spent first.
function counters.give_back(set, captured, beyond, credits)
  if credits == 0 then return end
  for _, held in ipairs(set and set.holds or {}) do
    local spent, left = {}, captured
    for i, part in ipairs(held.parts) do
      spent[i] = math.min(left, part.credits) + (i == #held.parts and beyond or 0)
      left = left - math.min(left, part.credits)
    end
    left = credits
    for i = #held.parts, 1, -1 do
      local amount = math.min(left, spent[i])
      left = left - amount
      local record = held.parts[i].record
      if amount > 0 and record.exists then counters.count(set, held, record, -amount, 0) end
    end
  end
end

-- One part for all windows of a hold that are over, the last of them: no decision depends on what is counted there, and a
-- stream that is extended for hours would otherwise get a part for each window that it was in, until a command of Redis has
-- more fields than Lua can pass. Returns the parts.
function counters.merge_over(set, held)
  local kept, last = {}, nil
  for _, part in ipairs(held.parts) do
    if part.record.open > 0 and part.record.ends_at_ms <= set.now_ms then
      if last then
        counters.count(set, held, last.record, -last.credits, -1, true)
        counters.count(set, held, part.record, last.credits, 0, true)
        part.credits = part.credits + last.credits
        kept[#kept] = nil
      end
      last = part
    end
    kept[#kept + 1] = part
  end
  return kept
end

-- An open hold gets `credits` more, which count in the windows of now. Returns its parts as text, nil when nothing counts.
function counters.extend(set, credits)
  if not set then return nil end
  for _, held in ipairs(set.holds) do
    local current, known = held.line.current, nil
    for _, part in ipairs(held.parts) do
      if part.record == current then known = part end
    end
    if credits > 0 then
      counters.count(set, held.line, current, credits, known and 0 or 1)
      if known then known.credits = known.credits + credits else held.parts[#held.parts + 1] = { record = current, credits = credits } end
      held.parts = counters.merge_over(set, held)
    end
  end
  return counters.parts_text(set)
end

-- What the lines allow now: `id:remaining:resets_at_ms:mode,…`; '' for none.
function counters.states(set)
  local texts = {}
  for i, line in ipairs(set and set.lines or {}) do
    local definition = line.definition
    texts[i] = definition.id .. ':' .. numbers.text(math.max(0, line.amount - line.used)) .. ':' ..
      limits.resets_at(line, 1) .. ':' .. (line.refuses and 'refuse' or definition.mode)
  end
  return table.concat(texts, ',')
end

-- Facts of an entry with what it counted behind them, in the same JSON (ledger/facts.ts).
function counters.about(set, about)
  if not set or #set.facts == 0 then return about end
  local texts = {}
  for i, fact in ipairs(set.facts) do
    texts[i] = fact.text .. (fact.shown and counters.shown(fact.shown) or '') .. '}'
  end
  local fact = '"limits":[' .. table.concat(texts, ',') .. ']}'
  return #about > 2 and string.sub(about, 1, -2) .. ',' .. fact or '{' .. fact
end

-- Prepared commands that write the counters. Whenever a window opens, some fields are looked at, and those of windows that
-- are over, and of limits that are gone, are deleted; a window that an open hold can give back to stays.
function counters.commands(set)
  if not set or #set.changed == 0 then return {} end
  local args, opens = { 'HSET', set.key }, false
  for _, record in ipairs(set.changed) do
    opens = opens or not record.exists
    args[#args + 1] = record.name
    args[#args + 1] = numbers.text(record.used) .. ':' .. numbers.text(record.open) .. ':' .. (record.crossed and '1' or '0') ..
      ':' .. numbers.expiry_text(record.ends_at_ms)
  end
  if not opens then return { args } end
  local cursor = redis.call('HGET', set.key, '~') or '0'
  local scanned = redis.call('HSCAN', set.key, cursor, 'COUNT', counters.scan_count)
  local drop = { 'HDEL', set.key }
  for i = 1, #scanned[2], 2 do
    local name = scanned[2][i]
    local counter = string.match(name, '^(%d+):')
    if counter and not set.records[name] then
      local open, ends = string.match(scanned[2][i + 1], '^%-?%d+:(%d+):%d:(%w+)$')
      local is_over = numbers.expiry(ends) <= set.now_ms and open == '0'
      if is_over or not set.found.by_counter[counter] then drop[#drop + 1] = name end
    end
  end
  args[#args + 1] = '~'
  args[#args + 1] = scanned[1]
  return #drop > 2 and { args, drop } or { args }
end
