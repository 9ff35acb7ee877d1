-- Istio: what the proxies of services report, those beside their pods and, in ambient mode, waypoints. Gateways
-- are the preset istio_gateway.
--
-- Traps:
--  * Both ends of a call count it, with another reporter: destination is read, or waypoint.
--    What a pod asks of others has the reporter source, and is nothing that its service answers.
--  * The label destination_service_name is the name only: services of one name in several namespaces are one.
--  * A request without an answer has the code 0. gRPC answers 200, and its own code tells of the failure.
--  * Durations are in milliseconds. gRPC streams and WebSockets count when they end, with all their time.
--  * Port 15020 has the statistics of the agent, Envoy and the application together, 15090 those of Envoy alone.
--  * There is no label for the pod that answers: the pod that was scraped is.
return {
  name = "istio",
  title = "Istio, proxies of services",
  versions = {"1.11", "1.18", "1.26"},
  older = "none: proxies have had these names since Istio 1.5; before it another component had them",
  facts = {
    "https://istio.io/latest/docs/reference/config/metrics/",
    "https://istio.io/latest/docs/ops/integrations/prometheus/",
  },
  enable = "nothing: sidecars and waypoints show them; ztunnels count no requests",
  port = 15020,
  path = "/stats/prometheus",
  signature = {"istio_requests_total", "istio_build", "istio_agent_process_start_time_seconds"},
  embeds = {"envoy", "envoy_gateway"},

  metrics = {
    requests_per_second = {
      labels = {service = "destination_service_name", consumer = "source_workload"},
      note = "that services have got, from outside and from each other; the consumer is the workload that asked",
      value = function(where, window, by)
        return coalesce(
          rps(istio_requests_total{where, reporter="destination"}[window], by),
          rps(istio_requests_total{where, reporter="waypoint"}[window], by))
      end,
    },
    error_ratio = {
      labels = {service = "destination_service_name", consumer = "source_workload"},
      note = "codes 5xx, gRPC's that stand for them, and requests that have no answer; 0 without requests",
      value = function(where, window, by)
        return coalesce(
          ratio(
            sum(vor(
              rps(istio_requests_total{where, reporter="destination", response_code=re"5..|0"}[window], by("response_code", "grpc_response_status")),
              rps(istio_requests_total{where, reporter="destination", response_code=nre"5..|0", grpc_response_status=re"2|4|12|13|14|15"}[window], by("response_code", "grpc_response_status"))), by),
            rps(istio_requests_total{where, reporter="destination"}[window], by), 0),
          ratio(
            sum(vor(
              rps(istio_requests_total{where, reporter="waypoint", response_code=re"5..|0"}[window], by("response_code", "grpc_response_status")),
              rps(istio_requests_total{where, reporter="waypoint", response_code=nre"5..|0", grpc_response_status=re"2|4|12|13|14|15"}[window], by("response_code", "grpc_response_status"))), by),
            rps(istio_requests_total{where, reporter="waypoint"}[window], by), 0))
      end,
    },
    latency_pXX_seconds = {
      labels = {service = "destination_service_name", consumer = "source_workload"},
      note = "as the proxy of the service sees it, without the way to it",
      value = function(where, window, by)
        return coalesce(
          pXX(istio_request_duration_milliseconds{where, reporter="destination"}[window], by),
          pXX(istio_request_duration_milliseconds{where, reporter="waypoint"}[window], by)) / 1000
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
