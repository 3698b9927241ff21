--- @include account
local inspection = {}

-- All stored data of an account, unchanged, as texts; nil when Redis does not have it:
-- figures… lot_count (id facts)… live_count id… open_count hold_count (id state amount)…
-- The lots are in the order of their ids, so that equal accounts have equal texts.
function inspection.read(account_key, lots_key, lot_key, open_key, holds_max, hold_prefix)
  local state = account.read(account_key)
  if not state then return nil end
  local texts = account.texts(state)
  local function add(...)
    for i = 1, select('#', ...) do texts[#texts + 1] = (select(i, ...)) end
  end
  local stored, facts, ids = redis.call('HGETALL', lot_key), {}, {}
  for i = 1, #stored, 2 do
    ids[#ids + 1] = stored[i]
    facts[stored[i]] = stored[i + 1]
  end
  table.sort(ids)
  add(numbers.text(#ids))
  for _, id in ipairs(ids) do add(id, facts[id]) end
  local live = redis.call('ZRANGE', lots_key, 0, -1)
  add(numbers.text(#live))
  for _, id in ipairs(live) do add(id) end
  local hold_ids = redis.call('ZRANGE', open_key, 0, holds_max - 1)
  add(numbers.text(redis.call('ZCARD', open_key)), numbers.text(#hold_ids))
  for _, id in ipairs(hold_ids) do
    local hold = redis.call('HMGET', hold_prefix .. id, 'state', 'amount')
    add(id, hold[1] or '', hold[2] or '0')
  end
  return texts
end
