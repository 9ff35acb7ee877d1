-- KrakenD, by the Prometheus exporter of its OpenTelemetry component.
--
-- Traps:
--  * The layers global, proxy and backend, and the HTTP client below them, time the same request, and one
--    request of a client may be several of the backends. The global layer is read for what clients see, the
--    HTTP client for what backends do.
--  * Names have no unit, unless semantic_convention of their layers is 1.27; both are seconds.
--  * What matches no endpoint has the route "404 Not Found", a redirection "301 Moved Permanently".
--  * A backend that does not answer has the code 0.
return {
  name = "krakend",
  title = "KrakenD",
  versions = {"2"},
  older = "KrakenD without semantic_convention, as it is by default: http_server_duration, http_client_duration",
  facts = {
    "https://github.com/krakend/krakend-otel/blob/master/http/server/metrics.go",
    "https://github.com/krakend/krakend-otel/blob/master/http/client/transport_metrics.go",
    "https://www.krakend.io/docs/telemetry/opentelemetry-layers-metrics/",
  },
  enable = "telemetry/opentelemetry with the exporter prometheus and the layer global, with metrics.round_trip of the layer backend for upstreams",
  port = 9090,
  path = "/metrics",
  signature = {"krakend_proxy_duration_count", "krakend_backend_duration_count", "krakend_proxy_duration", "krakend_backend_duration"},

  metrics = {
    requests_per_second = {
      labels = {route = "http_route"},
      value = function(where, window, by)
        return total(
          rps(http_server_request_duration_seconds_count{where}[window], by),
          rps(http_server_duration_count{where}[window], by))
      end,
    },
    error_ratio = {
      labels = {route = "http_route"},
      note = "codes 5xx; 0 without requests",
      value = function(where, window, by)
        return ratio(
          total(
            rps(http_server_request_duration_seconds_count{where, http_response_status_code=re"5.."}[window], by),
            rps(http_server_duration_count{where, http_response_status_code=re"5.."}[window], by)),
          metric.requests_per_second(where, window, by), 0)
      end,
    },
    latency_pXX_seconds = {
      labels = {route = "http_route"},
      value = function(where, window, by)
        return pXX(fallback(http_server_request_duration_seconds{where}, http_server_duration{where})[window], by)
      end,
    },
    upstream_latency_p95_seconds = {
      labels = {route = "krakend_endpoint_route", upstream = "server_address"},
      note = "of each request to a backend, until its headers; upstream is the host as it is configured, without port",
      value = function(where, window, by)
        return p95(fallback(http_client_request_duration_seconds{where}, http_client_duration{where})[window], by)
      end,
    },
  },

  unavailable = {
    active_connections = "KrakenD does not count connections; use requests_per_second",
    in_flight_requests = "KrakenD counts finished requests only; use requests_per_second or latency_p95_seconds",
    queue_depth = "KrakenD has no queue; use latency_p95_seconds",
    prompt_tokens_per_second = "KrakenD counts no tokens; use requests_per_second here, or prompt_tokens_per_second of the model server's preset",
    completion_tokens_per_second = "KrakenD counts no tokens; use requests_per_second here, or completion_tokens_per_second of the model server's preset",
    tokens_per_second = "KrakenD counts no tokens; use requests_per_second here, or tokens_per_second of the model server's preset",
    time_to_first_token_p95_seconds = "KrakenD does not know tokens; use latency_p95_seconds here, or time_to_first_token_p95_seconds of the model server's preset",
    time_per_output_token_p95_seconds = "KrakenD does not know tokens; use latency_p95_seconds here, or time_per_output_token_p95_seconds of the model server's preset",
    running_requests = "KrakenD does not know what models do; use requests_per_second here, or running_requests of the model server's preset",
    waiting_requests = "KrakenD does not know what models do; use latency_p95_seconds here, or waiting_requests of the model server's preset",
    kv_cache_utilization = "KrakenD does not know what models do; use latency_p95_seconds here, or kv_cache_utilization of the model server's preset",
    gpu_utilization = "KrakenD does not know what models do; use requests_per_second here, or gpu_utilization of the preset dcgm",
    cost_per_second = "KrakenD does not count costs; use requests_per_second",
  },
}
