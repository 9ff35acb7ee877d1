-- HAProxy's page of statistics as CSV: the same numbers as its exporter's, of any version, and with the
-- address of each server, so that they can be had for each pod. A service is a backend, a route a
-- frontend, an upstream the address of a server.
--
-- Traps:
--  * qtime, ctime, rtime and ttime are averages of the last 1024 requests: no percentiles, and they stand
--    still when the traffic does: nothing reads them.
--  * Frontends, backends and servers count the same request. Backends are read, with what HAProxy answers
--    in their place; and servers, where upstreams are asked for. What has no server, such as the page
--    itself, is no backend here.
--  * A request waits in the queue of its backend or in that of one server: both are added.
--  * A server is a slot, which one pod after the other gets: its counters go on, and a series with
--    another address begins at what the pod before has left. So servers are read with rate, which does not
--    take the first value for an increase, and reads low until the window is filled.
--  * A reload is a new process, whose counters begin at 0.
return {
  name = "haproxy_csv",
  title = "HAProxy, its statistics as CSV",
  versions = {"2.6", "3"},
  older = "none: columns have kept their names since HAProxy 1.4",
  facts = {
    "https://docs.haproxy.org/2.6/management.html#9.1",
    "https://docs.haproxy.org/2.6/configuration.html#4.2-stats%20show-legends",
    "https://github.com/haproxy/haproxy/blob/master/src/stats-proxy.c",
  },
  enable = "a frontend with stats enable, stats uri /stats and, for upstreams, stats show-legends, without which there are no addresses",
  port = 8404,
  path = "/stats;csv",
  format = "Csv",
  signature = {"haproxy_csv_scur", "haproxy_csv_status"},

  metrics = {
    requests_per_second = {
      labels = {service = "proxy", upstream = "addr"},
      note = "of backends; by upstream what servers have answered, without what HAProxy answers itself; upstreams with stats show-legends; no answer until its window is filled",
      value = function(where, window, by)
        local backends = rps(haproxy_csv_hrsp_1xx{where, type="backend"}[window], by("proxy"))
          + rps(haproxy_csv_hrsp_2xx{where, type="backend"}[window], by("proxy"))
          + rps(haproxy_csv_hrsp_3xx{where, type="backend"}[window], by("proxy"))
          + rps(haproxy_csv_hrsp_4xx{where, type="backend"}[window], by("proxy"))
          + rps(haproxy_csv_hrsp_5xx{where, type="backend"}[window], by("proxy"))
          + rps(haproxy_csv_hrsp_other{where, type="backend"}[window], by("proxy"))
        local servers = sum(rate(haproxy_csv_hrsp_1xx{where, type="server"}[window]), by("proxy"))
          + sum(rate(haproxy_csv_hrsp_2xx{where, type="server"}[window]), by("proxy"))
          + sum(rate(haproxy_csv_hrsp_3xx{where, type="server"}[window]), by("proxy"))
          + sum(rate(haproxy_csv_hrsp_4xx{where, type="server"}[window]), by("proxy"))
          + sum(rate(haproxy_csv_hrsp_5xx{where, type="server"}[window]), by("proxy"))
          + sum(rate(haproxy_csv_hrsp_other{where, type="server"}[window]), by("proxy"))
        return sum(vor(vand(backends, servers), servers), by)
      end,
    },
    error_ratio = {
      labels = {service = "proxy", upstream = "addr"},
      note = "codes 5xx and what is none of HTTP, from servers and from HAProxy; 0 without requests; upstreams with stats show-legends; no answer until its window is filled",
      value = function(where, window, by)
        local backends = rps(haproxy_csv_hrsp_5xx{where, type="backend"}[window], by("proxy"))
          + rps(haproxy_csv_hrsp_other{where, type="backend"}[window], by("proxy"))
        local servers = sum(rate(haproxy_csv_hrsp_5xx{where, type="server"}[window]), by("proxy"))
          + sum(rate(haproxy_csv_hrsp_other{where, type="server"}[window]), by("proxy"))
        return ratio(sum(vor(vand(backends, servers), servers), by), metric.requests_per_second(where, window, by), 0)
      end,
    },
    active_connections = {
      labels = {route = "proxy"},
      note = "by frontend: the one of the scrape is among them",
      value = function(where, window, by)
        return sum(haproxy_csv_scur{where, type="frontend"}, by)
      end,
    },
    in_flight_requests = {
      labels = {service = "proxy", upstream = "addr"},
      note = "of backends, with those in the queue; by upstream without those in the queue of the backend; upstreams with stats show-legends",
      value = function(where, window, by)
        local backends = sum(haproxy_csv_scur{where, type="backend"}, by("proxy"))
        local servers = sum(haproxy_csv_scur{where, type="server"}, by("proxy"))
        return sum(vor(vand(backends, servers), servers), by)
      end,
    },
    queue_depth = {
      labels = {service = "proxy", upstream = "addr"},
      note = "the queue of the backend and those of its servers; by upstream the latter; upstreams with stats show-legends",
      value = function(where, window, by)
        local backends = sum(haproxy_csv_qcur{where, type="backend"}, by("proxy"))
        local servers = sum(haproxy_csv_qcur{where, type="server"}, by("proxy"))
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
