-- Caddy 2. A service is a host, a route is named after its handler.
--
-- Traps:
--  * Each route of a server that a request passes counts it, under the name of the route's first handler
--    and, before 2.11.1, each handler of a route. Adding up over handlers counts requests several times, so
--    that one is chosen: reverse_proxy, where there is one; else subroute, into which a Caddyfile puts
--    each site; else the only one that there is. {route="..."} chooses another one.
--  * Every load of a configuration begins all counters at 0 in the same process, so that
--    process_start_time_seconds does not tell.
return {
  name = "caddy",
  title = "Caddy 2",
  versions = {"2.11"},
  older = "Caddy before 2.11.1: each handler of a route counts, under its own name",
  facts = {
    "https://github.com/caddyserver/caddy/blob/v2.11.0/modules/caddyhttp/metrics.go",
    "https://github.com/caddyserver/caddy/pull/7492",
    "https://caddyserver.com/docs/metrics",
  },
  enable = "the global option metrics, with per_host for services (servers > metrics before 2.9); and the handler metrics on a port that can be reached, for the admin endpoint listens on localhost only",
  port = 2019,
  path = "/metrics",
  signature = {"caddy_config_last_reload_successful", "caddy_http_requests_in_flight", "caddy_admin_http_requests_total"},

  metrics = {
    requests_per_second = {
      labels = {service = "host", route = "handler"},
      note = "of reverse_proxy, else of subroute, else of the only handler; services with per_host",
      value = function(where, window, by)
        return coalesce(
          rps(fallback(caddy_http_requests_total{where, handler="reverse_proxy"}, caddy_http_requests_total{where, handler="subroute"})[window], by),
          rps(caddy_http_requests_total{where}[window], by) * eq(count(sum(caddy_http_requests_total{where}, by("handler")), by), 1))
      end,
    },
    error_ratio = {
      labels = {service = "host", route = "handler"},
      note = "codes 5xx; 0 without requests; of the same handler as requests_per_second",
      value = function(where, window, by)
        local requests = fallback(
          caddy_http_request_duration_seconds_count{where, handler="reverse_proxy"},
          caddy_http_request_duration_seconds_count{where, handler="subroute"})
        return coalesce(
          ratio(rps(requests{code=re"5.."}[window], by), rps(requests[window], by), 0),
          ratio(rps(caddy_http_request_duration_seconds_count{where, code=re"5.."}[window], by),
            rps(caddy_http_request_duration_seconds_count{where}[window], by), 0)
            * eq(count(sum(caddy_http_requests_total{where}, by("handler")), by), 1))
      end,
    },
    latency_pXX_seconds = {
      labels = {service = "host", route = "handler"},
      note = "of the same handler as requests_per_second; the buckets are fixed and end at 10 s",
      value = function(where, window, by)
        return coalesce(
          pXX(fallback(
            caddy_http_request_duration_seconds{where, handler="reverse_proxy"},
            caddy_http_request_duration_seconds{where, handler="subroute"})[window], by,
            {inflight = fallback(
              caddy_http_requests_in_flight{where, handler="reverse_proxy"},
              caddy_http_requests_in_flight{where, handler="subroute"})}),
          pXX(caddy_http_request_duration_seconds{where}[window], by, {inflight = caddy_http_requests_in_flight{where}})
            * eq(count(sum(caddy_http_requests_in_flight{where}, by("handler")), by), 1))
      end,
    },
    upstream_latency_p95_seconds = {
      labels = {service = "host"},
      note = "of routes that begin with reverse_proxy, until the first byte of the response",
      value = function(where, window, by)
        return p95(caddy_http_response_duration_seconds{where, handler="reverse_proxy"}[window], by,
          {inflight = caddy_http_requests_in_flight{where, handler="reverse_proxy"}})
      end,
    },
    in_flight_requests = {
      labels = {service = "host", route = "handler"},
      note = "of the same handler as requests_per_second",
      value = function(where, window, by)
        return coalesce(
          sum(fallback(
            caddy_http_requests_in_flight{where, handler="reverse_proxy"},
            caddy_http_requests_in_flight{where, handler="subroute"}), by),
          sum(caddy_http_requests_in_flight{where}, by) * eq(count(sum(caddy_http_requests_in_flight{where}, by("handler")), by), 1))
      end,
    },
  },

  unavailable = {
    active_connections = "Caddy does not count connections; use in_flight_requests",
    queue_depth = "Caddy has no queue; use in_flight_requests or latency_p95_seconds",
    prompt_tokens_per_second = "Caddy counts no tokens; use requests_per_second here, or prompt_tokens_per_second of the model server's preset",
    completion_tokens_per_second = "Caddy counts no tokens; use requests_per_second here, or completion_tokens_per_second of the model server's preset",
    tokens_per_second = "Caddy counts no tokens; use requests_per_second here, or tokens_per_second of the model server's preset",
    time_to_first_token_p95_seconds = "Caddy does not know tokens; use upstream_latency_p95_seconds here, or time_to_first_token_p95_seconds of the model server's preset",
    time_per_output_token_p95_seconds = "Caddy does not know tokens; use latency_p95_seconds here, or time_per_output_token_p95_seconds of the model server's preset",
    running_requests = "Caddy does not know what models do; use in_flight_requests here, or running_requests of the model server's preset",
    waiting_requests = "Caddy does not know what models do; use in_flight_requests here, or waiting_requests of the model server's preset",
    kv_cache_utilization = "Caddy does not know what models do; use in_flight_requests here, or kv_cache_utilization of the model server's preset",
    gpu_utilization = "Caddy does not know what models do; use in_flight_requests here, or gpu_utilization of the preset dcgm",
    cost_per_second = "Caddy does not count costs; use requests_per_second",
  },
}
