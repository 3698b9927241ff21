#!lua flags=allow-oom
--[[
  evict-account: remove an idle account from Redis, if Postgres has it whole: no open hold, and every figure and lot the
  same, with the same number of entries, as Postgres had them when the caller read it. So nothing of it waits in the
  journal, and the next use loads it as it was. One that differs stays, for the reconciler to name. Receipts and ended
  holds stay until they expire: their entries are in Postgres too. The same for an account that has no entry, neither here
  nor in Postgres. Writes no entry. Also runs on a full Redis: it frees memory.

  KEYS[1] fence       string  the shard's epoch
  KEYS[2] account     hash    balances, seq, totals
  KEYS[3] lots        zset    live lots by expiry
  KEYS[4] lot         hash    lot id -> facts
  KEYS[5] lots_due    zset    accounts by their next lot expiry
  KEYS[6] open        zset    the account's open holds by lease end
  KEYS[7] limits      hash    definitions and counters
  KEYS[8] ticket      string  of the loads that are under way

  ARGV[1] epoch            what the gateway believes the fence is
  ARGV[2] account_id
  ARGV[3] idle_ms          an account that was loaded later than this ago stays
  ARGV[4] limits_version   of the definitions that Postgres has; 0 for none
  ARGV[5] figure_count
  ARGV[6…] list            the figures in Postgres, in the order of account.texts; then its lots: id, facts

  Replies
    fenced
    not_loaded
    in_use
    changed
    differs
    evicted
]]
--- @include clock
--- @include account
local fence_key, account_key, lots_key, lot_key, lots_due_key, open_key, limits_key, ticket_key =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local epoch, account_id, idle_ms, limits_version = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local first_figure = 6
local first_lot = first_figure + tonumber(ARGV[5])
local now_ms = clock.now_ms(0)

-- Decide.
if redis.call('GET', fence_key) ~= epoch then return { 'fenced' } end
local stored = account.read(account_key)
if not stored then return { 'not_loaded' } end
local loaded_ms = tonumber(redis.call('HGET', account_key, 'loaded_ms') or '0')
if loaded_ms > now_ms - idle_ms or redis.call('EXISTS', open_key) == 1 then return { 'in_use' } end

local texts = account.texts(stored)
if texts[4] ~= ARGV[first_figure + 3] then return { 'changed' } end
for i, text in ipairs(texts) do
  if text ~= ARGV[first_figure + i - 1] then return { 'differs' } end
end
local live = 0
for at = first_lot, #ARGV, 2 do
  if redis.call('HGET', lot_key, ARGV[at]) ~= ARGV[at + 1] then return { 'differs' } end
  if redis.call('ZSCORE', lots_key, ARGV[at]) then live = live + 1 end
end
if redis.call('HLEN', lot_key) ~= (#ARGV - first_lot + 1) / 2 or redis.call('ZCARD', lots_key) ~= live then return { 'differs' } end
if tonumber(redis.call('HGET', limits_key, 'version') or '0') > limits_version then return { 'differs' } end

-- Apply.
redis.call('UNLINK', account_key, lots_key, lot_key, limits_key, ticket_key)
redis.call('ZREM', lots_due_key, account_id)
return { 'evicted' }
