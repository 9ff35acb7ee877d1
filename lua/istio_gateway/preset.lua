-- Istio's gateways, which ask services on behalf of clients. The proxies of services are the preset istio.
--
-- Traps:
--  * Both ends of a call count it, with another reporter: source is read, which a
--    gateway is. Scrape no other proxies with this preset: what pods ask of each other has it, too.
--  * The label destination_service_name is the name only: services of one name in several namespaces are one.
--  * A request without an answer has the code 0. gRPC answers 200, and its own code tells of the failure.
--  * Durations are in milliseconds. gRPC streams and WebSockets count when they end, with all their time.
--  * Port 15020 has the statistics of the agent, Envoy and the application together, 15090 those of Envoy alone.
--  * There is no label for the pod that answers: scrape the proxies of the services, with the preset istio.
return {
  name = "istio_gateway",
  title = "Istio, gateways",
  versions = {"1.11", "1.18", "1.26"},
  older = "none: proxies have had these names since Istio 1.5; before it another component had them",
  facts = {
    "https://istio.io/latest/docs/reference/config/metrics/",
    "https://istio.io/latest/docs/ops/integrations/prometheus/",
  },
  enable = "nothing: select the pods of the gateway",
  port = 15020,
  path = "/stats/prometheus",
  signature = {"istio_requests_total", "istio_build", "istio_agent_process_start_time_seconds"},
  embeds = {"envoy", "envoy_gateway"},

  metrics = {
    requests_per_second = {
      labels = {service = "destination_service_name"},
      note = "that the gateway has sent to services, or could not",
      value = function(where, window, by)
        return rps(istio_requests_total{where, reporter="source"}[window], by)
      end,
    },
    error_ratio = {
      labels = {service = "destination_service_name"},
      note = "codes 5xx, gRPC's that stand for them, and requests that have no answer; 0 without requests",
      value = function(where, window, by)
        return ratio(
          sum(vor(
            rps(istio_requests_total{where, reporter="source", response_code=re"5..|0"}[window], by("response_code", "grpc_response_status")),
            rps(istio_requests_total{where, reporter="source", response_code=nre"5..|0", grpc_response_status=re"2|4|12|13|14|15"}[window], by("response_code", "grpc_response_status"))), by),
          rps(istio_requests_total{where, reporter="source"}[window], by), 0)
      end,
    },
    latency_pXX_seconds = {
      labels = {service = "destination_service_name"},
      note = "of the gateway and the service",
      value = function(where, window, by)
        return pXX(istio_request_duration_milliseconds{where, reporter="source"}[window], by) / 1000
      end,
    },
  },

  unavailable = {
    upstream_latency_p95_seconds = "a proxy of Istio measures a request as a whole; use latency_p95_seconds",
    active_connections = "Istio counts connections of TCP services only, as opened and closed; use requests_per_second",
    in_flight_requests = "Istio counts requests when they end; use latency_p95_seconds or requests_per_second",
    queue_depth = "Istio does not show the queues of its proxies; use latency_p95_seconds",
    prompt_tokens_per_second = "Istio counts no tokens; use requests_per_second here, or prompt_tokens_per_second of the model server's preset",
    completion_tokens_per_second = "Istio counts no tokens; use requests_per_second here, or completion_tokens_per_second of the model server's preset",
    tokens_per_second = "Istio counts no tokens; use requests_per_second here, or tokens_per_second of the model server's preset",
    time_to_first_token_p95_seconds = "Istio does not know tokens; use latency_p95_seconds here, or time_to_first_token_p95_seconds of the model server's preset",
    time_per_output_token_p95_seconds = "Istio does not know tokens; use latency_p95_seconds here, or time_per_output_token_p95_seconds of the model server's preset",
    running_requests = "Istio does not know what models do; use requests_per_second here, or running_requests of the model server's preset",
    waiting_requests = "Istio does not know what models do; use latency_p95_seconds here, or waiting_requests of the model server's preset",
    kv_cache_utilization = "Istio does not know what models do; use latency_p95_seconds here, or kv_cache_utilization of the model server's preset",
    gpu_utilization = "Istio does not know what models do; use requests_per_second here, or gpu_utilization of the preset dcgm",
    cost_per_second = "Istio does not count costs; use requests_per_second",
  },
}
