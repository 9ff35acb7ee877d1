-- vLLM: its engine V1, by older names V0, and inside Ray Serve.
--
-- Traps:
--  * With data parallelism each engine of a server has series of its own, told apart by engine.
--  * kv_cache_usage_perc is a share, 0 to 1, in spite of its name. Some versions show the same
--    number by its older name, too: of each server one of them is read.
--  * iteration_tokens_total is a histogram of tokens per step, and no counter of tokens.
--  * request_success_total counts requests that a client has broken off (finished_reason abort) and,
--    in newer versions, those that failed (error).
--  * request_time_per_output_token_seconds is the mean of each request; inter_token_latency_seconds
--    and the older time_per_output_token_seconds have one observation for each token.
--  * Ray shows each counter twice, with _total and, as a gauge, without it. Its newer versions write
--    ray_vllm_ where older ones write ray_vllm: with a colon, and leave a counter out until it is 1.
--  * http_requests_total counts GET /v1/models of probes, too, and has no model.
return {
  name = "vllm",
  title = "vLLM",
  versions = {"0.5", "0.10", "0.11"},
  older = "engine V0: gpu_cache_usage_perc, time_per_output_token_seconds, num_requests_swapped; Ray Serve: ray_vllm:*, ray_vllm_*",
  facts = {
    "https://github.com/vllm-project/vllm/blob/main/vllm/v1/metrics/loggers.py",
    "https://github.com/vllm-project/vllm/blob/main/vllm/v1/metrics/ray_wrappers.py",
    "https://docs.vllm.ai/en/latest/usage/metrics.html",
  },
  enable = "nothing, unless --disable-log-stats is set; in Ray Serve log_engine_metrics, and the port of Ray's metrics, which is another",
  port = 8000,
  path = "/metrics",
  signature = {"vllm:num_requests_running", "vllm:cache_config_info", "ray_vllm_num_requests_running", "ray_vllm:num_requests_running"},

  metrics = {
    requests_per_second = {
      labels = {model = "model_name"},
      note = "when a request ends; those that a client has broken off do not count",
      value = function(where, window, by)
        return total(
          rps(vllm:request_success_total{where, finished_reason=neq"abort"}[window], by),
          rps(ray_vllm_request_success_total{where, finished_reason=neq"abort"}[window], by),
          rps(ray_vllm:request_success_total{where, finished_reason=neq"abort"}[window], by))
      end,
    },
    error_ratio = {
      labels = {route = "handler"},
      note = "answers 5xx to POST; 0 without requests; not by model and not in Ray Serve, whose HTTP is another's. A stream that fails on the way has answered 200",
      value = function(where, window, by)
        return ratio(
          rps(http_requests_total{where, method="POST", status=re"5.."}[window], by),
          rps(http_requests_total{where, method="POST"}[window], by), 0)
      end,
    },
    latency_pXX_seconds = {
      labels = {model = "model_name"},
      note = "from the arrival to the last token; of requests that have ended",
      value = function(where, window, by)
        return pXX(fallback(vllm:e2e_request_latency_seconds{where}, ray_vllm_e2e_request_latency_seconds{where}, ray_vllm:e2e_request_latency_seconds{where})[window], by,
          {inflight = metric.in_flight_requests(where, window, by)})
      end,
    },
    in_flight_requests = {
      labels = {model = "model_name"},
      note = "running and waiting, and with the engine V0 those that were swapped out",
      value = function(where, window, by)
        return total(
          metric.running_requests(where, window, by) + metric.waiting_requests(where, window, by),
          sum(vllm:num_requests_swapped{where}, by),
          sum(ray_vllm:num_requests_swapped{where}, by))
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
      note = "those found in the prefix cache included",
      value = function(where, window, by)
        return total(
          rps(vllm:prompt_tokens_total{where}[window], by),
          rps(ray_vllm_prompt_tokens_total{where}[window], by),
          rps(ray_vllm:prompt_tokens_total{where}[window], by))
      end,
    },
    completion_tokens_per_second = {
      labels = {model = "model_name"},
      value = function(where, window, by)
        return total(
          rps(vllm:generation_tokens_total{where}[window], by),
          rps(ray_vllm_generation_tokens_total{where}[window], by),
          rps(ray_vllm:generation_tokens_total{where}[window], by))
      end,
    },
    tokens_per_second = {
      labels = {model = "model_name"},
      note = "the sum of prompt and completion",
      value = function(where, window, by)
        return total(metric.prompt_tokens_per_second(where, window, by), metric.completion_tokens_per_second(where, window, by))
      end,
    },
    time_to_first_token_p95_seconds = {
      labels = {model = "model_name"},
      value = function(where, window, by)
        return p95(fallback(vllm:time_to_first_token_seconds{where}, ray_vllm_time_to_first_token_seconds{where}, ray_vllm:time_to_first_token_seconds{where})[window], by,
          {inflight = metric.in_flight_requests(where, window, by)})
      end,
    },
    time_per_output_token_p95_seconds = {
      labels = {model = "model_name"},
      note = "from one token to the next, of all tokens",
      value = function(where, window, by)
        local seconds = fallback(
          vllm:inter_token_latency_seconds{where}, vllm:time_per_output_token_seconds{where},
          ray_vllm_inter_token_latency_seconds{where}, ray_vllm_time_per_output_token_seconds{where}, ray_vllm:time_per_output_token_seconds{where})
        return p95(seconds[window], by, {inflight = metric.in_flight_requests(where, window, by)})
      end,
    },
    running_requests = {
      labels = {model = "model_name"},
      value = function(where, window, by)
        return total(
          sum(vllm:num_requests_running{where}, by),
          sum(ray_vllm_num_requests_running{where}, by),
          sum(ray_vllm:num_requests_running{where}, by))
      end,
    },
    waiting_requests = {
      labels = {model = "model_name"},
      value = function(where, window, by)
        return total(
          sum(vllm:num_requests_waiting{where}, by),
          sum(ray_vllm_num_requests_waiting{where}, by),
          sum(ray_vllm:num_requests_waiting{where}, by))
      end,
    },
    kv_cache_utilization = {
      labels = {model = "model_name"},
      note = "the average of all engines",
      value = function(where, window, by)
        return avg(fallback(
          vllm:kv_cache_usage_perc{where}, vllm:gpu_cache_usage_perc{where},
          ray_vllm_kv_cache_usage_perc{where}, ray_vllm_gpu_cache_usage_perc{where}, ray_vllm:gpu_cache_usage_perc{where}), by)
      end,
    },
  },

  unavailable = {
    upstream_latency_p95_seconds = "vLLM has no backend, for the model runs in it; use latency_p95_seconds",
    active_connections = "vLLM does not count connections; use in_flight_requests",
    gpu_utilization = "vLLM does not show how busy the GPU is; use kv_cache_utilization or running_requests here, or gpu_utilization of the preset dcgm",
    cost_per_second = "vLLM does not count costs; use tokens_per_second",
  },
}
