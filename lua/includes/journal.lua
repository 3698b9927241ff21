--- @include numbers
local journal = {}

-- Prepared XADD arguments for one entry. `entry` has the facts that are one word, a line for each, in the order of
-- src/ledger/entry.ts, because each field of a stream costs; none of them can contain a line feed. What may be any text is a field of
-- its own. The fields and their order never vary, so the stream stores their names only once per node; `before` and `after` are the
-- account before and after the entry, and the amounts are their difference.
function journal.entry(journal_key, account_id, kind, now_ms, before, after, facts)
  local lines = kind .. string.format('\n%d\n%d\n%d\n%d\n%d\n%d\n%d\n%d\n%d\n%d\n%d\n%d\n%d\n%d\n%d\n',
    after.seq, now_ms, after.available - before.available, after.held - before.held, after.debt - before.debt,
    after.granted - before.granted, after.captured - before.captured, after.expired - before.expired,
    after.removed - before.removed, after.uncollected - before.uncollected, facts.overage or 0,
    after.available, after.held, after.debt, facts.lease_ends_at_ms or 0) ..
    (facts.lots or '') .. '\n' .. (facts.hold or '') .. '\n' .. (facts.policy or '') .. '\n' .. (facts.fingerprint or '') .. '\n' ..
    (facts.principal or '') .. '\n' .. (facts.corrects or '0') .. '\n' .. (facts.hold_kind or '') .. '\n' .. (facts.trace or '') .. '\n' ..
    (facts.terms or '') .. '\n' .. (facts.reported or '0') .. '\n' .. (facts.reported_usage or '') .. '\n' .. (facts.spent or '') .. '\n' ..
    (facts.spent_on or '') .. '\n' .. (facts.spending or '')
  return {
    journal_key, '*', 'entry', lines, 'account', account_id, 'key', facts.key or '', 'price', facts.price or '', 'about', facts.about or '',
  }
end
