-- Hugging Face Text Generation Inference.
--
-- Traps:
--  * Durations are in seconds, though their names do not say so, and counters have no _total.
--  * Series have no labels of models or routes: a server has one model.
--  * Tokens are sums of histograms: those of a prompt count when it has been checked, those of an
--    answer when it ends, so that long answers come in lumps.
--  * request_mean_time_per_token_duration is the mean of each request, with the prompt's time in it.
--  * request_failure counts what clients did wrong (validation, template), what was refused because too
--    many were under way (overloaded), and clients that have left (dropped), too. A failure while
--    generating is answered with 424.
--  * request_duration is of requests that have succeeded.
--  * request_skipped_tokens is a summary.
return {
  name = "tgi",
  title = "Text Generation Inference",
  versions = {"1.4", "3.3"},
  older = "none: the names are the same since 1.0",
  facts = {
    "https://github.com/huggingface/text-generation-inference/blob/main/router/src/server.rs",
    "https://github.com/huggingface/text-generation-inference/blob/main/router/src/infer/mod.rs",
    "https://huggingface.co/docs/text-generation-inference/reference/metrics",
  },
  port = 80,
  path = "/metrics",
  signature = {"tgi_request_count", "tgi_queue_size", "tgi_batch_current_size"},

  metrics = {
    requests_per_second = {
      note = "when a request comes in, those that are refused included",
      value = function(where, window, by)
        return rps(tgi_request_count{where}[window], by)
      end,
    },
    error_ratio = {
      note = "generations that failed or ended too early; 0 without requests; not what clients did wrong, nor what was refused with 429",
      value = function(where, window, by)
        return ratio(
          rps(tgi_request_failure{where, err=re"generation|incomplete"}[window], by),
          rps(tgi_request_count{where}[window], by), 0)
      end,
    },
    latency_pXX_seconds = {
      note = "from the arrival to the last token; of requests that have succeeded",
      value = function(where, window, by)
        return pXX(tgi_request_duration{where}[window], by, {inflight = tgi_batch_current_size{where} + tgi_queue_size{where}})
      end,
    },
    in_flight_requests = {
      note = "running and waiting",
      value = function(where, window, by)
        return metric.running_requests(where, window, by) + metric.waiting_requests(where, window, by)
      end,
    },
    queue_depth = {
      note = "the same as waiting_requests",
      value = function(where, window, by)
        return metric.waiting_requests(where, window, by)
      end,
    },
    prompt_tokens_per_second = {
      note = "when a prompt has been checked",
      value = function(where, window, by)
        return rps(tgi_request_input_length_sum{where}[window], by)
      end,
    },
    completion_tokens_per_second = {
      note = "when a request ends",
      value = function(where, window, by)
        return rps(tgi_request_generated_tokens_sum{where}[window], by)
      end,
    },
    tokens_per_second = {
      note = "the sum of prompt and completion",
      value = function(where, window, by)
        return metric.prompt_tokens_per_second(where, window, by) + metric.completion_tokens_per_second(where, window, by)
      end,
    },
    running_requests = {
      note = "the size of the batch",
      value = function(where, window, by)
        return sum(tgi_batch_current_size{where}, by)
      end,
    },
    waiting_requests = {
      value = function(where, window, by)
        return sum(tgi_queue_size{where}, by)
      end,
    },
  },

  unavailable = {
    upstream_latency_p95_seconds = "TGI has no backend, for the model runs in it; use latency_p95_seconds",
    active_connections = "TGI does not count connections; use in_flight_requests",
    time_to_first_token_p95_seconds = "TGI does not measure it; use waiting_requests or latency_p95_seconds",
    time_per_output_token_p95_seconds = "TGI has the mean of each request only, with the prompt's time in it; use completion_tokens_per_second or latency_p95_seconds",
    kv_cache_utilization = "TGI does not show its cache; use running_requests or waiting_requests",
    gpu_utilization = "TGI does not show how busy the GPU is; use running_requests here, or gpu_utilization of the preset dcgm",
    cost_per_second = "TGI does not count costs; use tokens_per_second",
  },
}
