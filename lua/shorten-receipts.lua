#!lua
--[[
  shorten-receipts: let go of receipts and ended holds of one shard that Postgres knows from now on. One that has changed
  since, because its key was charged after a refusal or its hold was corrected, keeps its time until Postgres has that
  entry, too. An open hold is never touched: it has no end.

  KEYS[1] fence       string  the shard's epoch
  KEYS[2…] receipt    hash    receipts and ended holds of that epoch

  ARGV[1] epoch            number of the epoch: the drain does not know the rest of the fence
  ARGV[2…] list            per receipt: seq of the entry that Postgres has, ttl_seconds

  Replies
    fenced
    shortened
]]
local fence_key, first_receipt = KEYS[1], 2
local epoch, at = ARGV[1], 2

if string.match(redis.call('GET', fence_key) or '', '^(%d+)@') ~= epoch then return { 'fenced' } end

-- Apply.
for i = first_receipt, #KEYS do
  local end_seq, seq, refused_seq = unpack(redis.call('HMGET', KEYS[i], 'end_seq', 'seq', 'refused_seq'))
  if (end_seq or seq or refused_seq) == ARGV[at] then redis.call('EXPIRE', KEYS[i], ARGV[at + 1], 'LT') end
  at = at + 2
end
return { 'shortened' }
