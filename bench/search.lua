-- What wrk sends for filters and search: wrk -s search.lua URL -- put PREFIX | get PREFIX |
-- search PREFIX QUERY. Documents have 15 words, drawn from 20,000 as in a language: the
-- word of rank k in proportion to 1/k. Keys are PREFIX/0 to PREFIX/99999.
local kind, prefix, query, n = "get", "docs", "", 0
local documents = {}

local function document(i)
  local words = {}
  for w = 1, 15 do
    words[w] = "w" .. math.floor(20000 ^ math.random())
  end
  return string.format('{"text":"%s","n":%d,"author":"user %d"}', table.concat(words, " "), i, i % 100)
end

function init(args)
  kind, prefix, query = args[1] or kind, args[2] or prefix, args[3] or query
  math.randomseed(os.time() + tonumber(tostring({}):match("0x(%x+)"), 16) % 1000003)
  n = math.random(0, 99999)
  for i = 1, 1000 do
    documents[i] = document(i)
  end
end

function request()
  n = (n + 1) % 100000
  if kind == "put" then
    return wrk.format("PUT", "/keys/" .. prefix .. "/" .. n, nil, documents[n % 1000 + 1])
  elseif kind == "search" then
    return wrk.format("GET", "/search?prefix=" .. prefix .. "&query=" .. query)
  end
  return wrk.format("GET", "/keys/" .. prefix .. "/" .. n)
end
