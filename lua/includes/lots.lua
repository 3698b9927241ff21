--- @include numbers
--- @include names
local lots = {}

-- A working set of an account's lots. Changes are made here first; lots.commands turns them into commands. `order`: the lots of the
-- present step in the order in which they joined it, and `all` those of the steps before, too. `live`: those live lots that lots.take
-- has read so far, in the order of the zset, and `chunk` how many it reads next.
function lots.open(lots_key, lot_key)
  local order = {}
  return { lots_key = lots_key, lot_key = lot_key, records = {}, order = order, all = order, live = {}, chunk = 1, chosen = nil }
end

-- Makes the set that of the next step. What the steps before have changed is not written yet: lots.commands makes all of it.
function lots.continue(set)
  set.order, set.chosen = {}, nil
end

-- Remembers what the present step has made of its lots, for lots.restore.
function lots.keep(set)
  for _, record in ipairs(set.order) do record.kept_remaining, record.kept_held = record.remaining, record.held end
end

-- A lot is stored as `remaining:held:amount:expires_at_ms:granted_at_ms`, and with `:rule` behind that if it has one.
function lots.parse(id, text)
  local remaining, held, amount, expires, granted, rule = string.match(text, '^(%d+):(%d+):(%d+):(%w+):(%d+):?(.*)$')
  local expires_at_ms = remaining and numbers.expiry(expires)
  -- Here, because what becomes of a lot is made into text after entries were appended.
  if not expires_at_ms then error('lot ' .. id .. ' is unreadable') end
  return {
    id = id, remaining = tonumber(remaining), held = tonumber(held), amount = tonumber(amount),
    expires_at_ms = expires_at_ms, granted_at_ms = tonumber(granted),
    was_live = tonumber(remaining) > 0, remaining_delta = 0, held_delta = 0, rule = rule, is_stored = true,
  }
end

