-- Traefik Proxy 3 and 2.
--
-- Traps:
--  * Entry points, routers and services count the same request: one of them is read. Routers are, where
--    they are shown, because a request that is tried again counts twice at its service, and one that a
--    middleware refuses does not count there at all. One target shows them at once, so that they must not
--    be added up: while addRoutersLabels is turned on pod by pod, each pod counts with what it shows.
--  * The default histogram has the 4 buckets 0.1, 0.3, 1.2 and 5 s: percentiles are coarse, and 5 s at most.
--  * open_connections are connections in Traefik 3, and requests in flight in Traefik 2.
--  * Series of a removed service or router vanish.
return {
  name = "traefik",
  title = "Traefik Proxy",
  versions = {"2", "3"},
  older = "Traefik 2: traefik_service_open_connections",
  facts = {
    "https://github.com/traefik/traefik/blob/master/pkg/observability/metrics/prometheus.go",
    "https://github.com/traefik/traefik/blob/v2.11/pkg/middlewares/metrics/metrics.go",
    "https://doc.traefik.io/traefik/observability/metrics/prometheus/",
  },
  enable = "metrics.prometheus with buckets that fit your latencies, for the default has 4; and with addRoutersLabels for routes",
  port = 9100,
  path = "/metrics",
  signature = {"traefik_config_reloads_total", "traefik_config_last_reload_success"},

  metrics = {
    requests_per_second = {
      labels = {service = "service", route = "router"},
      note = "by route with addRoutersLabels; without it, requests that are tried again count twice, and those that a middleware answers do not count",
      value = function(where, window, by)
        return rps(fallback(traefik_router_requests_total{where}, traefik_service_requests_total{where})[window], by)
      end,
    },
    error_ratio = {
      labels = {service = "service", route = "router"},
      note = "codes 5xx; 0 without requests; by route with addRoutersLabels",
      value = function(where, window, by)
        local requests = fallback(traefik_router_requests_total{where}, traefik_service_requests_total{where})
        return ratio(rps(requests{code=re"5.."}[window], by), rps(requests[window], by), 0)
      end,
    },
    latency_pXX_seconds = {
      labels = {service = "service", route = "router"},
      note = "the default buckets end at 5 s and are few; by route with addRoutersLabels",
      value = function(where, window, by)
        return pXX(fallback(traefik_router_request_duration_seconds{where}, traefik_service_request_duration_seconds{where})[window], by,
          {inflight = traefik_service_open_connections{where}})
      end,
    },
    upstream_latency_p95_seconds = {
      labels = {service = "service"},
      note = "the whole response of the service; the default buckets end at 5 s and are few",
      value = function(where, window, by)
        return p95(traefik_service_request_duration_seconds{where}[window], by, {inflight = traefik_service_open_connections{where}})
      end,
    },
    active_connections = {
      note = "Traefik 3, of all entry points: the scrape is among them",
      value = function(where, window, by)
        return sum(traefik_open_connections{where}, by)
      end,
    },
    in_flight_requests = {
      labels = {service = "service"},
      note = "Traefik 2 only, which calls them open connections; Traefik 3 has active_connections",
      value = function(where, window, by)
        return sum(traefik_service_open_connections{where}, by)
      end,
    },
  },

  unavailable = {
    queue_depth = "Traefik has no queue; use latency_p95_seconds or active_connections",
    prompt_tokens_per_second = "Traefik counts no tokens; use requests_per_second here, or prompt_tokens_per_second of the model server's preset",
    completion_tokens_per_second = "Traefik counts no tokens; use requests_per_second here, or completion_tokens_per_second of the model server's preset",
    tokens_per_second = "Traefik counts no tokens; use requests_per_second here, or tokens_per_second of the model server's preset",
    time_to_first_token_p95_seconds = "Traefik does not know tokens; use latency_p95_seconds here, or time_to_first_token_p95_seconds of the model server's preset",
    time_per_output_token_p95_seconds = "Traefik does not know tokens; use latency_p95_seconds here, or time_per_output_token_p95_seconds of the model server's preset",
    running_requests = "Traefik does not know what models do; use requests_per_second here, or running_requests of the model server's preset",
    waiting_requests = "Traefik does not know what models do; use latency_p95_seconds here, or waiting_requests of the model server's preset",
    kv_cache_utilization = "Traefik does not know what models do; use latency_p95_seconds here, or kv_cache_utilization of the model server's preset",
    gpu_utilization = "Traefik does not know what models do; use requests_per_second here, or gpu_utilization of the preset dcgm",
    cost_per_second = "Traefik does not count costs; use requests_per_second",
  },
}
