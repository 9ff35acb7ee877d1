-- NGINX Plus, its API: what it asks of its backends. One request of the API gives all upstream groups with
-- their servers, so that the numbers can be had for each pod. A service is an upstream group, an upstream
-- the address of a server. What clients see is elsewhere in the API: the preset nginx_plus_zones reads it.
--
-- Traps:
--  * header_time and response_time are averages in milliseconds that move with the traffic: no percentiles,
--    and they stand still without traffic: nothing reads them.
--  * A request that is tried again counts at each server, and one that NGINX answers itself at none.
--  * Servers that are taken out of the group go away at once with their counters; one that comes back has
--    another id, and begins at 0.
--  * Only groups with a zone are shown.
return {
  name = "nginx_plus",
  title = "NGINX Plus, upstreams of its API",
  versions = {"API 7", "API 9"},
  older = "API 3 to 6: the same names without the status codes one by one; each version has its own path, such as /api/6",
  facts = {
    "https://nginx.org/en/docs/http/ngx_http_api_module.html#def_nginx_http_upstream",
    "https://nginx.org/en/docs/http/ngx_http_upstream_module.html#queue",
    "https://github.com/nginx/nginx-prometheus-exporter",
  },
  enable = "a location /api with api, and a zone in each upstream; queue for queue_depth",
  port = 8080,
  path = "/api/9/http/upstreams",
  format = "Json",
  json = {
    {
      each = {
        {path = ".*", key = "upstream"},
        {path = ".peers[*]", labels = {server = "{.server}", id = "{.id}"}},
      },
      metrics = {
        nginxplus_upstream_server_requests = ".requests",
        nginxplus_upstream_server_active = ".active",
        nginxplus_upstream_server_fails = ".fails",
      },
    },
    {
      each = {
        {path = ".*", key = "upstream"},
        {path = ".peers[*]", labels = {server = "{.server}", id = "{.id}"}},
        {path = ".responses['1xx','2xx','3xx','4xx','5xx']", key = "code"},
      },
      metrics = {nginxplus_upstream_server_responses = "."},
    },
    {
      each = {path = ".*", key = "upstream"},
      metrics = {nginxplus_upstream_queue_size = ".queue.size"},
    },
  },
  signature = {"nginxplus_upstream_server_requests", "nginxplus_upstream_server_responses"},

  metrics = {
    requests_per_second = {
      labels = {service = "upstream", upstream = "server"},
      note = "of servers: one that is tried again counts at each, one that NGINX answers itself at none",
      value = function(where, window, by)
        return rps(nginxplus_upstream_server_requests{where}[window], by)
      end,
    },
    error_ratio = {
      labels = {service = "upstream", upstream = "server"},
      note = "codes 5xx of servers and attempts without an answer; 0 without requests; where proxy_next_upstream has http_5xx codes, these count as both, and the ratio is 1 at most",
      value = function(where, window, by)
        local failed = rps(nginxplus_upstream_server_responses{where, code="5xx"}[window], by)
          + rps(nginxplus_upstream_server_fails{where}[window], by)
        return clamp_max(ratio(failed, rps(nginxplus_upstream_server_requests{where}[window], by), 0), 1)
      end,
    },
    in_flight_requests = {
      labels = {service = "upstream", upstream = "server"},
      note = "at servers, without those in the queue",
      value = function(where, window, by)
        return sum(nginxplus_upstream_server_active{where}, by)
      end,
    },
    queue_depth = {
      labels = {service = "upstream"},
      note = "of upstream groups with queue",
      value = function(where, window, by)
        return sum(nginxplus_upstream_queue_size{where}, by)
      end,
    },
  },

  unavailable = {
    latency_pXX_seconds = "NGINX Plus has only moving averages, which stand still without traffic; use in_flight_requests or queue_depth",
    upstream_latency_p95_seconds = "NGINX Plus has only moving averages, which stand still without traffic; use in_flight_requests or queue_depth",
    active_connections = "clients' connections are at /api/9/connections; use in_flight_requests",
    prompt_tokens_per_second = "NGINX Plus counts no tokens; use requests_per_second here, or prompt_tokens_per_second of the model server's preset",
    completion_tokens_per_second = "NGINX Plus counts no tokens; use requests_per_second here, or completion_tokens_per_second of the model server's preset",
    tokens_per_second = "NGINX Plus counts no tokens; use requests_per_second here, or tokens_per_second of the model server's preset",
    time_to_first_token_p95_seconds = "NGINX Plus does not know tokens; use in_flight_requests here, or time_to_first_token_p95_seconds of the model server's preset",
    time_per_output_token_p95_seconds = "NGINX Plus does not know tokens; use in_flight_requests here, or time_per_output_token_p95_seconds of the model server's preset",
    running_requests = "NGINX Plus does not know what models do; use in_flight_requests here, or running_requests of the model server's preset",
    waiting_requests = "NGINX Plus does not know what models do; use in_flight_requests here, or waiting_requests of the model server's preset",
    kv_cache_utilization = "NGINX Plus does not know what models do; use in_flight_requests here, or kv_cache_utilization of the model server's preset",
    gpu_utilization = "NGINX Plus does not know what models do; use requests_per_second here, or gpu_utilization of the preset dcgm",
    cost_per_second = "NGINX Plus does not count costs; use requests_per_second",
  },
}
