-- Envoy, by the page of its administration. A service is a cluster, an upstream an endpoint.
--
-- Traps:
--  * Connection managers, clusters and endpoints count the same request. Without a service, connection
--    managers are read; with one its cluster; by upstream the endpoints. Clusters are also those that
--    Envoy itself asks for its configuration or for permission, whose requests nobody sent to it.
--  * The administration is a connection manager, too: the scrape is always in flight there.
--  * envoy_cluster_external_upstream_rq, internal and canary are the same requests once more.
--  * A cluster counts a request once, however often it was tried, and an endpoint each try.
--  * A request that times out is in a cluster's count, but not in its histogram.
--  * Durations are in milliseconds. Histograms are merged every 5 s, so that they lag behind.
--  * A class of codes appears with its first response.
--  * stats_config may leave out names, and so do the parameters usedonly and filter.
return {
  name = "envoy",
  title = "Envoy",
  versions = {"1.20", "1.28", "1.36"},
  older = "none: the names are those of Envoy 1.7; older layouts, with families that are not contiguous, are read",
  facts = {
    "https://www.envoyproxy.io/docs/envoy/latest/configuration/upstream/cluster_manager/cluster_stats",
    "https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/stats",
    "https://www.envoyproxy.io/docs/envoy/latest/operations/admin#get--stats?format=prometheus",
  },
  enable = "an admin address, which should not be open to everyone; for upstreams track_cluster_stats with per_endpoint_stats in each cluster",
  port = 9901,
  path = "/stats/prometheus",
  signature = {"envoy_server_live", "envoy_cluster_upstream_rq_total", "envoy_http_downstream_rq_total"},

  metrics = {
    requests_per_second = {
      labels = {service = "envoy_cluster_name", upstream = "envoy_endpoint_address"},
      note = "of all clients; by service without what has no cluster, such as 404 for an unknown route; by upstream each try counts",
      value = function(where, window, by)
        local clients = envoy_http_downstream_rq_xx{where, envoy_http_conn_manager_prefix=neq"admin"}
        local clusters = envoy_cluster_upstream_rq_xx{where}
        -- Each is 0 in all groups, and in none that fits where there are groups that it does not know.
        local no_cluster = 0 * sum(label_replace(label_replace(clients, "service", "-", "", ""), "upstream", "-", "", ""), by)
        local no_upstream = 0 * sum(label_replace(clusters, "upstream", "-", "", ""), by)
        return coalesce(
          rps(clients[window], by) + no_cluster,
          rps(clusters[window], by) + no_upstream,
          rps(envoy_cluster_endpoint_rq_success{where}[window], by)
            + rps(envoy_cluster_endpoint_rq_error{where}[window], by))
      end,
    },
    error_ratio = {
      labels = {service = "envoy_cluster_name", upstream = "envoy_endpoint_address"},
      note = "codes 5xx, whether from the service or from Envoy; by upstream tries that failed, of all; 0 without requests",
      value = function(where, window, by)
        local clients = envoy_http_downstream_rq_xx{where, envoy_http_conn_manager_prefix=neq"admin"}
        local clients_failed = envoy_http_downstream_rq_xx{where, envoy_http_conn_manager_prefix=neq"admin", envoy_response_code_class="5"}
        local clusters = envoy_cluster_upstream_rq_xx{where}
        local clusters_failed = envoy_cluster_upstream_rq_xx{where, envoy_response_code_class="5"}
        local no_cluster = 0 * sum(label_replace(label_replace(clients, "service", "-", "", ""), "upstream", "-", "", ""), by)
        local no_upstream = 0 * sum(label_replace(clusters, "upstream", "-", "", ""), by)
        local failed = rps(envoy_cluster_endpoint_rq_error{where}[window], by)
        return coalesce(
          ratio(rps(clients_failed[window], by), rps(clients[window], by), 0) + no_cluster,
          ratio(rps(clusters_failed[window], by), rps(clusters[window], by), 0) + no_upstream,
          ratio(failed, rps(envoy_cluster_endpoint_rq_success{where}[window], by) + failed, 0))
      end,
    },
    latency_pXX_seconds = {
      labels = {service = "envoy_cluster_name"},
      note = "of all clients; by service from when Envoy has the request, without those that time out",
      value = function(where, window, by)
        local clients = envoy_http_downstream_rq_active{where, envoy_http_conn_manager_prefix=neq"admin"}
        local clusters = envoy_cluster_upstream_rq_active{where} + envoy_cluster_upstream_rq_pending_active{where}
        -- Clusters are read only where clients are not what is asked for: those that hang have no percentile.
        local of_clients = sum(label_replace(clients, "service", "-", "", ""), by("none"))
        local of_clusters = vunless(sum(clusters, by("none")), of_clients)
        return coalesce(
          pXX(envoy_http_downstream_rq_time{where, envoy_http_conn_manager_prefix=neq"admin"}[window], by, {inflight = clients}) + 0 * sum(of_clients, by),
          pXX(envoy_cluster_upstream_rq_time{where}[window], by, {inflight = clusters}) + 0 * sum(of_clusters, by)) / 1000
      end,
    },
    upstream_latency_p95_seconds = {
      labels = {service = "envoy_cluster_name"},
      note = "of all tries of a request and the wait for a connection, without requests that time out",
      value = function(where, window, by)
        local clusters = envoy_cluster_upstream_rq_active{where} + envoy_cluster_upstream_rq_pending_active{where}
        return p95(envoy_cluster_upstream_rq_time{where}[window], by, {inflight = clusters}) / 1000
      end,
    },
    active_connections = {
      note = "of HTTP clients",
      value = function(where, window, by)
        return sum(envoy_http_downstream_cx_active{where, envoy_http_conn_manager_prefix=neq"admin"}, by)
      end,
    },
    in_flight_requests = {
      labels = {service = "envoy_cluster_name", upstream = "envoy_endpoint_address"},
      note = "of all clients; by service with those that wait for a connection; by upstream without them",
      value = function(where, window, by)
        local clients = envoy_http_downstream_rq_active{where, envoy_http_conn_manager_prefix=neq"admin"}
        local clusters = envoy_cluster_upstream_rq_active{where} + envoy_cluster_upstream_rq_pending_active{where}
        local no_cluster = 0 * sum(label_replace(label_replace(clients, "service", "-", "", ""), "upstream", "-", "", ""), by)
        local no_upstream = 0 * sum(label_replace(clusters, "upstream", "-", "", ""), by)
        return coalesce(
          sum(clients, by) + no_cluster,
          sum(clusters, by) + no_upstream,
          sum(envoy_cluster_endpoint_rq_active{where}, by))
      end,
    },
    queue_depth = {
      labels = {service = "envoy_cluster_name"},
      note = "requests that wait for a connection to a service",
      value = function(where, window, by)
        return sum(envoy_cluster_upstream_rq_pending_active{where}, by)
      end,
    },
  },

  unavailable = {
    prompt_tokens_per_second = "Envoy counts no tokens; use requests_per_second here, or prompt_tokens_per_second of the preset envoy_ai_gateway",
    completion_tokens_per_second = "Envoy counts no tokens; use requests_per_second here, or completion_tokens_per_second of the preset envoy_ai_gateway",
    tokens_per_second = "Envoy counts no tokens; use requests_per_second here, or tokens_per_second of the preset envoy_ai_gateway",
    time_to_first_token_p95_seconds = "Envoy does not know tokens; use latency_p95_seconds here, or time_to_first_token_p95_seconds of the preset envoy_ai_gateway",
    time_per_output_token_p95_seconds = "Envoy does not know tokens; use latency_p95_seconds here, or time_per_output_token_p95_seconds of the preset envoy_ai_gateway",
    running_requests = "Envoy does not know what models do; use in_flight_requests here, or running_requests of the model server's preset",
    waiting_requests = "Envoy does not know what models do; use queue_depth here, or waiting_requests of the model server's preset",
    kv_cache_utilization = "Envoy does not know what models do; use in_flight_requests here, or kv_cache_utilization of the model server's preset",
    gpu_utilization = "Envoy does not know what models do; use in_flight_requests here, or gpu_utilization of the preset dcgm",
    cost_per_second = "Envoy does not count costs; use requests_per_second",
  },
}
