-- NGINX Plus, its API: what clients see, by status_zone. A service is a zone. What backends do, and for each
-- pod, is elsewhere in the API: the preset nginx_plus reads it.
--
-- Traps:
--  * Requests that ended without a response are discarded, and have no status code: they are failures here.
--  * processing goes up with a request and down with its end: a request that has begun counts as requests
--    already.
--  * The zone of the server with the API counts the scrapes: give it none.
return {
  name = "nginx_plus_zones",
  title = "NGINX Plus, server zones of its API",
  versions = {"API 7", "API 9"},
  older = "API 3 to 6: the same names without the status codes one by one; each version has its own path, such as /api/6",
  facts = {
    "https://nginx.org/en/docs/http/ngx_http_api_module.html#def_nginx_http_server_zone",
    "https://nginx.org/en/docs/http/ngx_http_api_module.html#status_zone",
  },
  enable = "a location /api with api, and a status_zone in each server",
  port = 8080,
  path = "/api/9/http/server_zones",
  format = "Json",
  json = {
    {
      each = {path = ".*", key = "server_zone"},
      metrics = {
        nginxplus_server_zone_requests = ".requests",
        nginxplus_server_zone_processing = ".processing",
        nginxplus_server_zone_discarded = ".discarded",
      },
    },
    {
      each = {
        {path = ".*", key = "server_zone"},
        {path = ".responses['1xx','2xx','3xx','4xx','5xx']", key = "code"},
      },
      metrics = {nginxplus_server_zone_responses = "."},
    },
  },
  signature = {"nginxplus_server_zone_processing", "nginxplus_server_zone_responses"},

  metrics = {
    requests_per_second = {
      labels = {service = "server_zone"},
      note = "answered ones, and those that ended without a response",
      value = function(where, window, by)
        return rps(nginxplus_server_zone_responses{where}[window], by) + rps(nginxplus_server_zone_discarded{where}[window], by)
      end,
    },
    error_ratio = {
      labels = {service = "server_zone"},
      note = "codes 5xx, and requests that ended without a response; 0 without requests",
      value = function(where, window, by)
        local failed = rps(nginxplus_server_zone_responses{where, code="5xx"}[window], by)
          + rps(nginxplus_server_zone_discarded{where}[window], by)
        return ratio(failed, metric.requests_per_second(where, window, by), 0)
      end,
    },
    in_flight_requests = {
      labels = {service = "server_zone"},
      value = function(where, window, by)
        return sum(nginxplus_server_zone_processing{where}, by)
      end,
    },
  },

  unavailable = {
    latency_pXX_seconds = "NGINX Plus does not measure what clients wait; use in_flight_requests",
    upstream_latency_p95_seconds = "zones have no latencies; use in_flight_requests",
    active_connections = "clients' connections are at /api/9/connections; use in_flight_requests",
    queue_depth = "zones have no queue; use in_flight_requests here, or queue_depth of the preset nginx_plus",
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
