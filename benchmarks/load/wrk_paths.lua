-- As wrk_report.lua, but each request is for one of the paths in the file that follows `--`, in
-- random order. The requests are made beforehand, so that picking one is all that is added.
local folder = debug.getinfo(1, "S").source:match("^@(.*/)")
dofile(folder .. "wrk_report.lua")

local requests = {}

init = function(args)
  math.randomseed(1)
  for path in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format("GET", path)
  end
end

request = function()
  return requests[math.random(#requests)]
end
