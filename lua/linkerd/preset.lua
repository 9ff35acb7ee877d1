-- Linkerd: the proxies of a service's pods, and what they get. The proxies of those that ask, such as an
-- ingress controller's, are the preset linkerd_outbound.
--
-- Traps:
--  * A proxy counts what its pod gets and what it asks of others, told apart by the label direction: inbound is
--    read.
--  * The proxy's own port 4191 and, since Linkerd 2.12, the probes of the kubelet are inbound, too: the scrape
--    is a request, and a readiness that is not yet a failure.
--  * request_total counts when a request begins, response_total when its response ends. A request that is
--    cancelled has no response, so that their difference is not what is in flight.
--  * Latency is in milliseconds, and until the first byte of the body.
--  * A series without traffic for 10 minutes vanishes, and begins anew at 0.
--  * What a pod gets has no label of the service: the pods that are scraped are it.
return {
  name = "linkerd",
  title = "Linkerd, proxies of a service's pods",
  versions = {"2.11", "2.14", "2.19"},
  older = "Linkerd 2.7: the same names without the labels target_addr, target_port, authz_name and route_name",
  facts = {
    "https://linkerd.io/2/reference/proxy-metrics",
    "https://linkerd.io/2.11/reference/proxy-metrics/",
    "https://github.com/linkerd/linkerd2-proxy",
  },
  enable = "nothing: every proxy shows them",
  port = 4191,
  path = "/metrics",
  signature = {"inbound_http_authz_allow_total", "control_request_total", "response_latency_ms_count"},

  metrics = {
    requests_per_second = {
      labels = {route = "route_name", consumer = {label = "client_id", after = "[.]serviceaccount[.]identity[.].+"}},
      note = "that the pods have got, without probes; by route since Linkerd 2.12; the consumer is a service account, web.shop",
      value = function(where, window, by)
        return rps(response_total{where, direction="inbound", target_port=neq"4191", authz_name=neq"probe"}[window], by)
      end,
    },
    error_ratio = {
      labels = {route = "route_name", consumer = {label = "client_id", after = "[.]serviceaccount[.]identity[.].+"}},
      note = "what Linkerd classifies as failure: codes 5xx, gRPC's that stand for them, and streams that broke; 0 without requests",
      value = function(where, window, by)
        return ratio(
          rps(response_total{where, direction="inbound", target_port=neq"4191", authz_name=neq"probe", classification="failure"}[window], by),
          rps(response_total{where, direction="inbound", target_port=neq"4191", authz_name=neq"probe"}[window], by), 0)
      end,
    },
    latency_pXX_seconds = {
      labels = {route = "route_name", consumer = {label = "client_id", after = "[.]serviceaccount[.]identity[.].+"}},
      note = "until the first byte, as the proxy of the pod sees it",
      value = function(where, window, by)
        return pXX(response_latency_ms{where, direction="inbound", target_port=neq"4191", authz_name=neq"probe"}[window], by) / 1000
      end,
    },
    active_connections = {
      note = "without those to the proxy itself; other proxies send many requests over one connection",
      value = function(where, window, by)
        return sum(tcp_open_connections{where, direction="inbound", peer="src", target_port=neq"4191"}, by)
      end,
    },
  },

  unavailable = {
    upstream_latency_p95_seconds = "the proxy measures until the first byte, whoever takes the time; use latency_p95_seconds",
    in_flight_requests = "requests that are cancelled are never counted as ended; use active_connections or latency_p95_seconds",
    queue_depth = "a proxy of Linkerd shows no queue; use latency_p95_seconds or active_connections",
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
