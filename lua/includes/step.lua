--- @include account
--- @include lots
--- @include journal
-- One atomic step on an account: the state before, a working copy, the entries it will write. Nothing is written
-- before step.apply, and step.apply only runs commands that were built before and cannot fail.
local step = {}

-- Opens the step and sweeps due lots, because a cached total is only valid until next_expiry_ms. The sweep has its own
-- entry, which is only written together with the operation.
function step.open(keys, account_id, stored, now_ms)
  local self = {
    keys = keys, account_id = account_id, now_ms = now_ms, now_text = numbers.text(now_ms), stored = stored,
    state = account.copy(stored), entries = {}, written = stored, lots = lots.open(keys.lots, keys.lot),
    seq_text = nil, available_text = nil, journal_id = nil,
  }
  if stored.next_expiry_ms <= now_ms then
    local due = lots.sweep(self.lots, now_ms)
    self.state.next_expiry_ms = lots.next_expiry(self.lots, now_ms)
    if due > 0 then
      local before = account.copy(self.state)
      self.state.available = self.state.available - due
      self.state.expired = self.state.expired + due
      step.record(self, 'expire_lots', before, {})
    end
  end
  return self
end

-- Makes a step whose entries are appended the next one of the account, at the same instant: the changes of both are written together.
-- `stored`: what step.stored_after said of it.
function step.continue(self, stored)
  self.stored, self.state = stored, account.copy(stored)
  lots.continue(self.lots)
  return self
end

-- What an operation can use: what is available, or, if lots have rules, what is in the lots that `spent_on` may use (nil:
-- any), which are then the ones that lots.take takes from.
function step.usable(self, spent_on)
  if self.stored.ruled == 0 then return self.state.available end
  return lots.choose(self.lots, self.now_ms, spent_on)
end

-- The account before the next entry, which journal.entry compares with the state after it.
function step.before(self)
  return #self.entries == 0 and self.stored or account.copy(self.state)
end

-- Closes one entry: gives it the next seq and the lot changes since the entry before. seq_text and available_text are those of the
-- last one.
function step.record(self, kind, before, facts)
  self.state.seq = self.state.seq + 1
  facts.lots = lots.changes_text(self.lots)
  self.entries[#self.entries + 1], self.seq_text, self.available_text =
    journal.entry(self.keys.journal, self.account_id, kind, self.now_text, before, self.state, facts)
end

-- A lot that expires before all others moves the account's next sweep forward.
function step.expires(self, expires_at_ms)
  self.state.next_expiry_ms = math.min(self.state.next_expiry_ms, expires_at_ms)
end

-- The account after the step: what account.read returns once its changes are written. `ruled` may be more: a sweep can have ended
-- lots with a rule. The lots that a step takes from are the same then, but it reads more to find them.
function step.stored_after(self)
  local state, written = self.state, self.written
  state.limited, state.ruled, state.terms = written.limited, written.ruled, written.terms
  return state
end

-- What brings Redis from what is written to the state: arguments of an HSET of the account, and further commands.
function step.changes(self)
  local written, state = self.written, self.state
  local account_args = account.changes(self.keys.account, written, state)
  local commands, ruled = lots.commands(self.lots)
  if ruled ~= 0 then
    account_args[#account_args + 1] = 'ruled'
    account_args[#account_args + 1] = numbers.text(written.ruled + ruled)
  end
  if state.next_expiry_ms ~= written.next_expiry_ms then
    if state.next_expiry_ms == math.huge then
      commands[#commands + 1] = { 'ZREM', self.keys.lots_due, self.account_id }
    else
      commands[#commands + 1] = { 'ZADD', self.keys.lots_due, numbers.text(state.next_expiry_ms), self.account_id }
    end
  end
  return account_args, commands
end

-- Writes the entries. The first write uses memory, so a full Redis refuses before anything has changed. journal_id is then
-- the stream id of the last entry, which the reply acknowledges to the caller.
function step.append(self)
  local entries = self.entries
  for at, entry in ipairs(entries) do
    self.journal_id = redis.call('XADD', unpack(entry))
    entries[at] = nil
  end
end

-- Writes what step.changes returned.
function step.write(account_args, commands)
  redis.call('HSET', unpack(account_args))
  for _, command in ipairs(commands) do redis.call(unpack(command)) end
end

-- Writes the step.
function step.apply(self)
  local account_args, commands = step.changes(self)
  step.append(self)
  step.write(account_args, commands)
end
