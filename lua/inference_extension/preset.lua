-- Gateway API Inference Extension: its endpoint picker (EPP), and that of llm-d, which is the same by newer
-- names.
--
-- Traps:
--  * The numbers of a pool are averages over its pods: the total is the average times the pods that are ready.
--    The averages stand still when no pod is left, and the product is 0 then.
--  * Each replica of the EPP shows the numbers of the whole pool: a pool counts once, with the greatest of
--    what they say. Requests that it has seen itself add up.
--  * Versions of llm-d show newer and older names side by side: of each EPP one of them is read.
--  * model_name is what the client asked for, target_model_name what it was sent to.
--  * running_requests of an objective or model are requests that were sent to a model server and have no full
--    answer: those in the server's queue are among them.
--  * Error codes are of clients (BadRequest), of a pool that is full (answered with 429) and of servers;
--    ModelServerError is every answer of a model server but 200.
--  * normalized_time_per_output_token and tpot are means of each request; the time to the first token of a
--    request that does not stream is that of its whole answer.
--  * Tokens are counted when a request ends.
return {
  name = "inference_extension",
  title = "Gateway API Inference Extension (EPP)",
  versions = {"1.0", "1.5", "llm-d of May 2026"},
  older = "0.5 and before: inference_model_* instead of inference_objective_*",
  facts = {
    "https://github.com/kubernetes-sigs/gateway-api-inference-extension/blob/main/pkg/epp/metrics/metrics.go",
    "https://gateway-api-inference-extension.sigs.k8s.io/guides/metrics-and-observability/",
    "https://github.com/llm-d/llm-d-inference-scheduler/tree/main/pkg/epp/metrics",
  },
  enable = "a bearer token in the source's authentication, whose account may get the nonResourceURL /metrics; the feature gate flowControl for queue_depth",
  port = 9090,
  path = "/metrics",
  signature = {"inference_pool_ready_pods", "inference_extension_info", "llm_d_epp_ready_endpoints", "llm_d_epp_info"},

  metrics = {
    requests_per_second = {
      labels = {model = "model_name", consumer = "fairness_id"},
      note = "when they arrive; consumer is the fairness id, which only llm-d's has",
      value = function(where, window, by)
        return rps(fallback(llm_d_epp_request_total{where}, inference_objective_request_total{where}, inference_model_request_total{where})[window], by)
      end,
    },
    error_ratio = {
      labels = {model = "model_name", consumer = "fairness_id"},
      note = "failures of the EPP and answers of model servers other than 200; what the client did wrong and what a full pool has refused (429) is none; 0 without requests",
      value = function(where, window, by)
        local errors = fallback(llm_d_epp_request_error_total{where}, inference_objective_request_error_total{where}, inference_model_request_error_total{where})
        return ratio(
          rps(errors{error_code=nre".*(BadRequest|BadConfiguration|ResourceExhausted|Unauthorized|Forbidden|NotFound)"}[window], by),
          metric.requests_per_second(where, window, by), 0)
      end,
    },
    latency_pXX_seconds = {
      labels = {model = "model_name", consumer = "fairness_id"},
      note = "until the last byte of the answer, of requests that have ended",
      value = function(where, window, by)
        return pXX(fallback(llm_d_epp_request_duration_seconds{where}, inference_objective_request_duration_seconds{where}, inference_model_request_duration_seconds{where})[window], by,
          {inflight = metric.in_flight_requests(where, window, by)})
      end,
    },
    in_flight_requests = {
      labels = {model = "model_name", consumer = "fairness_id"},
      note = "at model servers, in their queues and, with flow control, held back by the EPP",
      value = function(where, window, by)
        return total(
          sum(fallback(llm_d_epp_request_running{where}, inference_objective_running_requests{where}, inference_model_running_requests{where}), by),
          metric.queue_depth(where, window, by))
      end,
    },
    queue_depth = {
      labels = {model = "model_name", consumer = "fairness_id"},
      note = "held back by the EPP's flow control, which must be on; waiting_requests are those in the queues of model servers",
      value = function(where, window, by)
        return sum(fallback(llm_d_epp_flow_control_queue_size{where}, inference_extension_flow_control_queue_size{where}), by)
      end,
    },
    prompt_tokens_per_second = {
      labels = {model = "model_name", consumer = "fairness_id"},
      note = "when a request ends",
      value = function(where, window, by)
        return rps(fallback(llm_d_epp_request_input_tokens_sum{where}, inference_objective_input_tokens_sum{where}, inference_model_input_tokens_sum{where})[window], by)
      end,
    },
    completion_tokens_per_second = {
      labels = {model = "model_name", consumer = "fairness_id"},
      note = "when a request ends",
      value = function(where, window, by)
        return rps(fallback(llm_d_epp_request_output_tokens_sum{where}, inference_objective_output_tokens_sum{where}, inference_model_output_tokens_sum{where})[window], by)
      end,
    },
    tokens_per_second = {
      labels = {model = "model_name", consumer = "fairness_id"},
      note = "the sum of both parts, when a request ends",
      value = function(where, window, by)
        return total(metric.prompt_tokens_per_second(where, window, by), metric.completion_tokens_per_second(where, window, by))
      end,
    },
    time_to_first_token_p95_seconds = {
      labels = {model = "model_name", consumer = "fairness_id"},
      note = "of requests that stream, if the EPP tells; older versions have it with the predictor of latencies only",
      value = function(where, window, by)
        return p95(fallback(llm_d_epp_request_ttft_seconds{where}, inference_objective_request_ttft_seconds{where}, inference_model_request_ttft_seconds{where}){streaming=neq"false"}[window], by,
          {inflight = metric.in_flight_requests(where, window, by)})
      end,
    },
    time_per_output_token_p95_seconds = {
      labels = {model = "model_name", consumer = "fairness_id"},
      note = "from one token to the next, of requests that stream; llm-d's only, for the others have the mean of each request",
      value = function(where, window, by)
        return p95(llm_d_epp_request_streaming_itl_seconds{where}[window], by, {inflight = metric.in_flight_requests(where, window, by)})
      end,
    },
    running_requests = {
      labels = {service = "name"},
      note = "of the model servers: the average of a pool times its pods; service is the pool; not with 1.0",
      value = function(where, window, by)
        local average = fallback(llm_d_epp_average_running_requests{where}, inference_pool_average_running_requests{where})
        local pods = fallback(llm_d_epp_ready_endpoints{where}, inference_pool_ready_pods{where})
        return sum(max(average * pods, by("name", "namespace", "source")), by)
      end,
    },
    waiting_requests = {
      labels = {service = "name"},
      note = "in the queues of the model servers: the average of a pool times its pods; service is the pool",
      value = function(where, window, by)
        local average = fallback(llm_d_epp_average_queue_size{where}, inference_pool_average_queue_size{where})
        local pods = fallback(llm_d_epp_ready_endpoints{where}, inference_pool_ready_pods{where})
        return sum(max(average * pods, by("name", "namespace", "source")), by)
      end,
    },
    kv_cache_utilization = {
      labels = {service = "name"},
      note = "the average of all pods of the pools; service is the pool",
      value = function(where, window, by)
        local average = fallback(llm_d_epp_average_kv_cache_utilization{where}, inference_pool_average_kv_cache_utilization{where})
        local pods = fallback(llm_d_epp_ready_endpoints{where}, inference_pool_ready_pods{where})
        return ratio(
          sum(max(average * pods, by("name", "namespace", "source")), by),
          sum(max(pods, by("name", "namespace", "source")), by))
      end,
    },
  },

  unavailable = {
    upstream_latency_p95_seconds = "the EPP measures until the answer is complete only; use latency_p95_seconds or time_to_first_token_p95_seconds",
    active_connections = "the EPP does not see the connections of clients; use in_flight_requests",
    gpu_utilization = "the EPP does not know how busy GPUs are; use kv_cache_utilization here, or gpu_utilization of the preset dcgm",
    cost_per_second = "the EPP does not count costs; use tokens_per_second",
  },
}
