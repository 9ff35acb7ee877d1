-- Apinto, the gateway of APIPark, by its Prometheus output. APIPark itself shows nothing to scrape.
--
-- Names and labels of all metrics are one's own. These are read here; create them so:
--
--   POST /api/output
--   {"name": "gaugeway", "driver": "prometheus", "scopes": ["prometheus"], "metrics": [
--     {"metric": "apinto_request_total", "collector": "request_total", "description": "requests",
--      "labels": ["$service", "$api", "$application", "$status as request_status"]},
--     {"metric": "apinto_request_timing", "collector": "request_timing", "description": "milliseconds",
--      "labels": ["$service"], "objectives": "0.5:0.05,0.9:0.01,0.95:0.005,0.99:0.001"},
--     {"metric": "apinto_proxy_total", "collector": "proxy_total", "description": "attempts",
--      "labels": ["$service", "$api", "$application", "$proxy_addr as addr", "$proxy_status as request_status"]},
--     {"metric": "apinto_proxy_timing", "collector": "proxy_timing", "description": "milliseconds",
--      "labels": ["$service", "$proxy_addr as addr"], "objectives": "0.95:0.005"}]}
--
-- and name the four metrics in the plugin prometheus, for all routes or for one.
--
-- Traps:
--  * The timings are summaries: each series has quantiles of its own, which cannot be merged. A percentile
--    is that of one gateway and service: group by pod where there are several gateways.
--  * Their quantiles are over 10 minutes, whatever the window, and those that are to be read must be asked
--    for: the default objectives lack 0.95.
--  * Requests are tried again at another address: what is counted by address are attempts.
--  * The address has its scheme before it: http://10.0.0.7:8080.
--  * A change of a metric's definition begins its counter at 0.
return {
  name = "apinto",
  title = "Apinto (APIPark)",
  versions = {"source of 2025"},
  older = "none: the names are one's own",
  facts = {
    "https://help.apinto.com/docs/apinto/outputer/prometheus.html",
    "https://help.apinto.com/docs/apinto/plugins/prometheus.html",
    "https://github.com/eolinker/apinto/tree/main/drivers/output/prometheus",
  },
  enable = "a Prometheus output named gaugeway with the four metrics that this preset reads and their labels, and the plugin prometheus; see the head of preset.lua",
  port = 9400,
  path = "/apinto/metrics/prometheus/gaugeway",
  signature = {"apinto_request_total", "apinto_request_timing", "apinto_proxy_total", "apinto_proxy_timing"},

  metrics = {
    requests_per_second = {
      labels = {service = "service", route = "api", consumer = "application", upstream = {label = "addr", before = "https?://"}},
      note = "by upstream the attempts, of which a request may have several",
      value = function(where, window, by)
        local requests = rps(apinto_request_total{where}[window], by("service"))
        local attempts = rps(apinto_proxy_total{where}[window], by("service"))
        return sum(vor(vor(vand(requests, attempts), attempts), vunless(requests, attempts, on("service"))), by)
      end,
    },
    error_ratio = {
      labels = {service = "service", route = "api", consumer = "application"},
      note = "codes 5xx, whether from the service or from Apinto; 0 without requests",
      value = function(where, window, by)
        return ratio(rps(apinto_request_total{where, request_status=re"5.*"}[window], by), rps(apinto_request_total{where}[window], by), 0)
      end,
    },
    latency_pXX_seconds = {
      labels = {service = "service"},
      note = "over the last 10 minutes, of one service at one gateway: group by pod where there are several",
      value = function(where, window, by)
        return pXX(apinto_request_timing{where}[window], by) / 1000
      end,
    },
    upstream_latency_p95_seconds = {
      labels = {service = "service", upstream = {label = "addr", before = "https?://"}},
      note = "over the last 10 minutes, of one service and upstream at one gateway: group by what there are several of",
      value = function(where, window, by)
        return p95(apinto_proxy_timing{where}[window], by) / 1000
      end,
    },
  },

  unavailable = {
    active_connections = "Apinto has no gauges; use requests_per_second",
    in_flight_requests = "Apinto has no gauges; use requests_per_second or latency_p95_seconds",
    queue_depth = "Apinto has no queue; use latency_p95_seconds",
    prompt_tokens_per_second = "Apinto counts tokens in its InfluxDB output only; use requests_per_second here, or prompt_tokens_per_second of the model server's preset",
    completion_tokens_per_second = "Apinto counts tokens in its InfluxDB output only; use requests_per_second here, or completion_tokens_per_second of the model server's preset",
    tokens_per_second = "Apinto counts tokens in its InfluxDB output only; use requests_per_second here, or tokens_per_second of the model server's preset",
    time_to_first_token_p95_seconds = "Apinto does not measure it; use latency_p95_seconds here, or time_to_first_token_p95_seconds of the model server's preset",
    time_per_output_token_p95_seconds = "Apinto does not measure it; use latency_p95_seconds here, or time_per_output_token_p95_seconds of the model server's preset",
    running_requests = "Apinto does not know what models do; use requests_per_second here, or running_requests of the model server's preset",
    waiting_requests = "Apinto does not know what models do; use latency_p95_seconds here, or waiting_requests of the model server's preset",
    kv_cache_utilization = "Apinto does not know what models do; use latency_p95_seconds here, or kv_cache_utilization of the model server's preset",
    gpu_utilization = "Apinto does not know what models do; use requests_per_second here, or gpu_utilization of the preset dcgm",
    cost_per_second = "Apinto does not count costs; use requests_per_second",
  },
}
