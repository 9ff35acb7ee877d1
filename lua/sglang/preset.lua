-- SGLang, and its first versions.
--
-- Traps:
--  * With --enable-metrics-for-all-schedulers each rank of tensor, pipeline and expert parallelism
--    shows the same requests and the same cache: of these the greatest is taken. Ranks of data
--    parallelism (dp_rank) have requests of their own: those are added up.
--  * With priority scheduling, num_running_reqs and num_queue_reqs have series for each priority
--    beside the total, which has the priority "".
--  * Tokens and requests are counted when a request ends, so that long answers come in lumps.
--  * Gauges are written at each prefill, at each 40th step of decoding (--decode-log-interval) and, without
--    requests, each 30 s.
--  * http_responses_total counts probes and the scrape itself, too, which are GET, and has no model.
--  * Newer versions show num_requests_total beside the count of e2e_request_latency_seconds, which is all
--    that older ones have: of each server one of them is read.
--  * First versions write name for model_name. func_latency_seconds, which is not read, has a label name,
--    too, which is that of a function.
return {
  name = "sglang",
  title = "SGLang",
  versions = {"0.3", "0.4", "0.5"},
  older = "0.4: time_per_output_token_seconds, no num_requests_total; 0.3: num_requests_running, num_requests_waiting, and name for model_name",
  facts = {
    "https://github.com/sgl-project/sglang/blob/main/python/sglang/srt/observability/metrics_collector.py",
    "https://github.com/sgl-project/sglang/blob/main/python/sglang/srt/utils/common.py",
    "https://docs.sglang.ai/references/production_metrics.html",
  },
  enable = "--enable-metrics",
  port = 30000,
  path = "/metrics",
  signature = {"sglang:num_running_reqs", "sglang:num_requests_running", "sglang:token_usage", "sglang:prompt_tokens_total"},

  metrics = {
    requests_per_second = {
      labels = {model = {"model_name", "name"}},
      note = "when a request ends; those that a client has broken off are among them",
      value = function(where, window, by)
        return rps(fallback(sglang:num_requests_total{where}, sglang:e2e_request_latency_seconds_count{where})[window], by)
      end,
    },
    error_ratio = {
      labels = {route = "endpoint"},
      note = "answers 5xx to POST, in newer versions of 0.5; 0 without requests; not by model",
      value = function(where, window, by)
        return ratio(
          rps(sglang:http_responses_total{where, method="POST", status_code=re"5.."}[window], by),
          rps(sglang:http_responses_total{where, method="POST"}[window], by), 0)
      end,
    },
    latency_pXX_seconds = {
      labels = {model = {"model_name", "name"}},
      note = "from the arrival to the last token; of requests that have ended. Buckets of 0.4 end at 60 s",
      value = function(where, window, by)
        return pXX(sglang:e2e_request_latency_seconds{where}[window], by, {inflight = metric.in_flight_requests(where, window, by)})
      end,
    },
    in_flight_requests = {
      labels = {model = {"model_name", "name"}},
      note = "running and waiting, for a grammar to be compiled, too; where prefill is done elsewhere, the queues between both do not count",
      value = function(where, window, by)
        return total(
          metric.running_requests(where, window, by) + metric.waiting_requests(where, window, by),
          sum(max(sglang:num_grammar_queue_reqs{where}, without("tp_rank", "pp_rank", "moe_ep_rank")), by))
      end,
    },
    queue_depth = {
      labels = {model = {"model_name", "name"}},
      note = "the same as waiting_requests",
      value = function(where, window, by)
        return metric.waiting_requests(where, window, by)
      end,
    },
    prompt_tokens_per_second = {
      labels = {model = {"model_name", "name"}},
      note = "when a request ends; those found in the prefix cache included",
      value = function(where, window, by)
        return rps(sglang:prompt_tokens_total{where}[window], by)
      end,
    },
    completion_tokens_per_second = {
      labels = {model = {"model_name", "name"}},
      note = "when a request ends",
      value = function(where, window, by)
        return rps(sglang:generation_tokens_total{where}[window], by)
      end,
    },
    tokens_per_second = {
      labels = {model = {"model_name", "name"}},
      note = "the sum of prompt and completion, when a request ends",
      value = function(where, window, by)
        return total(metric.prompt_tokens_per_second(where, window, by), metric.completion_tokens_per_second(where, window, by))
      end,
    },
    time_to_first_token_p95_seconds = {
      labels = {model = {"model_name", "name"}},
      note = "buckets of 0.4 end at 30 s",
      value = function(where, window, by)
        return p95(sglang:time_to_first_token_seconds{where}[window], by, {inflight = metric.in_flight_requests(where, window, by)})
      end,
    },
    time_per_output_token_p95_seconds = {
      labels = {model = {"model_name", "name"}},
      note = "from one token to the next, of all tokens",
      value = function(where, window, by)
        return p95(fallback(sglang:inter_token_latency_seconds{where}, sglang:time_per_output_token_seconds{where})[window], by,
          {inflight = metric.in_flight_requests(where, window, by)})
      end,
    },
    running_requests = {
      labels = {model = {"model_name", "name"}},
      value = function(where, window, by)
        return total(
          sum(max(sglang:num_running_reqs{where, priority=""}, without("tp_rank", "pp_rank", "moe_ep_rank")), by),
          sum(sglang:num_requests_running{where}, by))
      end,
    },
    waiting_requests = {
      labels = {model = {"model_name", "name"}},
      value = function(where, window, by)
        return total(
          sum(max(sglang:num_queue_reqs{where, priority=""}, without("tp_rank", "pp_rank", "moe_ep_rank")), by),
          sum(sglang:num_requests_waiting{where}, by))
      end,
    },
    kv_cache_utilization = {
      labels = {model = {"model_name", "name"}},
      note = "what running requests hold, and not what is kept for later ones; the average of all schedulers",
      value = function(where, window, by)
        return avg(max(sglang:token_usage{where}, without("tp_rank", "pp_rank", "moe_ep_rank")), by)
      end,
    },
  },

  unavailable = {
    upstream_latency_p95_seconds = "SGLang has no backend, for the model runs in it; use latency_p95_seconds",
    active_connections = "SGLang does not count connections; use in_flight_requests",
    gpu_utilization = "SGLang does not show how busy the GPU is; use kv_cache_utilization or running_requests here, or gpu_utilization of the preset dcgm",
    cost_per_second = "SGLang does not count costs; use tokens_per_second",
  },
}
