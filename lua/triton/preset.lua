-- NVIDIA Triton Inference Server, with its backends TensorRT-LLM and vLLM.
--
-- Traps:
--  * Counters have no _total, and durations are sums in microseconds: their quotient is an average, and no
--    percentile.
--  * Percentiles are those of summaries, if these are on: each model at each server has quantiles of its own,
--    which cannot be merged, over Triton's window.
--  * nv_inference_count counts what is in a batch, and nv_inference_exec_count batches; a request is one in
--    nv_inference_request_success.
--  * A model that asks other models (an ensemble, business logic scripting) is a request of each of them:
--    select one model.
--  * A failure has a reason in newer versions; requests that the client has cancelled are among them.
--  * nv_inference_pending_request_count are requests that wait, and not those that run. TensorRT-LLM takes
--    them all and has a queue of its own.
--  * request_type and kv_cache_block_type tell different things apart: limits, sizes and shares, none of which
--    is to be added to another.
--  * nv_gpu_utilization has no model.
return {
  name = "triton",
  title = "NVIDIA Triton",
  versions = {"23.11", "sources of 2025"},
  older = "23: failures without a reason; TensorRT-LLM without nv_llm_input_token_len and requests that wait",
  facts = {
    "https://github.com/triton-inference-server/server/blob/main/docs/user_guide/metrics.md",
    "https://github.com/triton-inference-server/tensorrtllm_backend#triton-metrics",
    "https://github.com/triton-inference-server/vllm_backend#triton-metrics",
  },
  enable = "--metrics-config summary_latencies=true for percentiles, histogram_latencies=true for the time to the first response; REPORT_CUSTOM_METRICS of the backend vLLM",
  port = 8002,
  path = "/metrics",
  signature = {"nv_inference_request_success", "nv_inference_count", "nv_gpu_memory_total_bytes"},

  metrics = {
    requests_per_second = {
      labels = {model = "model"},
      note = "failed ones included; requests of an ensemble count with each of its models: select one",
      value = function(where, window, by)
        return rps(nv_inference_request_success{where}[window], by) + rps(nv_inference_request_failure{where}[window], by)
      end,
    },
    error_ratio = {
      labels = {model = "model"},
      note = "failures of all requests; those that the client has cancelled are none, if Triton tells; 0 without requests",
      value = function(where, window, by)
        return ratio(
          rps(nv_inference_request_failure{where, reason=neq"CANCELED"}[window], by),
          metric.requests_per_second(where, window, by), 0)
      end,
    },
    latency_pXX_seconds = {
      labels = {model = "model"},
      note = "of one model at one server, over Triton's own window: group by model and pod; with summary_latencies only",
      value = function(where, window, by)
        return pXX(nv_inference_request_summary_us{where}[window], by) / 1000000
      end,
    },
    queue_depth = {
      labels = {model = "model"},
      note = "the same as waiting_requests",
      value = function(where, window, by)
        return metric.waiting_requests(where, window, by)
      end,
    },
    prompt_tokens_per_second = {
      labels = {model = "model"},
      note = "of the backends TensorRT-LLM and vLLM",
      value = function(where, window, by)
        return total(
          rps(nv_llm_input_token_len_sum{where}[window], by),
          rps(vllm:prompt_tokens_total{where}[window], by))
      end,
    },
    completion_tokens_per_second = {
      labels = {model = "model"},
      note = "of the backends TensorRT-LLM and vLLM",
      value = function(where, window, by)
        return total(
          rps(nv_llm_output_token_len_sum{where}[window], by),
          rps(vllm:generation_tokens_total{where}[window], by))
      end,
    },
    tokens_per_second = {
      labels = {model = "model"},
      note = "the sum of both parts, of the backends TensorRT-LLM and vLLM",
      value = function(where, window, by)
        return total(metric.prompt_tokens_per_second(where, window, by), metric.completion_tokens_per_second(where, window, by))
      end,
    },
    time_to_first_token_p95_seconds = {
      labels = {model = "model"},
      note = "of the backend vLLM; else until the first response of a model that streams (decoupled), with histogram_latencies",
      value = function(where, window, by)
        return coalesce(
          p95(vllm:time_to_first_token_seconds{where}[window], by),
          p95(nv_inference_first_response_histogram_ms{where}[window], by) / 1000)
      end,
    },
    time_per_output_token_p95_seconds = {
      labels = {model = "model"},
      note = "of the backend vLLM only",
      value = function(where, window, by)
        return p95(vllm:time_per_output_token_seconds{where}[window], by)
      end,
    },
    running_requests = {
      labels = {model = "model"},
      note = "of the backend TensorRT-LLM only: those of the current step",
      value = function(where, window, by)
        return sum(nv_trt_llm_request_metrics{where, request_type="scheduled"}, by)
      end,
    },
    waiting_requests = {
      labels = {model = "model"},
      note = "in Triton's queue and, with newer versions of TensorRT-LLM, in the engine's",
      value = function(where, window, by)
        return sum(vor(nv_inference_pending_request_count{where}, nv_trt_llm_request_metrics{where, request_type="waiting"}), by)
      end,
    },
    kv_cache_utilization = {
      labels = {model = "model"},
      note = "of the backend TensorRT-LLM only: blocks in use of all blocks",
      value = function(where, window, by)
        return ratio(
          sum(nv_trt_llm_kv_cache_block_metrics{where, kv_cache_block_type="used"}, by),
          sum(nv_trt_llm_kv_cache_block_metrics{where, kv_cache_block_type="max"}, by))
      end,
    },
    gpu_utilization = {
      note = "the average of all GPUs that the servers see; not by model",
      value = function(where, window, by)
        return avg(nv_gpu_utilization{where}, by)
      end,
    },
  },

  unavailable = {
    upstream_latency_p95_seconds = "Triton has no backend, for the model runs in it; use latency_p95_seconds",
    active_connections = "Triton does not count connections; use waiting_requests",
    in_flight_requests = "Triton does not count requests that run; use waiting_requests, and running_requests of TensorRT-LLM",
    cost_per_second = "Triton does not count costs; use requests_per_second or tokens_per_second",
  },
}
