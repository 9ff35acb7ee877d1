-- nginx with the module vhost-traffic-status (VTS), its JSON: the same numbers as its Prometheus text, of
-- versions that have none. Latencies are in milliseconds there, and in seconds in the samples.
-- A service is an upstream group, a route a host, that is a server's zone, and an upstream the address of a
-- server in the group.
--
-- Traps:
--  * The host "*" is the sum of all others. It is left out; vhost_traffic_status_display_sum_key, which
--    renames it, must not be set.
--  * Hosts count what clients ask, upstreams what servers are asked: a request that is tried again counts at
--    its last server, in versions after 0.2 at each. Hosts are read, and upstreams where they are asked for.
--  * Averages of the last 64 requests stand beside the histograms and stand still without traffic: nothing
--    reads them.
--  * Servers that are gone are shown for ever, with their last values.
--  * What is slower than the last bucket is only in requestCounter, which after 0.2 has attempts that were
--    passed on, too, without their time. The Prometheus text counts these apart.
return {
  name = "nginx_vts_json",
  title = "nginx with VTS, its JSON",
  versions = {"0.1.17", "0.2.4"},
  older = "VTS 0.1.16 and before: without histograms, so without latencies",
  facts = {
    "https://github.com/vozlt/nginx-module-vts#json",
    "https://github.com/vozlt/nginx-module-vts/blob/master/src/ngx_http_vhost_traffic_status_display_json.h",
    "https://github.com/vozlt/nginx-module-vts/blob/master/CHANGELOG.md",
  },
  enable = "vhost_traffic_status_zone and vhost_traffic_status_display, and for latencies vhost_traffic_status_histogram_buckets",
  port = 8080,
  path = "/status/format/json",
  format = "Json",
  json = {
    {
      each = {path = ".connections.*", key = "status"},
      metrics = {nginx_vts_json_main_connections = "."},
    },
    {
      each = {
        {path = ".serverZones.*", key = "host"},
        {path = ".responses['1xx','2xx','3xx','4xx','5xx']", key = "code"},
      },
      metrics = {nginx_vts_json_server_requests_total = "."},
    },
    {
      each = {path = ".serverZones.*", key = "host"},
      metrics = {
        nginx_vts_json_server_request_duration_seconds = {
          bounds = ".requestBuckets.msecs", counts = ".requestBuckets.counters",
          sum = ".requestMsecCounter", count = ".requestCounter", scale = 0.001,
        },
      },
    },
    {
      each = {
        {path = ".upstreamZones.*", key = "upstream"},
        {path = "[*]", labels = {backend = "{.server}"}},
        {path = ".responses['1xx','2xx','3xx','4xx','5xx']", key = "code"},
      },
      metrics = {nginx_vts_json_upstream_requests_total = "."},
    },
    {
      each = {
        {path = ".upstreamZones.*", key = "upstream"},
        {path = "[*]", labels = {backend = "{.server}"}},
      },
      metrics = {
        nginx_vts_json_upstream_request_duration_seconds = {
          bounds = ".requestBuckets.msecs", counts = ".requestBuckets.counters",
          sum = ".requestMsecCounter", count = ".requestCounter", scale = 0.001,
        },
        nginx_vts_json_upstream_response_duration_seconds = {
          bounds = ".responseBuckets.msecs", counts = ".responseBuckets.counters",
          sum = ".responseMsecCounter", count = ".requestCounter", scale = 0.001,
        },
      },
    },
  },
  signature = {"nginx_vts_json_main_connections"},

  metrics = {
    requests_per_second = {
      labels = {service = "upstream", route = "host", upstream = "backend"},
      note = "requests of clients; by service and upstream what servers got, where versions after 0.2 count each attempt; not by route together with service or upstream",
      value = function(where, window, by)
        local hosts = rps(nginx_vts_json_server_requests_total{where, host=neq"*", code=neq"total"}[window], by("display"))
        local servers = rps(nginx_vts_json_upstream_requests_total{where, code=neq"total"}[window], by("display"))
        local targets = max(max_over_time(nginx_vts_json_main_connections{status="active"}[window]), by("display"))
        return sum(coalesce(vunless(hosts, targets), vunless(servers, targets), hosts, servers), by)
      end,
    },
    error_ratio = {
      labels = {service = "upstream", route = "host", upstream = "backend"},
      note = "codes 5xx, which nginx gives to attempts without an answer, too; 0 without requests; otherwise as requests_per_second",
      value = function(where, window, by)
        local hosts = rps(nginx_vts_json_server_requests_total{where, host=neq"*", code="5xx"}[window], by("display"))
        local servers = rps(nginx_vts_json_upstream_requests_total{where, code="5xx"}[window], by("display"))
        local targets = max(max_over_time(nginx_vts_json_main_connections{status="active"}[window]), by("display"))
        local failed = sum(coalesce(vunless(hosts, targets), vunless(servers, targets), hosts, servers), by)
        return ratio(failed, metric.requests_per_second(where, window, by), 0)
      end,
    },
    latency_pXX_seconds = {
      labels = {service = "upstream", upstream = "backend"},
      note = "of requests that go to servers of an upstream group, and of all where none does; with vhost_traffic_status_histogram_buckets; in versions after 0.2 attempts that were passed on look slower than the last bucket, so use the preset nginx_vts there",
      value = function(where, window, by)
        return coalesce(
          pXX(nginx_vts_json_upstream_request_duration_seconds{where}[window], by),
          pXX(nginx_vts_json_server_request_duration_seconds{where, host=neq"*"}[window], by))
      end,
    },
    upstream_latency_p95_seconds = {
      labels = {service = "upstream", upstream = "backend"},
      note = "the whole response of the server; with vhost_traffic_status_histogram_buckets",
      value = function(where, window, by)
        return p95(nginx_vts_json_upstream_response_duration_seconds{where}[window], by)
      end,
    },
    active_connections = {
      note = "of the whole nginx: the one of the scrape is among them",
      value = function(where, window, by)
        return sum(nginx_vts_json_main_connections{where, status="active"}, by)
      end,
    },
    in_flight_requests = {
      note = "of the whole nginx: the scrape is among them",
      value = function(where, window, by)
        return sum(nginx_vts_json_main_connections{where, status=re"reading|writing"}, by)
      end,
    },
  },

  unavailable = {
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
