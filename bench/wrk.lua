-- What wrk sends: wrk -s wrk.lua URL -- put|get|sum. Keys are users/0 to
-- users/9999, values 40 bytes of JSON.
local kind, n = "get", 0
local value = '{"name":"Alice Example","age":42,"x":1}'

function init(args)
  kind = args[1] or kind
  math.randomseed(os.time() + tonumber(tostring({}):match("0x(%x+)"), 16) % 1000003)
  n = math.random(0, 9999)
end

function request()
  n = (n + 1) % 10000
  if kind == "put" then
    return wrk.format("PUT", "/keys/users/" .. n, nil, value)
  elseif kind == "sum" then
    return wrk.format("POST", "/atomic", nil, '{"mutations":[{"type":"sum","key":["hits"],"value":1}]}')
  end
  return wrk.format("GET", "/keys/users/" .. n)
end
