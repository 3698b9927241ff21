--- @include numbers
--- @include lots
--- @include step
-- What a late settle gives back of what the expiry of its hold charged by report.
local givebacks = {}

givebacks.none = {
  captured = 0, uncollected = 0, debt_paid = 0, debt = 0, overage = 0, expired = 0, released_of_hold = 0, expired_of_hold = 0,
}

function givebacks.remember(parts, lot, amount)
  if amount > 0 then parts[#parts + 1] = { id = lot.id, amount = amount, expires_at_ms = lot.expires_at_ms, rule = lot.rule } end
end

--- @on-demand
-- `lot:amount:expires_at_ms[:rule],…` in the order in which they were spent: the hold's first, then what was taken beyond it.
function givebacks.text(parts)
  local texts = {}
  for i, part in ipairs(parts) do
    texts[i] = part.id .. ':' .. numbers.text(part.amount) .. ':' .. numbers.expiry_text(part.expires_at_ms) ..
      (part.rule ~= '' and ':' .. part.rule or '')
  end
  return table.concat(texts, ',')
end

-- A lot that is gone comes back as a new one that ends when it would have, with the same rule.
function givebacks.reopen(self, amount, expires_at_ms, rule)
  self.reopened = (self.reopened or 0) + 1
  local id = 'back-' .. numbers.text(self.state.seq + 1) .. '-' .. numbers.text(self.reopened)
  lots.grant(self.lots, id, amount, amount, expires_at_ms, self.now_ms, rule)
end

-- Gives `excess` back: first what was never collected, then the account's debt, then to the lots that were spent last.
-- Changes lots and what is available; the caller applies the other amounts. `first` is what the hold was charged.
function givebacks.apply(self, first, excess, spent_text)
  local uncollected = math.min(excess, first.uncollected)
  local captured = excess - uncollected
  local debt_paid = math.min(captured, self.state.debt)
  -- Debt that a grant has paid since: there is no lot that it came from.
  local loose = math.max(0, math.min(captured, first.debt) - debt_paid)
  if loose > 0 then givebacks.reopen(self, loose, math.huge) end
  local left, expired = captured - debt_paid - loose, 0
  local parts = lots.parse_amounts(spent_text)
  for i = #parts, 1, -1 do
    local part = parts[i]
    local amount = math.min(left, part.amount)
    left = left - amount
    if amount > 0 then
      local lot = redis.call('HEXISTS', self.keys.lot, part.id) == 1 and lots.get(self.lots, part.id) or nil
      if (lot or part).expires_at_ms <= self.now_ms then
        expired = expired + amount
      else
        if lot then lots.change(lot, amount, 0) else givebacks.reopen(self, amount, part.expires_at_ms, part.rule) end
        step.expires(self, (lot or part).expires_at_ms)
      end
    end
  end
  self.state.available = self.state.available + captured - debt_paid - expired

  local overage = math.min(captured, first.overage)
  local expired_of_hold = math.min(expired, captured - overage)
  return {
    captured = captured, uncollected = uncollected, debt_paid = debt_paid, debt = math.min(captured, first.debt),
    overage = overage, expired = expired, expired_of_hold = expired_of_hold,
    released_of_hold = captured - overage - expired_of_hold,
  }
end
