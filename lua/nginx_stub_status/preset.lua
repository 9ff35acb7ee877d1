-- nginx's page of a few numbers, and Tengine's. The names are those of nginx-prometheus-exporter, whose
-- endpoint can be read with format: Auto, too.
--
-- Traps:
--  * Everything is of the whole nginx, and the scrape is a request and a connection in each of the numbers.
--  * Waiting is idle connections that are kept open, and no queue: requests in flight are Reading and Writing.
--  * Tengine adds the sum of all request times. What it divided by the requests gives is an average, and no
--    percentile: nothing reads it.
--  * Counters are in shared memory: a reload keeps them, a restart begins at 0.
return {
  name = "nginx_stub_status",
  title = "nginx, its stub_status",
  versions = {"1.22", "Tengine 3"},
  older = "none: the four lines are the same in all versions",
  facts = {
    "https://nginx.org/en/docs/http/ngx_http_stub_status_module.html",
    "https://github.com/nginx/nginx/blob/master/src/http/modules/ngx_http_stub_status_module.c",
    "https://tengine.taobao.org/document/http_stub_status.html",
    "https://github.com/nginx/nginx-prometheus-exporter",
  },
  enable = "a location /stub_status with stub_status, which others cannot reach",
  port = 8080,
  path = "/stub_status",
  format = "StubStatus",
  signature = {"nginx_connections_accepted"},

  metrics = {
    requests_per_second = {
      note = "of the whole nginx: each scrape is among them",
      value = function(where, window, by)
        return rps(nginx_http_requests_total{where}[window], by)
      end,
    },
    active_connections = {
      note = "of the whole nginx: the one of the scrape is among them",
      value = function(where, window, by)
        return sum(nginx_connections_active{where}, by)
      end,
    },
    in_flight_requests = {
      note = "of the whole nginx: the scrape is among them",
      value = function(where, window, by)
        return sum(nginx_connections_reading{where}, by) + sum(nginx_connections_writing{where}, by)
      end,
    },
  },

  unavailable = {
    error_ratio = "the page has no status codes; use requests_per_second here, or error_ratio of the preset nginx_lua or nginx_vts",
    latency_pXX_seconds = "the page has no latency, and Tengine's sum gives an average only; use in_flight_requests here, or the preset nginx_lua or nginx_vts",
    upstream_latency_p95_seconds = "the page has no latency; use in_flight_requests here, or the preset nginx_vts",
    queue_depth = "nginx has no queue, and Waiting is idle connections; use in_flight_requests",
    prompt_tokens_per_second = "nginx counts no tokens; use requests_per_second here, or prompt_tokens_per_second of the model server's preset",
    completion_tokens_per_second = "nginx counts no tokens; use requests_per_second here, or completion_tokens_per_second of the model server's preset",
    tokens_per_second = "nginx counts no tokens; use requests_per_second here, or tokens_per_second of the model server's preset",
    time_to_first_token_p95_seconds = "nginx does not know tokens; use in_flight_requests here, or time_to_first_token_p95_seconds of the model server's preset",
    time_per_output_token_p95_seconds = "nginx does not know tokens; use in_flight_requests here, or time_per_output_token_p95_seconds of the model server's preset",
    running_requests = "nginx does not know what models do; use in_flight_requests here, or running_requests of the model server's preset",
    waiting_requests = "nginx does not know what models do; use in_flight_requests here, or waiting_requests of the model server's preset",
    kv_cache_utilization = "nginx does not know what models do; use in_flight_requests here, or kv_cache_utilization of the model server's preset",
    gpu_utilization = "nginx does not know what models do; use requests_per_second here, or gpu_utilization of the preset dcgm",
    cost_per_second = "nginx does not count costs; use requests_per_second",
  },
}
