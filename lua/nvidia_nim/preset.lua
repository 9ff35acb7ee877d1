-- NVIDIA NIM for large language models, version 1: vLLM's names without its prefix.
--
-- Traps:
--  * The path is /v1/metrics.
--  * NIM 2 shows vLLM's own names: that is the preset vllm, with the path /v1/metrics.
--  * request_finish_total counts the same requests as request_success_total (which ended with stop or
--    length) and request_failure_total (all others).
--  * request_failure_total has requests that a client has broken off, and is no count of errors.
--  * gpu_cache_usage_perc is a share, 0 to 1, in spite of its name.
--  * num_request_max is a limit, and counts nothing.
return {
  name = "nvidia_nim",
  title = "NVIDIA NIM",
  versions = {"1.3"},
  older = "none: NIM 1 has kept its names",
  facts = {
    "https://docs.nvidia.com/nim/large-language-models/1.3.0/observability.html",
    "https://run-ai-docs.nvidia.com/self-hosted/reference/api/api-usage-guides/nim-metrics",
  },
  port = 8000,
  path = "/v1/metrics",
  signature = {"num_requests_running", "request_finish_total", "gpu_cache_usage_perc"},

  metrics = {
    requests_per_second = {
      labels = {model = "model_name"},
      note = "when a request has ended with stop or length; those that a client has broken off do not count",
      value = function(where, window, by)
        return rps(request_success_total{where}[window], by)
      end,
    },
    latency_pXX_seconds = {
      labels = {model = "model_name"},
      note = "from the arrival to the last token; of requests that have ended",
      value = function(where, window, by)
        return pXX(e2e_request_latency_seconds{where}[window], by,
          {inflight = num_requests_running{where} + num_requests_waiting{where}})
      end,
    },
    in_flight_requests = {
      labels = {model = "model_name"},
      note = "running and waiting",
      value = function(where, window, by)
        return metric.running_requests(where, window, by) + metric.waiting_requests(where, window, by)
      end,
    },
    queue_depth = {
      labels = {model = "model_name"},
      note = "the same as waiting_requests",
      value = function(where, window, by)
        return metric.waiting_requests(where, window, by)
      end,
    },
    prompt_tokens_per_second = {
      labels = {model = "model_name"},
      value = function(where, window, by)
        return rps(prompt_tokens_total{where}[window], by)
      end,
    },
    completion_tokens_per_second = {
      labels = {model = "model_name"},
      value = function(where, window, by)
        return rps(generation_tokens_total{where}[window], by)
      end,
    },
    tokens_per_second = {
      labels = {model = "model_name"},
      note = "the sum of prompt and completion",
      value = function(where, window, by)
        return metric.prompt_tokens_per_second(where, window, by) + metric.completion_tokens_per_second(where, window, by)
      end,
    },
    time_to_first_token_p95_seconds = {
      labels = {model = "model_name"},
      value = function(where, window, by)
        return p95(time_to_first_token_seconds{where}[window], by,
          {inflight = num_requests_running{where} + num_requests_waiting{where}})
      end,
    },
    time_per_output_token_p95_seconds = {
      labels = {model = "model_name"},
      note = "from one token to the next, of all tokens",
      value = function(where, window, by)
        return p95(time_per_output_token_seconds{where}[window], by,
          {inflight = num_requests_running{where} + num_requests_waiting{where}})
      end,
    },
    running_requests = {
      labels = {model = "model_name"},
      value = function(where, window, by)
        return sum(num_requests_running{where}, by)
      end,
    },
    waiting_requests = {
      labels = {model = "model_name"},
      value = function(where, window, by)
        return sum(num_requests_waiting{where}, by)
      end,
    },
    kv_cache_utilization = {
      labels = {model = "model_name"},
      note = "the average of all servers",
      value = function(where, window, by)
        return avg(gpu_cache_usage_perc{where}, by)
      end,
    },
  },

  unavailable = {
    error_ratio = "NIM counts requests that a client has broken off among the failures, and shows no status; use latency_p95_seconds or waiting_requests",
    upstream_latency_p95_seconds = "NIM has no backend, for the model runs in it; use latency_p95_seconds",
    active_connections = "NIM does not count connections; use in_flight_requests",
    gpu_utilization = "NIM does not show how busy the GPU is; use kv_cache_utilization or running_requests here, or gpu_utilization of the preset dcgm",
    cost_per_second = "NIM does not count costs; use tokens_per_second",
  },
}
