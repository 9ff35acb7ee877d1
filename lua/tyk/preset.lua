-- Tyk Gateway, by the Prometheus pump of Tyk Pump: the gateway itself shows nothing to scrape. One pump
-- tells for all gateways; latencies are in milliseconds.
--
-- Traps:
--  * The pump fetches what gateways have recorded every purge_delay, so that its counters stand still and
--    then jump. Shorter windows than 30 s are refused.
--  * tyk_latency holds three histograms, told apart by type. Without a type they mix.
--  * Requests count by API, by path, by key and by OAuth client, in one metric each: they are the same
--    requests. The path is "unknown" unless paths are tracked.
--  * With aggregate_observations the pump observes one average for each purge: percentiles of averages.
--  * The pods that are scraped are the pump's, not the gateway's.
return {
  name = "tyk",
  title = "Tyk Gateway, by Tyk Pump",
  versions = {"1.16"},
  older = "none: older pumps have the same names, but only type=total of tyk_latency",
  facts = {
    "https://github.com/TykTechnologies/tyk-pump/blob/master/pumps/prometheus.go",
    "https://tyk.io/docs/api-management/tyk-pump/",
  },
  enable = "enable_analytics in the gateway, and the pump prometheus without aggregate_observations; track_all_paths for routes",
  port = 9090,
  path = "/metrics",
  window = "1m",
  minimum_window = "30s",
  signature = {"tyk_http_status", "tyk_latency_count", "tyk_http_status_per_path"},

  metrics = {
    requests_per_second = {
      labels = {service = "api", route = "path", consumer = "key"},
      note = "service is the id of an API; keys are counted in a metric of their own: a consumer can be selected, but neither be grouped by nor selected with a service or route",
      value = function(where, window, by)
        return coalesce(
          rps(tyk_http_status_per_path{where}[window], by),
          rps(tyk_http_status{where}[window], by),
          rps(tyk_http_status_per_key{where}[window], by))
      end,
    },
    error_ratio = {
      labels = {service = "api", route = "path", consumer = "key"},
      note = "codes 5xx; 0 without requests; labels as those of requests_per_second",
      value = function(where, window, by)
        return coalesce(
          ratio(rps(tyk_http_status_per_path{where, code=re"5.."}[window], by), rps(tyk_http_status_per_path{where}[window], by), 0),
          ratio(rps(tyk_http_status{where, code=re"5.."}[window], by), rps(tyk_http_status{where}[window], by), 0),
          ratio(rps(tyk_http_status_per_key{where, code=re"5.."}[window], by), rps(tyk_http_status_per_key{where}[window], by), 0))
      end,
    },
    latency_pXX_seconds = {
      labels = {service = "api"},
      value = function(where, window, by)
        return pXX(tyk_latency{where, type="total"}[window], by) / 1000
      end,
    },
    upstream_latency_p95_seconds = {
      labels = {service = "api"},
      value = function(where, window, by)
        return p95(tyk_latency{where, type="upstream"}[window], by) / 1000
      end,
    },
  },

  unavailable = {
    active_connections = "the pump knows finished requests only; use requests_per_second or latency_p95_seconds",
    in_flight_requests = "the pump knows finished requests only; use requests_per_second or latency_p95_seconds",
    queue_depth = "Tyk has no queue; use latency_p95_seconds",
    prompt_tokens_per_second = "the pump counts no tokens; use requests_per_second here, or prompt_tokens_per_second of the model server's preset",
    completion_tokens_per_second = "the pump counts no tokens; use requests_per_second here, or completion_tokens_per_second of the model server's preset",
    tokens_per_second = "the pump counts no tokens; use requests_per_second here, or tokens_per_second of the model server's preset",
    time_to_first_token_p95_seconds = "the pump does not know tokens; use latency_p95_seconds here, or time_to_first_token_p95_seconds of the model server's preset",
    time_per_output_token_p95_seconds = "the pump does not know tokens; use latency_p95_seconds here, or time_per_output_token_p95_seconds of the model server's preset",
    running_requests = "Tyk does not know what models do; use requests_per_second here, or running_requests of the model server's preset",
    waiting_requests = "Tyk does not know what models do; use latency_p95_seconds here, or waiting_requests of the model server's preset",
    kv_cache_utilization = "Tyk does not know what models do; use latency_p95_seconds here, or kv_cache_utilization of the model server's preset",
    gpu_utilization = "Tyk does not know what models do; use requests_per_second here, or gpu_utilization of the preset dcgm",
    cost_per_second = "the pump does not count costs; use requests_per_second",
  },
}
