-- HAProxy's own Prometheus exporter. A service is a backend, a route a frontend, an upstream a server.
--
-- Traps:
--  * There are no histograms. The averages of the last 1024 requests are no percentiles, and they stand
--    still when the traffic does: nothing reads them.
--  * Frontends, backends and servers count the same request. Backends are read, with what HAProxy answers
--    in their place; and servers, where upstreams are asked for. What has no server, such as the page
--    with the statistics, is no backend here.
--  * A request waits in the queue of its backend or in that of one server: both are added.
--  * A server is a slot: ingress controllers give SRV_1 to one pod after the other, and its counters go
--    on. Its name is no address either, so that upstream_pod needs servers that are called after one.
--  * A reload is a new process, whose counters begin at 0.
return {
  name = "haproxy",
  title = "HAProxy, its Prometheus exporter",
  versions = {"2.6", "3"},
  older = "none: these names are those of HAProxy 2.0, the first version with an exporter of its own",
  facts = {
    "https://github.com/haproxy/haproxy/blob/master/addons/promex/service-prometheus.c",
    "https://github.com/haproxy/haproxy/blob/master/addons/promex/README",
    "https://docs.haproxy.org/2.6/management.html#9.1",
  },
  enable = "a frontend with http-request use-service prometheus-exporter if { path /metrics }",
  port = 8404,
  path = "/metrics",
  params = {scope = {"frontend", "backend", "server"}},
  signature = {"haproxy_backend_current_queue", "haproxy_frontend_current_sessions", "haproxy_process_nbthread"},

  metrics = {
    requests_per_second = {
      labels = {service = "proxy", upstream = "server"},
      note = "of backends; by upstream what servers have answered, without what HAProxy answers itself",
      value = function(where, window, by)
        local backends = rps(haproxy_backend_http_responses_total{where}[window], by("proxy"))
        local servers = rps(haproxy_server_http_responses_total{where}[window], by("proxy"))
        return sum(vor(vand(backends, servers), servers), by)
      end,
    },
    error_ratio = {
      labels = {service = "proxy", upstream = "server"},
      note = "codes 5xx and what is none of HTTP, from servers and from HAProxy; 0 without requests",
      value = function(where, window, by)
        local backends = rps(haproxy_backend_http_responses_total{where, code=re"5xx|other"}[window], by("proxy"))
        local servers = rps(haproxy_server_http_responses_total{where, code=re"5xx|other"}[window], by("proxy"))
        return ratio(sum(vor(vand(backends, servers), servers), by), metric.requests_per_second(where, window, by), 0)
      end,
    },
    active_connections = {
      labels = {route = "proxy"},
      note = "by frontend: the one of the scrape is among them",
      value = function(where, window, by)
        return sum(haproxy_frontend_current_sessions{where}, by)
      end,
    },
    in_flight_requests = {
      labels = {service = "proxy", upstream = "server"},
      note = "of backends, with those in the queue; by upstream without those in the queue of the backend",
      value = function(where, window, by)
        local backends = sum(haproxy_backend_current_sessions{where}, by("proxy"))
        local servers = sum(haproxy_server_current_sessions{where}, by("proxy"))
        return sum(vor(vand(backends, servers), servers), by)
      end,
    },
    queue_depth = {
      labels = {service = "proxy", upstream = "server"},
      note = "the queue of the backend and those of its servers; by upstream the latter",
      value = function(where, window, by)
        local backends = sum(haproxy_backend_current_queue{where}, by("proxy"))
        local servers = sum(haproxy_server_current_queue{where}, by("proxy"))
        return sum(vor(backends + servers, servers), by)
      end,
    },
  },

  unavailable = {
    latency_pXX_seconds = "HAProxy has only averages of the last 1024 requests, which stand still without traffic; use queue_depth or in_flight_requests",
    upstream_latency_p95_seconds = "HAProxy has only averages of the last 1024 requests, which stand still without traffic; use in_flight_requests",
    prompt_tokens_per_second = "HAProxy counts no tokens; use requests_per_second here, or prompt_tokens_per_second of the model server's preset",
    completion_tokens_per_second = "HAProxy counts no tokens; use requests_per_second here, or completion_tokens_per_second of the model server's preset",
    tokens_per_second = "HAProxy counts no tokens; use requests_per_second here, or tokens_per_second of the model server's preset",
    time_to_first_token_p95_seconds = "HAProxy does not know tokens; use in_flight_requests here, or time_to_first_token_p95_seconds of the model server's preset",
    time_per_output_token_p95_seconds = "HAProxy does not know tokens; use in_flight_requests here, or time_per_output_token_p95_seconds of the model server's preset",
    running_requests = "HAProxy does not know what models do; use in_flight_requests here, or running_requests of the model server's preset",
    waiting_requests = "HAProxy does not know what models do; use queue_depth here, or waiting_requests of the model server's preset",
    kv_cache_utilization = "HAProxy does not know what models do; use queue_depth here, or kv_cache_utilization of the model server's preset",
    gpu_utilization = "HAProxy does not know what models do; use in_flight_requests here, or gpu_utilization of the preset dcgm",
    cost_per_second = "HAProxy does not count costs; use requests_per_second",
  },
}
