-- Apache APISIX 3, with its AI proxy. All families come from the plugin prometheus; latencies are
-- in milliseconds though their names do not say so.
--
-- Traps:
--  * The text is rendered anew every 15 s (refresh_interval, since 3.14) and is the same in between:
--    counters stand still and then jump. Shorter windows than 30 s are refused.
--  * apisix_http_latency holds three histograms, told apart by type. Without a type they mix.
--  * apisix_llm_latency is the whole time or that until the first token. Where it has no type (2025), it
--    is the time until the first token for streams and the whole time for other requests.
--  * Requests that are not for models count in the LLM families with 0 ms and 0 tokens, under the
--    request_type traditional_http.
--  * apisix_http_requests_total is a gauge of the whole nginx, and the scrape is part of it.
--  * The label node is called exported_node here, because node is the one of the pod that was scraped.
--  * The nodes of pods that are gone are shown for ever, unless metrics.expire is set.
--  * A bucket appears with the first request that falls into it.
return {
  name = "apisix",
  title = "Apache APISIX",
  versions = {"3.14", "3.18"},
  older = "APISIX of 2025: apisix_llm_latency without the label type",
  facts = {
    "https://github.com/apache/apisix/blob/master/apisix/plugins/prometheus/exporter.lua",
    "https://github.com/apache/apisix/blob/master/t/plugin/prometheus-ai-proxy.t",
    "https://apisix.apache.org/docs/apisix/plugins/prometheus/",
  },
  enable = "the plugin prometheus in a global rule or in each route, and plugin_attr.prometheus.export_addr.ip: 0.0.0.0, because it listens on localhost only",
  port = 9091,
  path = "/apisix/prometheus/metrics",
  window = "1m",
  minimum_window = "30s",
  signature = {"apisix_http_requests_total", "apisix_nginx_http_current_connections", "apisix_node_info"},

  metrics = {
    requests_per_second = {
      labels = {service = "service", route = "route", consumer = "consumer", upstream = "exported_node", model = "llm_model"},
      note = "upstream is an address without port or, of models, the instance of ai-proxy; by model in newer versions",
      value = function(where, window, by)
        return rps(apisix_http_status{where}[window], by)
      end,
    },
    error_ratio = {
      labels = {service = "service", route = "route", consumer = "consumer", upstream = "exported_node", model = "llm_model"},
      note = "codes 5xx, whether from the backend or from APISIX; 0 without requests",
      value = function(where, window, by)
        return ratio(rps(apisix_http_status{where, code=re"5.."}[window], by), rps(apisix_http_status{where}[window], by), 0)
      end,
    },
    latency_pXX_seconds = {
      labels = {service = "service", route = "route", consumer = "consumer", upstream = "exported_node", model = "llm_model"},
      value = function(where, window, by)
        return pXX(apisix_http_latency{where, type="request"}[window], by) / 1000
      end,
    },
    upstream_latency_p95_seconds = {
      labels = {service = "service", route = "route", consumer = "consumer", upstream = "exported_node", model = "llm_model"},
      note = "the whole response of the backend",
      value = function(where, window, by)
        return p95(apisix_http_latency{where, type="upstream"}[window], by) / 1000
      end,
    },
    active_connections = {
      note = "of all listeners: the scrape is among them",
      value = function(where, window, by)
        return sum(apisix_nginx_http_current_connections{where, state="active"}, by)
      end,
    },
    in_flight_requests = {
      labels = {service = "service_id", route = "route_id", consumer = "consumer", upstream = "exported_node", model = "llm_model"},
      note = "requests to models only, by ai-proxy since 3.14",
      value = function(where, window, by)
        return sum(apisix_llm_active_connections{where}, by)
      end,
    },
    prompt_tokens_per_second = {
      labels = {service = "service_id", route = "route_id", consumer = "consumer", upstream = "exported_node", model = "llm_model"},
      note = "ai-proxy, since 3.14",
      value = function(where, window, by)
        return rps(apisix_llm_prompt_tokens{where, request_type=neq"traditional_http"}[window], by)
      end,
    },
    completion_tokens_per_second = {
      labels = {service = "service_id", route = "route_id", consumer = "consumer", upstream = "exported_node", model = "llm_model"},
      note = "as prompt_tokens_per_second",
      value = function(where, window, by)
        return rps(apisix_llm_completion_tokens{where, request_type=neq"traditional_http"}[window], by)
      end,
    },
    tokens_per_second = {
      labels = {service = "service_id", route = "route_id", consumer = "consumer", upstream = "exported_node", model = "llm_model"},
      note = "as prompt_tokens_per_second; the sum of both parts",
      value = function(where, window, by)
        return total(
          rps(apisix_llm_prompt_tokens{where, request_type=neq"traditional_http"}[window], by),
          rps(apisix_llm_completion_tokens{where, request_type=neq"traditional_http"}[window], by))
      end,
    },
    time_to_first_token_p95_seconds = {
      labels = {service = "service_id", route = "route_id", consumer = "consumer", upstream = "exported_node", model = "llm_model"},
      note = "of streams; other requests have no first token",
      value = function(where, window, by)
        return p95(fallback(apisix_llm_latency{where, type="ttft"}, apisix_llm_latency{where, type="", request_type="ai_stream"})[window], by,
          {inflight = apisix_llm_active_connections{where, request_type="ai_stream"}}) / 1000
      end,
    },
  },

  unavailable = {
    queue_depth = "APISIX has no queue; use in_flight_requests for models, or latency_p95_seconds for other services",
    time_per_output_token_p95_seconds = "APISIX does not measure it; use time_to_first_token_p95_seconds or completion_tokens_per_second",
    running_requests = "APISIX does not know what models do; use in_flight_requests here, or running_requests of the model server's preset",
    waiting_requests = "APISIX does not know what models do; use in_flight_requests here, or waiting_requests of the model server's preset",
    kv_cache_utilization = "APISIX does not know what models do; use in_flight_requests here, or kv_cache_utilization of the model server's preset",
    gpu_utilization = "APISIX does not know what models do; use tokens_per_second here, or gpu_utilization of the preset dcgm",
    cost_per_second = "APISIX does not count costs; use tokens_per_second",
  },
}
