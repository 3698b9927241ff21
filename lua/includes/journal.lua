--- @include numbers
local journal = {}

-- Prepared XADD arguments for one entry. `entry` has the facts that are one word, a line for each, in the order of
-- src/ledger/entry.ts, because each field of a stream costs; none of them can contain a line feed. What may be any text is a field of
-- its own. The fields and their order never vary, so the stream stores their names only once per node; `before` and `after` are the
-- account before and after the entry, and the amounts are their difference. Returns the entry, and the text of two of its numbers,
-- which replies need as well: seq and what is available after it. Each number is made by itself, because most are 0, which costs least.
function journal.entry(journal_key, account_id, kind, now_text, before, after, facts)
  local text = numbers.text
  local seq, available = text(after.seq), text(after.available)
  local lines = kind .. '\n' .. seq .. '\n' .. now_text .. '\n' ..
    text(after.available - before.available) .. '\n' .. text(after.held - before.held) .. '\n' .. text(after.debt - before.debt) .. '\n' ..
    text(after.granted - before.granted) .. '\n' .. text(after.captured - before.captured) .. '\n' ..
    text(after.expired - before.expired) .. '\n' .. text(after.removed - before.removed) .. '\n' ..
    text(after.uncollected - before.uncollected) .. '\n' .. text(facts.overage or 0) .. '\n' ..
    available .. '\n' .. text(after.held) .. '\n' .. text(after.debt) .. '\n' .. (facts.lease_ends_at_ms or '0') .. '\n' ..
    (facts.lots or '') .. '\n' .. (facts.hold or '') .. '\n' .. (facts.policy or '') .. '\n' .. (facts.fingerprint or '') .. '\n' ..
    (facts.principal or '') .. '\n' .. (facts.corrects or '0') .. '\n' .. (facts.hold_kind or '') .. '\n' .. (facts.trace or '') .. '\n' ..
    (facts.terms or '') .. '\n' .. (facts.reported or '0') .. '\n' .. (facts.reported_usage or '') .. '\n' .. (facts.spent or '') .. '\n' ..
    (facts.spent_on or '') .. '\n' .. (facts.spending or '')
  return {
    journal_key, '*', 'entry', lines, 'account', account_id, 'key', facts.key or '', 'price', facts.price or '', 'about', facts.about or '',
  }, seq, available
end
