-- Envoy AI Gateway: the statistics of models, from the container beside Envoy. What Envoy counts is with the
-- preset envoy_gateway.
--
-- Traps:
--  * All of it are histograms. Tokens are the rate of the sum; the count is that of requests.
--  * The types of tokens cached_input, cache_creation_input and reasoning are parts of input and output, and
--    an older total is their sum: adding up over the label counts twice.
--  * What is not 2xx has error_type, 429 and 400 as well: that is no error ratio.
--  * A request that is tried at another backend counts once more.
--  * The exporter writes the unit of tokens, token, into the name or does not, by its version. Where UTF-8 is
--    asked for, some versions write dots into names and labels: so it is not.
--  * Time to the first token and time per token are of streams only.
return {
  name = "envoy_ai_gateway",
  title = "Envoy AI Gateway",
  versions = {"0.3", "0.5"},
  older = "gen_ai_client_token_usage, without the unit; and agentgateway's names, which are without units",
  facts = {
    "https://aigateway.envoyproxy.io/docs/capabilities/observability/metrics",
    "https://github.com/envoyproxy/ai-gateway/blob/main/internal/metrics/genai.go",
    "https://github.com/envoyproxy/ai-gateway/blob/main/internal/metrics/metrics_impl.go",
    "https://github.com/agentgateway/agentgateway/blob/main/crates/agentgateway/src/telemetry/metrics.rs",
  },
  enable = "nothing: the container shows them at its admin port",
  port = 1064,
  path = "/metrics",
  protocols = {"OpenMetricsText0.0.1", "PrometheusText0.0.4"},
  signature = {
    "gen_ai_client_token_usage_token_sum", "gen_ai_client_token_usage_sum", "gen_ai_server_request_duration_seconds_count",
    "agentgateway_gen_ai_client_token_usage_sum",
  },

  metrics = {
    requests_per_second = {
      labels = {service = "ai_backend", model = "gen_ai_request_model"},
      note = "requests for models, each try; the service is the backend, namespace/name, in newer versions",
      value = function(where, window, by)
        return total(
          rps(gen_ai_server_request_duration_seconds_count{where}[window], by),
          rps(gen_ai_server_request_duration_count{where}[window], by),
          rps(agentgateway_gen_ai_server_request_duration_count{where}[window], by))
      end,
    },
    latency_pXX_seconds = {
      labels = {service = "ai_backend", model = "gen_ai_request_model"},
      note = "until the last token; the last bucket ends at 81.92 s",
      value = function(where, window, by)
        return pXX(fallback(gen_ai_server_request_duration_seconds{where}, gen_ai_server_request_duration{where}, agentgateway_gen_ai_server_request_duration{where})[window], by)
      end,
    },
    prompt_tokens_per_second = {
      labels = {service = "ai_backend", model = "gen_ai_request_model"},
      note = "cached ones included; all at once when a response ends",
      value = function(where, window, by)
        return total(
          rps(gen_ai_client_token_usage_token_sum{where, gen_ai_token_type="input"}[window], by),
          rps(gen_ai_client_token_usage_sum{where, gen_ai_token_type="input"}[window], by),
          rps(agentgateway_gen_ai_client_token_usage_sum{where, gen_ai_token_type="input"}[window], by))
      end,
    },
    completion_tokens_per_second = {
      labels = {service = "ai_backend", model = "gen_ai_request_model"},
      note = "all at once when a response ends",
      value = function(where, window, by)
        return total(
          rps(gen_ai_client_token_usage_token_sum{where, gen_ai_token_type="output"}[window], by),
          rps(gen_ai_client_token_usage_sum{where, gen_ai_token_type="output"}[window], by),
          rps(agentgateway_gen_ai_client_token_usage_sum{where, gen_ai_token_type="output"}[window], by))
      end,
    },
    tokens_per_second = {
      labels = {service = "ai_backend", model = "gen_ai_request_model"},
      note = "the sum of both, all at once when a response ends",
      value = function(where, window, by)
        return total(
          rps(gen_ai_client_token_usage_token_sum{where, gen_ai_token_type=re"input|output"}[window], by),
          rps(gen_ai_client_token_usage_sum{where, gen_ai_token_type=re"input|output"}[window], by),
          rps(agentgateway_gen_ai_client_token_usage_sum{where, gen_ai_token_type=re"input|output"}[window], by))
      end,
    },
    time_to_first_token_p95_seconds = {
      labels = {service = "ai_backend", model = "gen_ai_request_model"},
      note = "of streams",
      value = function(where, window, by)
        return p95(fallback(gen_ai_server_time_to_first_token_seconds{where}, gen_ai_server_time_to_first_token{where}, agentgateway_gen_ai_server_time_to_first_token{where})[window], by)
      end,
    },
    time_per_output_token_p95_seconds = {
      labels = {service = "ai_backend", model = "gen_ai_request_model"},
      note = "of streams: the average of each, of which this is the percentile",
      value = function(where, window, by)
        return p95(fallback(gen_ai_server_time_per_output_token_seconds{where}, gen_ai_server_time_per_output_token{where}, agentgateway_gen_ai_server_time_per_output_token{where})[window], by)
      end,
    },
  },

  unavailable = {
    error_ratio = "what is not 2xx is marked as an error, 429 and 400 as well; use requests_per_second here, or error_ratio of the preset envoy_gateway",
    upstream_latency_p95_seconds = "the gateway measures a request as a whole; use latency_p95_seconds here, or upstream_latency_p95_seconds of the preset envoy_gateway",
    active_connections = "the gateway does not see connections; use requests_per_second here, or active_connections of the preset envoy_gateway",
    in_flight_requests = "requests are counted when they end; use latency_p95_seconds here, or in_flight_requests of the preset envoy_gateway",
    queue_depth = "the gateway has no queue; use time_to_first_token_p95_seconds here, or queue_depth of the preset envoy_gateway",
    running_requests = "requests are counted when they end; use tokens_per_second here, or running_requests of the model server's preset",
    waiting_requests = "the gateway does not know which requests wait; use time_to_first_token_p95_seconds here, or waiting_requests of the model server's preset",
    kv_cache_utilization = "the gateway does not know the models' caches; use tokens_per_second here, or kv_cache_utilization of the model server's preset",
    gpu_utilization = "the gateway does not know GPUs; use tokens_per_second here, or gpu_utilization of the preset dcgm",
    cost_per_second = "the gateway does not count costs; use tokens_per_second",
  },
}
