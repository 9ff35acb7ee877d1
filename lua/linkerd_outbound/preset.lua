-- Linkerd: the proxies of pods that ask services, such as those of an ingress controller, and what they ask. The
-- proxies of a service's own pods are the preset linkerd.
--
-- Traps:
--  * A proxy counts what its pod gets and what it asks of others, told apart by the label direction: outbound is
--    read.
--  * request_total counts when a request begins, response_total when its response ends. A request that is
--    cancelled has no response, so that their difference is not what is in flight.
--  * Latency is in milliseconds, and until the first byte of the body.
--  * A series without traffic for 10 minutes vanishes, and begins anew at 0.
--  * Each series is of one pod of the service. Its name is in dst_pod; upstream is target_addr, its address,
--    by which pods that are gone drop out. Their series stay for the 10 minutes.
--  * The label dst_service is the name only: services of one name in several namespaces are one.
--  * Each try of a request counts.
return {
  name = "linkerd_outbound",
  title = "Linkerd, proxies of what asks services",
  versions = {"2.11", "2.14", "2.19"},
  older = "Linkerd 2.7: the same names without the label target_addr",
  facts = {
    "https://linkerd.io/2/reference/proxy-metrics",
    "https://linkerd.io/2.11/reference/proxy-metrics/",
    "https://github.com/linkerd/linkerd2-proxy",
  },
  enable = "nothing: every proxy shows them, with the service for what is asked by a Service's name or address",
  port = 4191,
  path = "/metrics",
  signature = {"inbound_http_authz_allow_total", "control_request_total", "response_latency_ms_count"},

  metrics = {
    requests_per_second = {
      labels = {service = "dst_service", upstream = "target_addr"},
      note = "that the pods have sent, each try; by upstream since Linkerd 2.11",
      value = function(where, window, by)
        return rps(response_total{where, direction="outbound"}[window], by)
      end,
    },
    error_ratio = {
      labels = {service = "dst_service", upstream = "target_addr"},
      note = "what Linkerd classifies as failure: codes 5xx, gRPC's that stand for them, and streams that broke; 0 without requests",
      value = function(where, window, by)
        return ratio(
          rps(response_total{where, direction="outbound", classification="failure"}[window], by),
          rps(response_total{where, direction="outbound"}[window], by), 0)
      end,
    },
    latency_pXX_seconds = {
      labels = {service = "dst_service", upstream = "target_addr"},
      note = "until the first byte, from the pod that asks and back",
      value = function(where, window, by)
        return pXX(response_latency_ms{where, direction="outbound"}[window], by) / 1000
      end,
    },
    upstream_latency_p95_seconds = {
      labels = {service = "dst_service", upstream = "target_addr"},
      note = "until the first byte",
      value = function(where, window, by)
        return p95(response_latency_ms{where, direction="outbound"}[window], by) / 1000
      end,
    },
  },

  unavailable = {
    active_connections = "connections to a service are the proxies', not the clients'; use requests_per_second here, or active_connections of the preset linkerd",
    in_flight_requests = "requests that are cancelled are never counted as ended; use latency_p95_seconds or requests_per_second",
    queue_depth = "a proxy of Linkerd shows no queue; use latency_p95_seconds",
    prompt_tokens_per_second = "Linkerd counts no tokens; use requests_per_second here, or prompt_tokens_per_second of the model server's preset",
    completion_tokens_per_second = "Linkerd counts no tokens; use requests_per_second here, or completion_tokens_per_second of the model server's preset",
    tokens_per_second = "Linkerd counts no tokens; use requests_per_second here, or tokens_per_second of the model server's preset",
    time_to_first_token_p95_seconds = "Linkerd does not know tokens; use latency_p95_seconds here, or time_to_first_token_p95_seconds of the model server's preset",
    time_per_output_token_p95_seconds = "Linkerd does not know tokens; use latency_p95_seconds here, or time_per_output_token_p95_seconds of the model server's preset",
    running_requests = "Linkerd does not know what models do; use requests_per_second here, or running_requests of the model server's preset",
    waiting_requests = "Linkerd does not know what models do; use latency_p95_seconds here, or waiting_requests of the model server's preset",
    kv_cache_utilization = "Linkerd does not know what models do; use latency_p95_seconds here, or kv_cache_utilization of the model server's preset",
    gpu_utilization = "Linkerd does not know what models do; use requests_per_second here, or gpu_utilization of the preset dcgm",
    cost_per_second = "Linkerd does not count costs; use requests_per_second",
  },
}
