#!lua flags=allow-oom
--[[
  shorten-receipts: let go of receipts and ended holds of one shard that Postgres knows from now on. One that has changed
  since, because its key was charged after a refusal or its hold was corrected, keeps its time until Postgres has that
  entry, too. An open hold is never touched: it has no end. Where there is a mark, it is there from now on as long as a
  receipt lives: a hold that was placed under the same id would repeat the one that has ended. Also runs on a full Redis: a mark is far
  smaller than the hold that leaves.

  KEYS[1] fence       string  the shard's epoch
  KEYS[2…] receipt    hash    receipts and ended holds of that epoch; behind all of them the marks, in the order of their holds;
                              a mark is the seq of the end

  ARGV[1] epoch            number of the epoch: the drain does not know the rest of the fence
  ARGV[2…] list            per receipt: seq of the entry that Postgres has, ttl_seconds, mark_ttl_seconds ('' without a mark)

  Replies
    fenced
    shortened
]]
local fence_key, first_receipt = KEYS[1], 2
local epoch, at = ARGV[1], 2

if string.match(redis.call('GET', fence_key) or '', '^(%d+)@') ~= epoch then return { 'fenced' } end

-- Apply.
local count = (#ARGV - at + 1) / 3
local next_mark = first_receipt + count
for i = first_receipt, first_receipt + count - 1 do
  local end_seq, seq, refused_seq = unpack(redis.call('HMGET', KEYS[i], 'end_seq', 'seq', 'refused_seq'))
  local is_unchanged, mark_ttl_seconds = (end_seq or seq or refused_seq) == ARGV[at], ARGV[at + 2]
  if mark_ttl_seconds ~= '' then
    if is_unchanged then redis.call('SET', KEYS[next_mark], ARGV[at], 'EX', mark_ttl_seconds) end
    next_mark = next_mark + 1
  end
  if is_unchanged then redis.call('EXPIRE', KEYS[i], ARGV[at + 1], 'LT') end
  at = at + 3
end
return { 'shortened' }
