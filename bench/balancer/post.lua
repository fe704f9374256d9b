-- An order of 1 KB in JSON, posted again and again.

local items = {}
for id = 1, 20 do
  items[id] = '{"id":' .. id .. ',"name":"the item number ' .. id .. '","price":9.5}'
end

wrk.method = 'POST'
wrk.headers['Content-Type'] = 'application/json'
wrk.body = '{"customer":"wrk","items":[' .. table.concat(items, ',') .. ']}'
