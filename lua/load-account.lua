#!lua
--[[
  load-account: load an account from Postgres. Holds and receipts may come in several calls before the one that commits,
  which writes the account itself; afterwards Redis decides for the account, and further loads change nothing. Each call
  has the ticket that begin-load gave before Postgres was read.

  KEYS[1] fence       string  the shard's epoch
  KEYS[2] account     hash    balances, seq, totals
  KEYS[3] lots        zset    live lots by expiry
  KEYS[4] lot         hash    lot id -> facts
  KEYS[5] lots_due    zset    accounts by their next lot expiry
  KEYS[6] open        zset    the account's open holds by lease end
  KEYS[7] holds_due   zset    the shard's open holds by lease end
  KEYS[8] ticket      string  of the loads that are under way
  KEYS[9…] record     hash    holds and receipts, one key each

  ARGV[1] epoch            what the gateway believes the fence is
  ARGV[2] account_id
  ARGV[3] lot_count        0 unless this call commits
  ARGV[4] commit           1 or 0
  ARGV[5] next_expiry_ms   inf for never
  ARGV[6] figure_count
  ARGV[7] ticket           of begin-load
  ARGV[8] is_new           1: Postgres has no entry of it, so its first one tells that it is in use; 0
  ARGV[9…] list            the account's fields: name, value, in the order of account.read; then lots: id,
                           expires_at_ms or '' when nothing remains, facts; then per record key: ttl_seconds or '', open
                           hold id or '', lease end, field_count, fields and values

  Replies
    fenced
    already_loaded
    stale
    loaded
]]
--- @include clock
--- @include holds
local fence_key, account_key, lots_key, lot_key, lots_due_key, open_key, holds_due_key, ticket_key =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local epoch, account_id, lot_count, commit, next_expiry_ms = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local figures, ticket, is_new, first_record = 2 * tonumber(ARGV[6]), ARGV[7], ARGV[8], 9
local first_figure = 9
local at = first_figure + figures
local now_text = numbers.text(clock.now_ms(0))

if redis.call('GET', fence_key) ~= epoch then return { 'fenced' } end
if redis.call('EXISTS', account_key) == 1 then return { 'already_loaded' } end
if redis.call('GET', ticket_key) ~= ticket then return { 'stale' } end

-- Apply. All values are text already.
for _ = 1, lot_count do
  local id, expires, facts = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  redis.call('HSET', lot_key, id, facts)
  if expires ~= '' then redis.call('ZADD', lots_key, expires, id) end
  at = at + 3
end
for i = first_record, #KEYS do
  local ttl_seconds, hold_id, lease_end, field_count = ARGV[at], ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3])
  at = at + 4
  redis.call('HSET', KEYS[i], unpack(ARGV, at, at + 2 * field_count - 1))
  at = at + 2 * field_count
  if ttl_seconds ~= '' then redis.call('EXPIRE', KEYS[i], ttl_seconds) end
  if hold_id ~= '' then
    redis.call('ZADD', open_key, lease_end, hold_id)
    redis.call('ZADD', holds_due_key, lease_end, holds.due_member(account_id, hold_id))
  end
end
if commit == '1' then
  if next_expiry_ms ~= 'inf' then redis.call('ZADD', lots_due_key, next_expiry_ms, account_id) end
  redis.call('HSET', account_key, unpack(ARGV, first_figure, first_figure + figures - 1))
  if is_new ~= '1' then redis.call('HSET', account_key, 'loaded_ms', now_text) end
  redis.call('DEL', ticket_key)
end
return { 'loaded' }