-- What an operation is for, `model&…;feature`, with the names encoded as in rules; '' for neither. `model`: all names of it, with
-- a tab between them; a tab before them says that they are of several models, which no restriction to a model allows.
function lots.spent_on(model, feature)
  if string.sub(model, 1, 1) == '\t' then model = '' end
  if model == '' and feature == '' then return '' end
  local models = {}
  for name in string.gmatch(model, '[^\t]+') do models[#models + 1] = names.encoded(name) end
  return table.concat(models, '&') .. ';' .. names.encoded(feature)
end

-- Makes a lot one of the present step.
function lots.add(set, record)
  local order, all = set.order, set.all
  if record.joined == order then return record end
  if not record.joined and order ~= all then all[#all + 1] = record end
  order[#order + 1], record.joined = record, order
  set.records[record.id] = record
  return record
end

-- The lot with this id. A lot that a hold refers to is never deleted, so a missing one is a bug: fail before any write.
function lots.get(set, id)
  local record = set.records[id]
  if record then return lots.add(set, record) end
  local text = redis.call('HGET', set.lot_key, id)
  if not text then error('lot ' .. id .. ' is missing') end
  return lots.add(set, lots.parse(id, text))
end

function lots.change(record, remaining_delta, held_delta)
  record.remaining = record.remaining + remaining_delta
  record.held = record.held + held_delta
  record.remaining_delta = record.remaining_delta + remaining_delta
  record.held_delta = record.held_delta + held_delta
end

-- Takes `amount` from live lots: soonest expiry first, then oldest (the order of the zset), or from the chosen ones. With
-- `into_hold` the lots keep it as held. Returns the parts in that order. The cost grows with the lots it takes from, not
-- with all lots, unless they were chosen.
function lots.take(set, now_ms, amount, into_hold)
  if set.chosen then return lots.take_chosen(set, amount, into_hold) end
  local parts, left, live, at = {}, amount, set.live, 1
  while left > 0 do
    if not live[at] then
      local ids = redis.call('ZRANGEBYSCORE', set.lots_key, '(' .. numbers.text(now_ms), '+inf', 'LIMIT', #live, set.chunk)
      if #ids == 0 then error('the lots do not cover what is available') end
      for _, id in ipairs(ids) do live[#live + 1] = id end
      set.chunk = math.min(set.chunk * 8, 512)
    end
    local record = lots.get(set, live[at])
    local taken = math.min(left, record.remaining)
    if taken > 0 then
      lots.change(record, -taken, into_hold and taken or 0)
      parts[#parts + 1] = { id = record.id, amount = taken }
      left = left - taken
    end
    at = at + 1
  end
  return parts
end

-- Parts of a hold as text: `lot:amount,…`.
function lots.parts_text(parts)
  local first = parts[1]
  if not first then return '' end
  local text = first.id .. ':' .. numbers.text(first.amount)
  if #parts == 1 then return text end
  local texts = { text }
  for i = 2, #parts do texts[i] = parts[i].id .. ':' .. numbers.text(parts[i].amount) end
  return table.concat(texts, ',')
end

function lots.parse_parts(text)
  local parts = {}
  for id, amount in string.gmatch(text, '([^:,]+):(%d+)') do
    parts[#parts + 1] = { id = id, amount = tonumber(amount) }
  end
  return parts
end

-- The changes since the last call, for a journal entry: `lot:remaining:held[:amount:expires_at_ms[:rule]],…`.
function lots.changes_text(set)
  local first, texts = '', nil
  for _, record in ipairs(set.order) do
    if record.opened or record.finished or record.remaining_delta ~= 0 or record.held_delta ~= 0 then
      local text = record.id .. string.format(':%d:%d', record.remaining_delta, record.held_delta)
      if record.opened then
        text = text .. ':' .. numbers.text(record.amount) .. ':' .. numbers.expiry_text(record.expires_at_ms)
        if record.rule ~= '' then text = text .. ':' .. record.rule end
      end
      if first == '' then
        first = text
      else
        texts = texts or { first }
        texts[#texts + 1] = text
      end
      record.remaining_delta, record.held_delta, record.opened, record.finished = 0, 0, nil, nil
      record.dirty = true
    end
  end
  return texts and table.concat(texts, ',') or first
end

-- Adds the command that brings Redis to the state of a lot. One with nothing remaining and nothing held is deleted. Returns by how
-- many the stored lots that have a rule become more.
function lots.add_commands(commands, set, record)
  if not record.dirty then return 0 end
  local is_left = record.remaining > 0 or record.held > 0
  if not is_left then
    commands[#commands + 1] = { 'HDEL', set.lot_key, record.id }
  else
    commands[#commands + 1] = { 'HSET', set.lot_key, record.id,
      string.format('%d:%d:%d:', record.remaining, record.held, record.amount) .. numbers.expiry_text(record.expires_at_ms) ..
      string.format(':%d', record.granted_at_ms) .. (record.rule ~= '' and ':' .. record.rule or '') }
  end
  if record.remaining > 0 and not record.was_live then
    commands[#commands + 1] = { 'ZADD', set.lots_key, numbers.expiry_text(record.expires_at_ms), record.id }
  elseif record.remaining == 0 and record.was_live then
    commands[#commands + 1] = { 'ZREM', set.lots_key, record.id }
  end
  return record.rule == '' and 0 or (is_left and 1 or 0) - (record.is_stored and 1 or 0)
end

-- Prepared commands that bring Redis to the state of the set, and by how many the stored lots that have a rule become more.
function lots.commands(set)
  local commands, ruled = {}, 0
  for _, record in ipairs(set.all) do ruled = ruled + lots.add_commands(commands, set, record) end
  return commands, ruled
end

--- @on-demand
-- Makes the lots what the last step that was kept has made of them. The present one has failed.
function lots.restore(set)
  for _, record in ipairs(set.all) do
    record.remaining, record.held = record.kept_remaining or record.remaining, record.kept_held or record.held
    record.dirty = record.dirty and record.kept_remaining ~= nil
  end
end

-- A rule is `priority;model&…;feature&…` (src/ledger/lot-rule.ts), with names encoded, and '' is none.
lots.default_priority = 50

-- The priority of a rule, and whether an operation may use the lot: one on `models` (all names of its model) and `feature`.
function lots.read_rule(rule, asked_models, feature)
  if rule == '' then return lots.default_priority, true end
  local priority, models, features = string.match(rule, '^(%d+);([^;]*);([^;]*)$')
  local function allows(list, asked)
    if list == '' then return true end
    for name in string.gmatch(asked, '[^&]+') do
      if string.find('&' .. list .. '&', '&' .. name .. '&', 1, true) then return true end
    end
    return false
  end
  return tonumber(priority), allows(models, asked_models) and allows(features, feature)
end

-- Live lots in the order of use: lower priority first, then soonest expiry, then oldest. `spent_on` nil: all of them, else
-- those that it may use. Records that the set does not have yet are read, but join it only when they are taken from,
-- because an entry lists its lots in the order of taking.
function lots.in_order(set, now_ms, spent_on)
  local ids = redis.call('ZRANGEBYSCORE', set.lots_key, '(' .. numbers.text(now_ms), '+inf')
  if #ids == 0 then return {} end
  local model, feature = string.match(spent_on or '', '^([^;]*);([^;]*)$')
  local texts, found = redis.call('HMGET', set.lot_key, unpack(ids)), {}
  for i, id in ipairs(ids) do
    local record = set.records[id] or lots.parse(id, texts[i] or '')
    local priority, matches = lots.read_rule(record.rule, model or '', feature or '')
    if record.remaining > 0 and (matches or not spent_on) then
      found[#found + 1] = { record = record, priority = priority, position = i }
    end
  end
  table.sort(found, function(a, b)
    if a.priority ~= b.priority then return a.priority < b.priority end
    return a.position < b.position
  end)
  return found
end

-- Chooses the lots that lots.take will take from, and returns how much there is in them.
function lots.choose(set, now_ms, spent_on)
  set.chosen = lots.in_order(set, now_ms, spent_on)
  local usable = 0
  for _, each in ipairs(set.chosen) do usable = usable + each.record.remaining end
  return usable
end

-- A new lot. `amount` was granted; `remaining` is left after debt was paid from it. `rule` nil: none.
function lots.grant(set, id, amount, remaining, expires_at_ms, now_ms, rule)
  return lots.add(set, {
    id = id, remaining = remaining, held = 0, amount = amount, expires_at_ms = expires_at_ms,
    granted_at_ms = now_ms, was_live = false, remaining_delta = remaining, held_delta = 0, opened = true, rule = rule or '',
  })
end

-- Ends a lot early: what is still held of it cannot return to it.
function lots.finish(record, now_ms)
  lots.change(record, -record.remaining, 0)
  record.expires_at_ms = now_ms
  record.finished = true
end

-- Empties the lots that are due and returns their credits.
function lots.sweep(set, now_ms)
  local total = 0
  local ids = redis.call('ZRANGEBYSCORE', set.lots_key, '-inf', numbers.text(now_ms))
  for _, id in ipairs(ids) do
    local record = lots.get(set, id)
    total = total + record.remaining
    lots.change(record, -record.remaining, 0)
  end
  return total
end

-- Expiry of the first live lot after now; a lower bound is enough for next_expiry_ms.
function lots.next_expiry(set, now_ms)
  local first = redis.call('ZRANGEBYSCORE', set.lots_key, '(' .. numbers.text(now_ms), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  if not first[2] then return math.huge end
  return numbers.expiry(first[2])
end

-- Takes `left` from the lots that lots.choose has chosen.
function lots.take_chosen(set, left, into_hold)
  local parts = {}
  for _, each in ipairs(set.chosen) do
    local record = each.record
    local taken = math.min(left, record.remaining)
    if taken > 0 then
      lots.add(set, record)
      lots.change(record, -taken, into_hold and taken or 0)
      parts[#parts + 1] = { id = record.id, amount = taken }
      left = left - taken
    end
  end
  if left > 0 then error('the chosen lots do not cover what is usable') end
  return parts
end

-- Amounts with their lots' facts: `lot:amount:expires_at_ms[:rule],…`.
function lots.parse_amounts(text)
  local parts = {}
  for id, amount, expires, rule in string.gmatch(text, '([^:,]+):(%d+):(%w+):?([^,]*)') do
    parts[#parts + 1] = { id = id, amount = tonumber(amount), expires_at_ms = numbers.expiry(expires), rule = rule }
  end
  return parts
end
