-- The gateway of this page, which exists nowhere else.
return {
  name = "teapot",
  title = "Teapot",
  versions = {"2"},
  older = "Teapot 1: teapot_requests instead of teapot_requests_total",
  facts = {"https://www.rfc-editor.org/rfc/rfc2324"},
  port = 418,
  path = "/metrics",
  signature = {"teapot_temperature_celsius"},

  metrics = {
    requests_per_second = {
      labels = {service = "pot", upstream = "backend"},
      value = function(where, window, by)
        return rps(fallback(teapot_requests_total{where}, teapot_requests{where})[window], by)
      end,
    },
    error_ratio = {
      labels = {service = "pot", upstream = "backend"},
      note = "of Teapot 2 only",
      value = function(where, window, by)
        return ratio(rps(teapot_requests_total{where, code=re"5.."}[window], by), metric.requests_per_second(where, window, by), 0)
      end,
    },
    latency_pXX_seconds = {
      labels = {service = "pot"},
      value = function(where, window, by)
        return pXX(teapot_request_duration_ms{where}[window], by) / 1000
      end,
    },
  },

  unavailable = {
    upstream_latency_p95_seconds = "Teapot does not tell it apart; use latency_p95_seconds",
    active_connections = "Teapot does not count them; use requests_per_second",
    in_flight_requests = "Teapot counts finished requests only; use requests_per_second",
    queue_depth = "Teapot has no queue; use latency_p95_seconds",
    prompt_tokens_per_second = "Teapot serves no models",
    completion_tokens_per_second = "Teapot serves no models",
    tokens_per_second = "Teapot serves no models",
    time_to_first_token_p95_seconds = "Teapot serves no models",
    time_per_output_token_p95_seconds = "Teapot serves no models",
    running_requests = "Teapot serves no models",
    waiting_requests = "Teapot serves no models",
    kv_cache_utilization = "Teapot serves no models",
    gpu_utilization = "Teapot serves no models",
    cost_per_second = "Teapot serves no models",
  },
}
