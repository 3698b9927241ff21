#!lua flags=allow-oom
--[[
  freeze-account: freeze an account, so that nothing of it can be written, or thaw it. Either is an entry that moves
  nothing and says who did it and why; a repeat changes nothing. Runs on a full Redis too: it stops writes.

  KEYS[1] fence       string  the shard's epoch
  KEYS[2] account     hash    balances, seq, totals
  KEYS[3] journal     stream

  ARGV[1] epoch            what the gateway believes the fence is
  ARGV[2] time_offset_ms   moves the clock in tests
  ARGV[3] account_id
  ARGV[4] kind             freeze or thaw
  ARGV[5] about            opaque facts
  ARGV[6] trace            traceparent of the call, '' for none

  Replies
    fenced
    not_loaded
    changed      seq at_ms journal_id
    unchanged
]]
--- @include clock
--- @include account
--- @include journal
local fence_key, account_key, journal_key = KEYS[1], KEYS[2], KEYS[3]
local epoch, account_id, kind, about, trace = ARGV[1], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local now_ms = clock.now_ms(tonumber(ARGV[2]))

-- Decide.
if redis.call('GET', fence_key) ~= epoch then return { 'fenced' } end
local before = account.read(account_key)
if not before then return { 'not_loaded' } end
if before.frozen == (kind == 'freeze') then return { 'unchanged' } end

-- No step.open: due lots are not swept, because a frozen account is shown as it was when frozen.
local after = account.copy(before)
after.seq = before.seq + 1
after.frozen = kind == 'freeze'
local seq, at_ms = numbers.text(after.seq), numbers.text(now_ms)
local entry = journal.entry(journal_key, account_id, kind, at_ms, before, after, { about = about, trace = trace })

-- Apply. Redis does not roll back a script that fails here, so nothing below can refuse.
local journal_id = redis.call('XADD', unpack(entry))
redis.call('HSET', account_key, 'seq', seq, 'frozen', after.frozen and '1' or '0')
return { 'changed', seq, at_ms, journal_id }
