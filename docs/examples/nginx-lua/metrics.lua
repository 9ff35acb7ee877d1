-- Counts what a gateway does and shows it as Prometheus text: the stand-in for
-- the Lua metrics libraries that nginx gateways embed.
--
-- All state is in one lua_shared_dict, so that the workers share it, a reload
-- keeps it and a restart loses it. Its keys are `family|labels` for a counter,
-- `family|labels|i` for the i-th bucket of a histogram (not cumulative) and
-- `family|labels|sum` for its sum; labels are already in the form of the text.

local ngx = ngx
local dict = ngx.shared.metrics

-- Upper bounds of the buckets in seconds; the one after the last is +Inf.
local BOUNDS = { 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10 }

local FAMILIES = {
  {
    name = "nginx_http_requests_total",
    type = "counter",
    help = "Requests that were answered, by status.",
  },
  {
    name = "nginx_http_tokens_total",
    type = "counter",
    help = "Tokens that the upstream says it has generated.",
  },
  {
    name = "nginx_http_request_duration_seconds",
    type = "histogram",
    help = "Time from the first byte of the request to the last of the answer.",
  },
}

local M = {}

-- Writes labels as the exposition has them.
-- Args: pairs of name and value, flat: "host", "a", "status", 200
-- Returns: host="a",status="200"
local function format_labels(...)
  local list, parts = { ... }, {}
  for i = 1, #list, 2 do
    local value = tostring(list[i + 1]):gsub("\\", "\\\\"):gsub('"', '\\"'):gsub("\n", "\\n")
    parts[#parts + 1] = list[i] .. '="' .. value .. '"'
  end
  return table.concat(parts, ",")
end

-- Counts the request that has just been answered; called by log_by_lua.
function M.log()
  local var = ngx.var
  local host, upstream = var.host, var.upstream_addr or "none"
  local place = format_labels("host", host, "upstream", upstream)

  dict:incr("nginx_http_requests_total|" .. format_labels("host", host, "status", ngx.status, "upstream", upstream), 1, 0)

  local tokens = tonumber(var.upstream_http_x_tokens)
  if tokens then
    dict:incr("nginx_http_tokens_total|" .. place, tokens, 0)
  end

  local seconds = tonumber(var.request_time)
  local bucket = #BOUNDS + 1
  for i, bound in ipairs(BOUNDS) do
    if seconds <= bound then
      bucket = i
      break
    end
  end
  local key = "nginx_http_request_duration_seconds|" .. place
  dict:incr(key .. "|" .. bucket, 1, 0)
  dict:incr(key .. "|sum", seconds, 0)
end

-- Writes the series of one histogram.
-- Args: its name, its labels, and a table from bucket number, or "sum", to value
local function say_histogram(name, labels, values)
  local count = 0
  for i = 1, #BOUNDS + 1 do
    count = count + (values[tostring(i)] or 0)
    local bound = BOUNDS[i] and tostring(BOUNDS[i]) or "+Inf"
    ngx.say(name, "_bucket{", labels, ',le="', bound, '"} ', count)
  end
  ngx.say(name, "_sum{", labels, "} ", values.sum or 0)
  ngx.say(name, "_count{", labels, "} ", count)
end

-- Answers with the exposition; called by content_by_lua. Series come in the
-- order of their labels, so that two answers have the same layout.
function M.show()
  local counters, histograms = {}, {} -- by name: lists of {labels, value} and {labels, values}
  local latest = {}
  local keys = dict:get_keys(0)
  table.sort(keys)
  for _, key in ipairs(keys) do
    local value = dict:get(key)
    local name, labels, part = key:match("^([^|]+)|(.*)|([^|]+)$")
    if name then
      if latest.name ~= name or latest.labels ~= labels then
        latest = { name = name, labels = labels, values = {} }
        histograms[name] = histograms[name] or {}
        table.insert(histograms[name], latest)
      end
      latest.values[part] = value
    else
      name, labels = key:match("^([^|]+)|(.*)$")
      counters[name] = counters[name] or {}
      table.insert(counters[name], { labels = labels, value = value })
    end
  end

  ngx.header.content_type = "text/plain; version=0.0.4"
  for _, family in ipairs(FAMILIES) do
    ngx.say("# HELP ", family.name, " ", family.help)
    ngx.say("# TYPE ", family.name, " ", family.type)
    for _, series in ipairs(counters[family.name] or {}) do
      ngx.say(family.name, "{", series.labels, "} ", series.value)
    end
    for _, series in ipairs(histograms[family.name] or {}) do
      say_histogram(family.name, series.labels, series.values)
    end
  end
end

return M
