-- What wrk sends: wrk -s wrk.lua URL -- put|get|sum|cycle. Keys are users/0 to
-- users/9999, values 40 bytes of JSON. A cycle is three requests: enqueue, dequeue,
-- and the ack of what was dequeued.
local kind, n, taken = "get", 0, {}
local value = '{"name":"Alice Example","age":42,"x":1}'

function init(args)
  kind = args[1] or kind
  response = kind == "cycle" and answered or nil
  math.randomseed(os.time() + tonumber(tostring({}):match("0x(%x+)"), 16) % 1000003)
  n = math.random(0, 9999)
end

function request()
  if kind == "cycle" and #taken > 0 then
    return wrk.format("POST", "/queue/ack/" .. table.remove(taken))
  end
  n = (n + 1) % 10000
  if kind == "cycle" then
    if n % 2 == 0 then
      return wrk.format("POST", "/queue/enqueue", nil, '{"value":' .. value .. "}")
    end
    return wrk.format("GET", "/queue/dequeue?wait=1000")
  end
  if kind == "put" then
    return wrk.format("PUT", "/keys/users/" .. n, nil, value)
  elseif kind == "sum" then
    return wrk.format("POST", "/atomic", nil, '{"mutations":[{"type":"sum","key":["hits"],"value":1}]}')
  end
  return wrk.format("GET", "/keys/users/" .. n)
end

-- Set for "cycle" alone: wrk reads no answers for the others, which costs it time.
function answered(_, _, body)
  local id, receipt = body:match('"message":{"id":"([^"]+)".-"receipt":"([^"]+)"')
  if id then
    taken[#taken + 1] = id .. "?receipt=" .. receipt
  end
end
