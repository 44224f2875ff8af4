-- What wrk asks for: the paths of a file by turns, as fast as they are answered or at a rate.
--   wrk --script paths.lua URL -- FILE [REQUESTS_PER_SECOND]
local ffi = require("ffi")
ffi.cdef([[
  struct bench_timeval { long sec; long usec; };
  int gettimeofday(struct bench_timeval *time, void *zone);
]])

local requests, turn = {}, 0
local between, due = nil, nil
local time = ffi.new("struct bench_timeval")

local function now()
  ffi.C.gettimeofday(time, nil)
  return tonumber(time.sec) * 1000 + tonumber(time.usec) / 1000
end

function init(args)
  for path in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format("GET", path)
  end
  if args[2] then
    between = 1000 / tonumber(args[2])
    due = now()
    -- wrk calls delay() before each request of each connection.
    delay = function()
      due = due + between
      return math.max(0, due - now())
    end
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end
