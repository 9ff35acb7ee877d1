-- LiteLLM Proxy.
--
-- Traps:
--  * What is not known is the label value "None": a request without a team has team_alias "None", and
--    one that failed without an answer has status_code "None".
--  * Scrapes that were refused for want of a key count as requests to the route /metrics.
--  * requested_model is the name that the client asked for, model the one of the provider. Spend is
--    counted by the latter only.
--  * total_tokens is the sum of input_tokens and output_tokens beside its parts, and has no requested_model in
--    older versions: of these the parts are read.
--  * latency_per_output_token is the whole time, or of streams the time until the first token, divided
--    by the number of tokens: it is not what it is called.
--  * in_flight_requests are those of all routes: probes, the dashboard, and the scrape itself, so that it
--    is never 0.
--  * deployment_total_requests counts calls of models, retries and fallbacks among them, and not requests;
--    programs that need them by address find it in its label api_base.
--  * With several worker processes PROMETHEUS_MULTIPROC_DIR must be set, else each scrape shows one of them.
--  * /metrics redirects to /metrics/.
return {
  name = "litellm",
  title = "LiteLLM Proxy",
  versions = {"1.72", "1.95"},
  older = "1.72: input_tokens_total and output_tokens_total",
  facts = {
    "https://github.com/BerriAI/litellm/blob/main/litellm/integrations/prometheus.py",
    "https://github.com/BerriAI/litellm/blob/main/litellm/types/integrations/prometheus.py",
    "https://docs.litellm.ai/docs/proxy/prometheus",
  },
  enable = "litellm_settings.callbacks: [prometheus], PROMETHEUS_MULTIPROC_DIR with several workers, and a key where require_auth_for_metrics_endpoint is set",
  port = 4000,
  path = "/metrics/",
  signature = {"litellm_proxy_total_requests_metric_total", "litellm_in_flight_requests", "litellm_deployment_total_requests_total"},

  metrics = {
    requests_per_second = {
      labels = {model = "requested_model", consumer = "team_alias", route = "route"},
      note = "consumer is the alias of the team, or None; those with a wrong key do not count",
      value = function(where, window, by)
        return rps(litellm_proxy_total_requests_metric_total{where, route=nre"/metrics/?"}[window], by)
      end,
    },
    error_ratio = {
      labels = {model = "requested_model", consumer = "team_alias", route = "route"},
      note = "codes 5xx and failures without a code; 0 without requests",
      value = function(where, window, by)
        return ratio(
          rps(litellm_proxy_total_requests_metric_total{where, route=nre"/metrics/?", status_code=re"5..|None"}[window], by),
          rps(litellm_proxy_total_requests_metric_total{where, route=nre"/metrics/?"}[window], by), 0)
      end,
    },
    latency_pXX_seconds = {
      labels = {model = "requested_model", consumer = "team_alias"},
      note = "of requests that have succeeded",
      value = function(where, window, by)
        return pXX(litellm_request_total_latency_metric{where}[window], by)
      end,
    },
    upstream_latency_p95_seconds = {
      labels = {model = "requested_model", consumer = "team_alias"},
      note = "the whole answer of the model; of requests that have succeeded",
      value = function(where, window, by)
        return p95(litellm_llm_api_latency_metric{where}[window], by)
      end,
    },
    in_flight_requests = {
      note = "of all routes, in newer versions: probes, the dashboard and the scrape itself are among them",
      value = function(where, window, by)
        return sum(litellm_in_flight_requests{where}, by)
      end,
    },
    prompt_tokens_per_second = {
      labels = {model = "requested_model", consumer = "team_alias"},
      note = "when a request ends",
      value = function(where, window, by)
        return total(
          rps(litellm_input_tokens_metric_total{where}[window], by),
          rps(litellm_input_tokens_total{where}[window], by))
      end,
    },
    completion_tokens_per_second = {
      labels = {model = "requested_model", consumer = "team_alias"},
      note = "when a request ends",
      value = function(where, window, by)
        return total(
          rps(litellm_output_tokens_metric_total{where}[window], by),
          rps(litellm_output_tokens_total{where}[window], by))
      end,
    },
    tokens_per_second = {
      labels = {model = "requested_model", consumer = "team_alias"},
      note = "the sum of prompt and completion, when a request ends",
      value = function(where, window, by)
        return total(
          rps(litellm_total_tokens_metric_total{where}[window], by),
          rps(litellm_input_tokens_total{where}[window], by),
          rps(litellm_output_tokens_total{where}[window], by))
      end,
    },
    time_to_first_token_p95_seconds = {
      labels = {model = "requested_model", consumer = "team_alias"},
      note = "from the call of the model; of streams, for other requests have no first token; older versions cannot select it by model",
      value = function(where, window, by)
        return p95(litellm_llm_api_time_to_first_token_metric{where}[window], by)
      end,
    },
    cost_per_second = {
      labels = {model = "model", consumer = "team_alias"},
      note = "US dollars; model is the provider's name, and not the one that the client asked for",
      value = function(where, window, by)
        return rps(litellm_spend_metric_total{where}[window], by)
      end,
    },
  },

  unavailable = {
    active_connections = "LiteLLM does not count connections; use in_flight_requests",
    queue_depth = "LiteLLM has no queue of requests; use in_flight_requests here, or queue_depth of the model server's preset",
    time_per_output_token_p95_seconds = "LiteLLM divides the whole time, or that until the first token, by the tokens of the request; use time_to_first_token_p95_seconds or completion_tokens_per_second",
    running_requests = "LiteLLM does not know what models do; use in_flight_requests here, or running_requests of the model server's preset",
    waiting_requests = "LiteLLM does not know what models do; use in_flight_requests here, or waiting_requests of the model server's preset",
    kv_cache_utilization = "LiteLLM does not know what models do; use in_flight_requests here, or kv_cache_utilization of the model server's preset",
    gpu_utilization = "LiteLLM does not know what models do; use tokens_per_second here, or gpu_utilization of the preset dcgm",
  },
}
