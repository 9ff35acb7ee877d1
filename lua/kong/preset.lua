-- Kong Gateway 3, its AI plugins, and Kong 2 by its older names. All families come from the
-- plugin prometheus; latencies are in milliseconds.
--
-- Traps:
--  * kong_nginx_connections_total and kong_nginx_requests_total are gauges, whatever their names say.
--  * token_type has total_tokens beside its parts: adding up over the label counts twice.
--  * A bucket appears with the first request that falls into it, so that buckets are missing below
--    the fastest request, and two series have different ones.
--  * Kong 2 counts a request of a consumer in kong_http_consumer_status, too: one of both is read.
--  * nginx counts its connections once for all subsystems: http and stream show the same number.
--  * The connections of the scrape and, since Kong 3, of the workers to each other are counted, too.
return {
  name = "kong",
  title = "Kong Gateway",
  versions = {"3.0", "3.9"},
  older = "Kong 2: kong_http_status, kong_latency{type}, kong_nginx_http_current_connections",
  facts = {
    "https://github.com/Kong/kong/blob/master/kong/plugins/prometheus/exporter.lua",
    "https://docs.konghq.com/hub/kong-inc/prometheus/",
  },
  enable = "the plugin prometheus with status_code_metrics, latency_metrics and, for models, ai_metrics, which are off since Kong 3.0; per_consumer for consumers",
  port = 8100,
  path = "/metrics",
  signature = {"kong_nginx_requests_total", "kong_nginx_http_current_connections", "kong_datastore_reachable"},

  metrics = {
    requests_per_second = {
      labels = {service = "service", route = "route", consumer = "consumer"},
      note = "Kong 2 counts requests by consumer in a metric of its own: it can be selected, but not be grouped by",
      value = function(where, window, by)
        return total(
          rps(kong_http_requests_total{where}[window], by),
          coalesce(
            rps(kong_http_status{where}[window], by),
            rps(kong_http_consumer_status{where}[window], by)))
      end,
    },
    error_ratio = {
      labels = {service = "service", route = "route", consumer = "consumer"},
      note = "codes 5xx, whether from the service or from Kong; 0 without requests",
      value = function(where, window, by)
        return ratio(
          total(
            rps(kong_http_requests_total{where, code=re"5.."}[window], by),
            coalesce(
              rps(kong_http_status{where, code=re"5.."}[window], by),
              rps(kong_http_consumer_status{where, code=re"5.."}[window], by))),
          metric.requests_per_second(where, window, by), 0)
      end,
    },
    latency_pXX_seconds = {
      labels = {service = "service", route = "route"},
      value = function(where, window, by)
        return pXX(fallback(kong_request_latency_ms{where}, kong_latency{where, type="request"})[window], by) / 1000
      end,
    },
    upstream_latency_p95_seconds = {
      labels = {service = "service", route = "route"},
      note = "until the first byte of the service's response",
      value = function(where, window, by)
        return p95(fallback(kong_upstream_latency_ms{where}, kong_latency{where, type="upstream"})[window], by) / 1000
      end,
    },
    active_connections = {
      note = "of all listeners: the scrape and, since Kong 3, one connection of each worker are among them",
      value = function(where, window, by)
        return total(
          sum(kong_nginx_connections_total{where, state="active", subsystem="http"}, by),
          sum(kong_nginx_http_current_connections{where, state="active"}, by))
      end,
    },
    prompt_tokens_per_second = {
      labels = {model = "ai_model", consumer = "consumer"},
      note = "AI plugins with ai_metrics; by consumer in newer versions of Enterprise only",
      value = function(where, window, by)
        return rps(kong_ai_llm_tokens_total{where, token_type="prompt_tokens"}[window], by)
      end,
    },
    completion_tokens_per_second = {
      labels = {model = "ai_model", consumer = "consumer"},
      note = "as prompt_tokens_per_second",
      value = function(where, window, by)
        return rps(kong_ai_llm_tokens_total{where, token_type="completion_tokens"}[window], by)
      end,
    },
    tokens_per_second = {
      labels = {model = "ai_model", consumer = "consumer"},
      note = "as prompt_tokens_per_second; the sum of both parts",
      value = function(where, window, by)
        return rps(kong_ai_llm_tokens_total{where, token_type=re"prompt_tokens|completion_tokens"}[window], by)
      end,
    },
    time_to_first_token_p95_seconds = {
      labels = {model = "ai_model", consumer = "consumer"},
      note = "Enterprise only",
      value = function(where, window, by)
        return p95(kong_ai_llm_ttft_latency_ms{where}[window], by) / 1000
      end,
    },
    time_per_output_token_p95_seconds = {
      labels = {model = "ai_model", consumer = "consumer"},
      note = "Enterprise only",
      value = function(where, window, by)
        return p95(kong_ai_llm_tpot_latency_ms{where}[window], by) / 1000
      end,
    },
    cost_per_second = {
      labels = {model = "ai_model", consumer = "consumer"},
      note = "AI plugins with ai_metrics and input_cost and output_cost of the model",
      value = function(where, window, by)
        return rps(kong_ai_llm_cost_total{where}[window], by)
      end,
    },
  },

  unavailable = {
    in_flight_requests = "nginx counts Kong's own connections between its workers as requests; use active_connections",
    queue_depth = "Kong has no queue; use latency_p95_seconds or active_connections",
    running_requests = "Kong does not know what models do; use tokens_per_second here, or running_requests of the model server's preset",
    waiting_requests = "Kong does not know what models do; use time_to_first_token_p95_seconds here, or waiting_requests of the model server's preset",
    kv_cache_utilization = "Kong does not know what models do; use tokens_per_second here, or kv_cache_utilization of the model server's preset",
    gpu_utilization = "Kong does not know what models do; use tokens_per_second here, or gpu_utilization of the preset dcgm",
  },
}
