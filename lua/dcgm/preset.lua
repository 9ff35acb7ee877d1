-- NVIDIA's dcgm-exporter: the GPUs of a node.
--
-- Traps:
--  * What DCGM cannot tell is a number near 2^63 (9223372036854775794 and its neighbours), or near 2^47 of
--    fields with fractions.
--  * DCGM_FI_DEV_GPU_UTIL is in percent, DCGM_FI_PROF_GR_ENGINE_ACTIVE from 0 to 1. A GPU that is split
--    (MIG) has the latter only, for each of its parts.
--  * An exporter is of a node: the label pod of a target is the exporter. The pod that uses the GPU is in the
--    series' own label, which is read as exported_pod, and its namespace as exported_namespace:
--    avg(DCGM_FI_DEV_GPU_UTIL{exported_pod=re"llama-.*"}). Without --kubernetes these are absent, and of a GPU
--    that no pod uses they are empty.
--  * modelName is that of the GPU, and no model that it serves.
--  * Memory is reserved by model servers when they start: what is used of it is no KV cache.
--  * The exporter asks DCGM every 30 s, unless -c says otherwise.
return {
  name = "dcgm",
  title = "NVIDIA DCGM (dcgm-exporter)",
  versions = {"2", "3"},
  older = "1: dcgm_gpu_utilization, and container_name and pod_namespace for container and namespace",
  facts = {
    "https://github.com/NVIDIA/dcgm-exporter/blob/main/etc/default-counters.csv",
    "https://github.com/NVIDIA/dcgm-exporter/blob/main/internal/pkg/transformation/kubernetes.go",
    "https://docs.nvidia.com/datacenter/dcgm/latest/dcgm-api/dcgm-api-field-ids.html",
  },
  enable = "DCGM_FI_DEV_GPU_UTIL or, of GPUs that are split, DCGM_FI_PROF_GR_ENGINE_ACTIVE among its counters; --kubernetes for consumer and service",
  port = 9400,
  path = "/metrics",
  signature = {"DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_FB_USED", "DCGM_FI_DEV_SM_CLOCK", "DCGM_FI_PROF_GR_ENGINE_ACTIVE", "dcgm_gpu_utilization"},

  metrics = {
    gpu_utilization = {
      labels = {service = {"container", "container_name"}, consumer = {"exported_namespace", "pod_namespace"}},
      note = "the average of all GPUs; service is the container that uses the GPU, consumer the namespace of its pod; pod is that of the exporter",
      value = function(where, window, by)
        local percent = fallback(DCGM_FI_DEV_GPU_UTIL{where}, dcgm_gpu_utilization{where})
        return avg(vor(le(percent, 100) / 100, le(DCGM_FI_PROF_GR_ENGINE_ACTIVE{where}, 1)), by)
      end,
    },
  },

  unavailable = {
    requests_per_second = "DCGM sees GPUs and no requests; use gpu_utilization",
    error_ratio = "DCGM sees GPUs and no requests; use gpu_utilization",
    latency_p50_seconds = "DCGM sees GPUs and no requests; use gpu_utilization",
    latency_p90_seconds = "DCGM sees GPUs and no requests; use gpu_utilization",
    latency_p95_seconds = "DCGM sees GPUs and no requests; use gpu_utilization",
    latency_p99_seconds = "DCGM sees GPUs and no requests; use gpu_utilization",
    upstream_latency_p95_seconds = "DCGM sees GPUs and no requests; use gpu_utilization",
    active_connections = "DCGM sees GPUs and no requests; use gpu_utilization",
    in_flight_requests = "DCGM sees GPUs and no requests; use gpu_utilization",
    queue_depth = "DCGM sees GPUs and no requests; use gpu_utilization",
    prompt_tokens_per_second = "DCGM sees GPUs and no models; use gpu_utilization here, or prompt_tokens_per_second of the model server's preset",
    completion_tokens_per_second = "DCGM sees GPUs and no models; use gpu_utilization here, or completion_tokens_per_second of the model server's preset",
    tokens_per_second = "DCGM sees GPUs and no models; use gpu_utilization here, or tokens_per_second of the model server's preset",
    time_to_first_token_p95_seconds = "DCGM sees GPUs and no models; use gpu_utilization here, or time_to_first_token_p95_seconds of the model server's preset",
    time_per_output_token_p95_seconds = "DCGM sees GPUs and no models; use gpu_utilization here, or time_per_output_token_p95_seconds of the model server's preset",
    running_requests = "DCGM sees GPUs and no models; use gpu_utilization here, or running_requests of the model server's preset",
    waiting_requests = "DCGM sees GPUs and no models; use gpu_utilization here, or waiting_requests of the model server's preset",
    kv_cache_utilization = "DCGM sees GPUs and no models; use gpu_utilization here, or kv_cache_utilization of the model server's preset",
    cost_per_second = "DCGM knows power, and no costs; use gpu_utilization",
  },
}
