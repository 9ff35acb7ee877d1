-- OpenResty, or nginx with its Lua module, that counts with the library nginx-lua-prometheus. Metrics and
-- labels are those of one's own configuration; these are the names of the library's examples. Latencies are
-- in seconds. A service is a host. Upstreams are there where the metrics have the label upstream_addr, with
-- nginx's variable of that name.
--
-- Traps:
--  * A bucket appears with the first request that falls into it, so that buckets are missing below the
--    fastest request, and two series have different ones.
--  * A request that was tried at two upstreams has both addresses, "10.0.0.7:80, 10.0.0.9:80". It is one
--    request; upstream_pod takes the last, which has answered.
--  * Counters are in shared memory: a reload keeps them, a restart begins at 0.
--  * Workers add what they have counted once a second (sync_interval).
--  * A full lua_shared_dict drops series, and nginx_metric_errors_total grows.
return {
  name = "nginx_lua",
  title = "OpenResty with nginx-lua-prometheus",
  versions = {"0.20240525"},
  older = "none: the names are those of one's own configuration, and the library's examples have kept theirs",
  facts = {
    "https://github.com/knyar/nginx-lua-prometheus",
    "https://nginx.org/en/docs/http/ngx_http_upstream_module.html#var_upstream_addr",
  },
  enable = "counters and histograms as in the README of nginx-lua-prometheus, with the label upstream_addr for upstreams, and the gauge nginx_http_connections",
  port = 9145,
  path = "/metrics",
  signature = {"nginx_metric_errors_total", "nginx_http_connections"},

  metrics = {
    requests_per_second = {
      labels = {service = "host", upstream = "upstream_addr"},
      note = "upstreams where metrics have the label upstream_addr; all addresses of a request that was tried again",
      value = function(where, window, by)
        return rps(nginx_http_requests_total{where}[window], by)
      end,
    },
    error_ratio = {
      labels = {service = "host", upstream = "upstream_addr"},
      note = "codes 5xx, whether from the upstream or from nginx; 0 without requests; upstreams as in requests_per_second",
      value = function(where, window, by)
        return ratio(rps(nginx_http_requests_total{where, status=re"5.."}[window], by), rps(nginx_http_requests_total{where}[window], by), 0)
      end,
    },
    latency_pXX_seconds = {
      labels = {service = "host", upstream = "upstream_addr"},
      note = "upstreams as in requests_per_second",
      value = function(where, window, by)
        return pXX(nginx_http_request_duration_seconds{where}[window], by)
      end,
    },
    active_connections = {
      note = "of all listeners: the one of the scrape is among them",
      value = function(where, window, by)
        return sum(nginx_http_connections{where, state=re"reading|writing|waiting"}, by)
      end,
    },
    in_flight_requests = {
      note = "of all listeners: the scrape is among them",
      value = function(where, window, by)
        return sum(nginx_http_connections{where, state=re"reading|writing"}, by)
      end,
    },
  },

  unavailable = {
    upstream_latency_p95_seconds = "the library's examples do not measure it; use latency_p95_seconds",
    queue_depth = "nginx has no queue; use latency_p95_seconds or in_flight_requests",
    prompt_tokens_per_second = "nginx counts no tokens; use requests_per_second here, or prompt_tokens_per_second of the model server's preset",
    completion_tokens_per_second = "nginx counts no tokens; use requests_per_second here, or completion_tokens_per_second of the model server's preset",
    tokens_per_second = "nginx counts no tokens; use requests_per_second here, or tokens_per_second of the model server's preset",
    time_to_first_token_p95_seconds = "nginx does not know tokens; use latency_p95_seconds here, or time_to_first_token_p95_seconds of the model server's preset",
    time_per_output_token_p95_seconds = "nginx does not know tokens; use latency_p95_seconds here, or time_per_output_token_p95_seconds of the model server's preset",
    running_requests = "nginx does not know what models do; use in_flight_requests here, or running_requests of the model server's preset",
    waiting_requests = "nginx does not know what models do; use in_flight_requests here, or waiting_requests of the model server's preset",
    kv_cache_utilization = "nginx does not know what models do; use in_flight_requests here, or kv_cache_utilization of the model server's preset",
    gpu_utilization = "nginx does not know what models do; use requests_per_second here, or gpu_utilization of the preset dcgm",
    cost_per_second = "nginx does not count costs; use requests_per_second",
  },
}
