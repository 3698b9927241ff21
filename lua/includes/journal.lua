--- @include numbers
local journal = {}

-- Prepared XADD arguments for one entry. The fields and their order never vary, so the stream stores their names only
-- once per node; `before` and `after` are the account before and after the entry, and the amounts are their difference.
function journal.entry(journal_key, account_id, kind, now_ms, before, after, facts)
  local function delta(name) return numbers.text(after[name] - before[name]) end
  local lease_ends_at_text = numbers.text(facts.lease_ends_at_ms or 0)
  return {
    journal_key, '*',
    'account', account_id, 'seq', numbers.text(after.seq), 'at_ms', numbers.text(now_ms), 'kind', kind,
    'available', delta('available'), 'held', delta('held'), 'debt', delta('debt'),
    'granted', delta('granted'), 'captured', delta('captured'), 'expired', delta('expired'),
    'removed', delta('removed'), 'uncollected', delta('uncollected'), 'overage', numbers.text(facts.overage or 0),
    'available_after', numbers.text(after.available), 'held_after', numbers.text(after.held),
    'debt_after', numbers.text(after.debt),
    'lots', facts.lots or '', 'hold', facts.hold or '', 'lease_ends_at_ms', lease_ends_at_text,
    'policy', facts.policy or '', 'key', facts.key or '', 'fingerprint', facts.fingerprint or '',
    'price', facts.price or '', 'about', facts.about or '', 'principal', facts.principal or '', 'corrects', facts.corrects or '0',
    'hold_kind', facts.hold_kind or '', 'trace', facts.trace or '',
    'terms', facts.terms or '', 'reported', facts.reported or '0', 'reported_usage', facts.reported_usage or '',
    'spent', facts.spent or '', 'spent_on', facts.spent_on or '', 'spending', facts.spending or '',
    -- What a worker of the version before reads instead of lease_ends_at_ms.
    'lease_ms', lease_ends_at_text,
  }
end
