-- Sends the requests of a file once each, writes the answers to another file, and reports times to standard output.
-- Arguments: the file of requests (each is its length in bytes, a line feed, and the request), the file for the answers
-- (each is a line: status, tab, ms since the first request, tab, body), the rate at which requests begin (0: as fast as possible).

local ffi = require("ffi")
ffi.cdef [[
typedef struct { long seconds; long nanoseconds; } bench_time;
int clock_gettime(int clock, bench_time *time);
int getpid(void);
int kill(int pid, int signal);
]]
local MONOTONIC, SIGINT = 1, 2
-- What connections send while the last answers are awaited: an empty request, so they wait as well.
local NOTHING = ""

local requests, answers = {}, {}
local sent = -1 -- wrk asks for one request more, to look at it
local started_at, answers_file
local time = ffi.new("bench_time[1]")

local function now()
  ffi.C.clock_gettime(MONOTONIC, time)
  return tonumber(time[0].seconds) * 1e3 + tonumber(time[0].nanoseconds) / 1e6
end

local function finish()
  duration_ms = now() - started_at -- global: done() reads it
  local file = assert(io.open(answers_file, "w"))
  file:write(string.format("%.3f\n", duration_ms), table.concat(answers, "\n"), "\n")
  file:close()
  wrk.thread:stop()
  ffi.C.kill(ffi.C.getpid(), SIGINT) -- ends the sleep of wrk's main thread
end

function init(args)
  local file = assert(io.open(args[1], "rb"))
  for length in function() return file:read("*l") end do
    requests[#requests + 1] = file:read(tonumber(length))
  end
  file:close()
  answers_file = args[2]
  local per_second = tonumber(args[3])
  math.randomseed(now())
  if per_second > 0 then
    local next_at
    -- Each connection takes the next time of one schedule, so the rate does not depend on how long answers take.
    function delay()
      next_at = (next_at or now()) - math.log(1 - math.random()) * 1e3 / per_second
      return math.max(0, math.floor(next_at - now() + math.random()))
    end
  end
end

function request()
  sent = sent + 1
  if sent == 1 then started_at = now() end
  return requests[math.max(sent, 1)] or NOTHING
end

function response(status, _, body)
  answers[#answers + 1] = string.format("%d\t%.0f\t%s", status, now() - started_at, body)
  if #answers == #requests then finish() end
end

function done(_, latency)
  io.write(string.format(
    '\nBENCH {"p50":%.3f,"p99":%.3f,"cpuMs":%.1f}\n', latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, os.clock() * 1e3))
end
