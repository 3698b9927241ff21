--- @include numbers
local journal = {}

-- Prepared XADD arguments for one entry. `entry` has the facts that are one word, a line for each, in the order of
-- src/ledger/entry.ts, because each field of a stream costs; none of them can contain a line feed. What may be any text is a field of
-- its own. The fields and their order never vary, so the stream stores their names only once per node; `before` and `after` are the
-- account before and after the entry, and the amounts are their difference. Returns the entry, and the text of two of its numbers,
-- which replies need as well: seq and what is available after it.
-- A number takes longer to format than to compare, and most entries leave most figures as they are.
function journal.entry(journal_key, account_id, kind, now_text, before, after, facts)
  local text, changes = numbers.text, '\n0\n0\n0\n0\n0\n0\n'
  if after.captured ~= before.captured or after.debt ~= before.debt or after.granted ~= before.granted
    or after.expired ~= before.expired or after.removed ~= before.removed or after.uncollected ~= before.uncollected then
    changes = string.format('\n%d\n%d\n%d\n%d\n%d\n%d\n', after.debt - before.debt, after.granted - before.granted,
      after.captured - before.captured, after.expired - before.expired, after.removed - before.removed,
      after.uncollected - before.uncollected)
  end
  local seq, available = text(after.seq), text(after.available)
  local lines = kind .. '\n' .. seq .. '\n' .. now_text .. '\n' .. text(after.available - before.available) .. '\n' ..
    text(after.held - before.held) .. changes .. text(facts.overage or 0) .. '\n' .. available .. '\n' .. text(after.held) .. '\n' ..
    text(after.debt) .. '\n' .. (facts.lease_ends_at or '0') .. '\n' .. (facts.lots or '') .. '\n' .. (facts.hold or '') .. '\n' .. (facts.policy or '') .. '\n' .. (facts.fingerprint or '') .. '\n' ..
    (facts.principal or '') .. '\n' .. (facts.corrects or '0') .. '\n' .. (facts.hold_kind or '') .. '\n' .. (facts.trace or '') .. '\n' ..
    (facts.terms or '') .. '\n' .. (facts.reported or '0') .. '\n' .. (facts.reported_usage or '') .. '\n' .. (facts.spent or '') .. '\n' ..
    (facts.spent_on or '') .. '\n' .. (facts.spending or '')
  return {
    journal_key, '*', 'entry', lines, 'account', account_id, 'key', facts.key or '', 'price', facts.price or '', 'about', facts.about or '',
  }, seq, available
end
