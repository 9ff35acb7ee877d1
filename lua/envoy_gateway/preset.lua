-- Envoy Gateway: the Envoys that it runs. A service is a cluster, which is a rule of a route, such as
-- httproute/shop/checkout/rule/0; a route is shop/checkout, a namespace and a name; an upstream an endpoint.
--
-- Traps, beside those of the preset envoy:
--  * The pages of statistics and of readiness, and what the AI Gateway asks itself, are connection managers
--    as those of listeners are.
--  * Clusters are also those of the control plane, of tracing and of authorization: those of routes are read.
--  * The controller has the same port, but nothing of the traffic: select the pods of the proxies.
--  * telemetry.metrics.clusterStatName may call clusters otherwise: then there is neither service nor route.
return {
  name = "envoy_gateway",
  title = "Envoy Gateway",
  versions = {"1.2", "1.6"},
  older = "none: clusters are called after routes in all versions 1",
  facts = {
    "https://gateway.envoyproxy.io/docs/tasks/observability/proxy-metric/",
    "https://gateway.envoyproxy.io/docs/api/extension_types/#proxymetrics",
    "https://github.com/envoyproxy/gateway/blob/main/internal/xds/bootstrap/bootstrap.yaml.tpl",
  },
  enable = "nothing, but for upstreams EnvoyProxy with telemetry.metrics.enablePerEndpointStats",
  port = 19001,
  path = "/stats/prometheus",
  signature = {"envoy_server_live", "envoy_cluster_upstream_rq_total", "envoy_http_downstream_rq_total"},

  metrics = {
    requests_per_second = {
      labels = {
        service = "envoy_cluster_name",
        route = {label = "envoy_cluster_name", before = "(?:http|grpc)route/", after = "/rule/.+"},
        upstream = "envoy_endpoint_address",
      },
      note = "of all clients; by service and route without what is for none; by upstream each try counts",
      value = function(where, window, by)
        local clients = envoy_http_downstream_rq_xx{where, envoy_http_conn_manager_prefix=nre"admin|eg-.+|aigateway-.+"}
        local clusters = envoy_cluster_upstream_rq_xx{where, envoy_cluster_name=re"(http|grpc)route/.+"}
        -- Each is 0 in all groups, and in none that fits where there are groups that it does not know.
        local no_cluster = 0 * sum(label_replace(label_replace(label_replace(clients, "service", "-", "", ""), "route", "-", "", ""), "upstream", "-", "", ""), by)
        local no_upstream = 0 * sum(label_replace(clusters, "upstream", "-", "", ""), by)
        return coalesce(
          rps(clients[window], by) + no_cluster,
          rps(clusters[window], by) + no_upstream,
          rps(envoy_cluster_endpoint_rq_success{where, envoy_cluster_name=re"(http|grpc)route/.+"}[window], by)
            + rps(envoy_cluster_endpoint_rq_error{where, envoy_cluster_name=re"(http|grpc)route/.+"}[window], by))
      end,
    },
    error_ratio = {
      labels = {
        service = "envoy_cluster_name",
        route = {label = "envoy_cluster_name", before = "(?:http|grpc)route/", after = "/rule/.+"},
        upstream = "envoy_endpoint_address",
      },
      note = "codes 5xx, whether from the service or from Envoy; by upstream tries that failed, of all; 0 without requests",
      value = function(where, window, by)
        local clients = envoy_http_downstream_rq_xx{where, envoy_http_conn_manager_prefix=nre"admin|eg-.+|aigateway-.+"}
        local clients_failed = envoy_http_downstream_rq_xx{where, envoy_http_conn_manager_prefix=nre"admin|eg-.+|aigateway-.+", envoy_response_code_class="5"}
        local clusters = envoy_cluster_upstream_rq_xx{where, envoy_cluster_name=re"(http|grpc)route/.+"}
        local clusters_failed = envoy_cluster_upstream_rq_xx{where, envoy_cluster_name=re"(http|grpc)route/.+", envoy_response_code_class="5"}
        local no_cluster = 0 * sum(label_replace(label_replace(label_replace(clients, "service", "-", "", ""), "route", "-", "", ""), "upstream", "-", "", ""), by)
        local no_upstream = 0 * sum(label_replace(clusters, "upstream", "-", "", ""), by)
        local failed = rps(envoy_cluster_endpoint_rq_error{where, envoy_cluster_name=re"(http|grpc)route/.+"}[window], by)
        return coalesce(
          ratio(rps(clients_failed[window], by), rps(clients[window], by), 0) + no_cluster,
          ratio(rps(clusters_failed[window], by), rps(clusters[window], by), 0) + no_upstream,
          ratio(failed, rps(envoy_cluster_endpoint_rq_success{where, envoy_cluster_name=re"(http|grpc)route/.+"}[window], by) + failed, 0))
      end,
    },
    latency_pXX_seconds = {
      labels = {service = "envoy_cluster_name", route = {label = "envoy_cluster_name", before = "(?:http|grpc)route/", after = "/rule/.+"}},
      note = "of all clients; by service and route from when Envoy has the request, without those that time out",
      value = function(where, window, by)
        local clients = envoy_http_downstream_rq_active{where, envoy_http_conn_manager_prefix=nre"admin|eg-.+|aigateway-.+"}
        local clusters = envoy_cluster_upstream_rq_active{where, envoy_cluster_name=re"(http|grpc)route/.+"}
          + envoy_cluster_upstream_rq_pending_active{where, envoy_cluster_name=re"(http|grpc)route/.+"}
        -- Clusters are read only where clients are not what is asked for: those that hang have no percentile.
        local of_clients = sum(label_replace(label_replace(clients, "service", "-", "", ""), "route", "-", "", ""), by("none"))
        local of_clusters = vunless(sum(clusters, by("none")), of_clients)
        return coalesce(
          pXX(envoy_http_downstream_rq_time{where, envoy_http_conn_manager_prefix=nre"admin|eg-.+|aigateway-.+"}[window], by, {inflight = clients}) + 0 * sum(of_clients, by),
          pXX(envoy_cluster_upstream_rq_time{where, envoy_cluster_name=re"(http|grpc)route/.+"}[window], by, {inflight = clusters}) + 0 * sum(of_clusters, by)) / 1000
      end,
    },
    upstream_latency_p95_seconds = {
      labels = {service = "envoy_cluster_name", route = {label = "envoy_cluster_name", before = "(?:http|grpc)route/", after = "/rule/.+"}},
      note = "of all tries of a request and the wait for a connection, without requests that time out",
      value = function(where, window, by)
        local clusters = envoy_cluster_upstream_rq_active{where, envoy_cluster_name=re"(http|grpc)route/.+"}
          + envoy_cluster_upstream_rq_pending_active{where, envoy_cluster_name=re"(http|grpc)route/.+"}
        return p95(envoy_cluster_upstream_rq_time{where, envoy_cluster_name=re"(http|grpc)route/.+"}[window], by, {inflight = clusters}) / 1000
      end,
    },
    active_connections = {
      note = "of HTTP clients",
      value = function(where, window, by)
        return sum(envoy_http_downstream_cx_active{where, envoy_http_conn_manager_prefix=nre"admin|eg-.+|aigateway-.+"}, by)
      end,
    },
    in_flight_requests = {
      labels = {
        service = "envoy_cluster_name",
        route = {label = "envoy_cluster_name", before = "(?:http|grpc)route/", after = "/rule/.+"},
        upstream = "envoy_endpoint_address",
      },
      note = "of all clients; by service and route with those that wait for a connection; by upstream without them",
      value = function(where, window, by)
        local clients = envoy_http_downstream_rq_active{where, envoy_http_conn_manager_prefix=nre"admin|eg-.+|aigateway-.+"}
        local clusters = envoy_cluster_upstream_rq_active{where, envoy_cluster_name=re"(http|grpc)route/.+"}
          + envoy_cluster_upstream_rq_pending_active{where, envoy_cluster_name=re"(http|grpc)route/.+"}
        local no_cluster = 0 * sum(label_replace(label_replace(label_replace(clients, "service", "-", "", ""), "route", "-", "", ""), "upstream", "-", "", ""), by)
        local no_upstream = 0 * sum(label_replace(clusters, "upstream", "-", "", ""), by)
        return coalesce(
          sum(clients, by) + no_cluster,
          sum(clusters, by) + no_upstream,
          sum(envoy_cluster_endpoint_rq_active{where, envoy_cluster_name=re"(http|grpc)route/.+"}, by))
      end,
    },
    queue_depth = {
      labels = {service = "envoy_cluster_name", route = {label = "envoy_cluster_name", before = "(?:http|grpc)route/", after = "/rule/.+"}},
      note = "requests that wait for a connection to a service",
      value = function(where, window, by)
        return sum(envoy_cluster_upstream_rq_pending_active{where, envoy_cluster_name=re"(http|grpc)route/.+"}, by)
      end,
    },
  },

  unavailable = {
    prompt_tokens_per_second = "Envoy Gateway counts no tokens; use requests_per_second here, or prompt_tokens_per_second of the preset envoy_ai_gateway",
    completion_tokens_per_second = "Envoy Gateway counts no tokens; use requests_per_second here, or completion_tokens_per_second of the preset envoy_ai_gateway",
    tokens_per_second = "Envoy Gateway counts no tokens; use requests_per_second here, or tokens_per_second of the preset envoy_ai_gateway",
    time_to_first_token_p95_seconds = "Envoy Gateway does not know tokens; use latency_p95_seconds here, or time_to_first_token_p95_seconds of the preset envoy_ai_gateway",
    time_per_output_token_p95_seconds = "Envoy Gateway does not know tokens; use latency_p95_seconds here, or time_per_output_token_p95_seconds of the preset envoy_ai_gateway",
    running_requests = "Envoy Gateway does not know what models do; use in_flight_requests here, or running_requests of the model server's preset",
    waiting_requests = "Envoy Gateway does not know what models do; use queue_depth here, or waiting_requests of the model server's preset",
    kv_cache_utilization = "Envoy Gateway does not know what models do; use in_flight_requests here, or kv_cache_utilization of the model server's preset",
    gpu_utilization = "Envoy Gateway does not know what models do; use in_flight_requests here, or gpu_utilization of the preset dcgm",
    cost_per_second = "Envoy Gateway does not count costs; use requests_per_second",
  },
}
