-- Counts as the Lua metrics library that nginx gateways embed does: a histogram's
-- buckets are cumulative, and a key is made by the first request that falls into
-- it, so that a series begins at the lowest bucket that was ever hit. The label
-- upstream_addr is nginx's variable: after a retry it has two addresses.
--
-- A key of the dict is a series as the text shows it.

local ngx = ngx
local dict = ngx.shared.metrics

-- Upper bounds of the buckets in seconds, as the text shows them.
local BOUNDS = { "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10" }

-- Families: the prefix of their keys and their type.
local FAMILIES = {
  { prefix = "nginx_http_requests_total{", name = "nginx_http_requests_total", type = "counter" },
  { prefix = "nginx_http_request_duration_seconds_", name = "nginx_http_request_duration_seconds", type = "histogram" },
}

local M = {}

-- Counts the request that has just been answered; called by log_by_lua.
function M.log()
  local var = ngx.var
  local place = 'host="' .. var.host .. '",upstream_addr="' .. (var.upstream_addr or "none") .. '"'
  dict:incr("nginx_http_requests_total{" .. place .. ',status="' .. ngx.status .. '"}', 1, 0)

  local name, seconds = "nginx_http_request_duration_seconds", tonumber(var.request_time)
  for _, bound in ipairs(BOUNDS) do
    if seconds <= tonumber(bound) then
      dict:incr(name .. "_bucket{" .. place .. ',le="' .. bound .. '"}', 1, 0)
    end
  end
  dict:incr(name .. "_bucket{" .. place .. ',le="+Inf"}', 1, 0)
  dict:incr(name .. "_count{" .. place .. "}", 1, 0)
  dict:incr(name .. "_sum{" .. place .. "}", seconds, 0)
end

-- Answers with the exposition; called by content_by_lua.
function M.show()
  local keys = dict:get_keys(0)
  table.sort(keys)
  ngx.header.content_type = "text/plain"
  for _, family in ipairs(FAMILIES) do
    ngx.say("# TYPE ", family.name, " ", family.type)
    for _, key in ipairs(keys) do
      if key:sub(1, #family.prefix) == family.prefix then
        ngx.say(key, " ", dict:get(key))
      end
    end
  end
end

return M
