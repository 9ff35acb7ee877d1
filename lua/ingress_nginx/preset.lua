-- The controller Ingress-NGINX. Requests and latencies are of its Lua code and begin at 0 with the
-- controller's pod, not with nginx. Latencies are in seconds, though a HELP text says milliseconds. A route is
-- an Ingress.
--
-- Traps:
--  * Hosts that are wildcards or none have no metrics at all, unless --metrics-per-host=false is set.
--  * The Ingress's namespace is called exported_namespace here, because namespace is the one of the pod that
--    was scraped: services of one name in two namespaces are added up.
--  * In 0.x requests have no label service, and their histogram has; so the histogram's count is read, and the
--    counter where histograms are excluded.
--  * Status is a code, or a class with --report-status-classes.
--  * A request that was tried again has two response times and is not in the upstream's latency.
--  * The summary ingress_upstream_latency_seconds is the time to connect; nothing reads it.
--  * In 0.x active connections are among the counters.
--  * Each worker keeps 10000 requests of a second at most, and drops what is above.
return {
  name = "ingress_nginx",
  title = "Ingress-NGINX Controller",
  versions = {"1.13"},
  older = "0.x: nginx_ingress_controller_requests without service, and active among nginx_process_connections_total",
  facts = {
    "https://github.com/kubernetes/ingress-nginx/blob/main/internal/ingress/metric/collectors/socket.go",
    "https://github.com/kubernetes/ingress-nginx/blob/main/internal/ingress/metric/collectors/nginx_status.go",
    "https://github.com/kubernetes/ingress-nginx/blob/main/rootfs/etc/nginx/lua/monitor.lua",
    "https://kubernetes.github.io/ingress-nginx/user-guide/monitoring/",
  },
  enable = "--enable-metrics (controller.metrics.enabled of the chart), and --metrics-per-host=false for hosts that are wildcards or none",
  port = 10254,
  path = "/metrics",
  signature = {"nginx_ingress_controller_nginx_process_connections", "nginx_ingress_controller_config_last_reload_successful"},

  metrics = {
    requests_per_second = {
      labels = {service = "service", route = "ingress"},
      note = "a route is the name of an Ingress; those of one name in several namespaces are added up",
      value = function(where, window, by)
        return rps(fallback(nginx_ingress_controller_request_duration_seconds_count{where}, nginx_ingress_controller_requests{where})[window], by)
      end,
    },
    error_ratio = {
      labels = {service = "service", route = "ingress"},
      note = "codes 5xx, whether from the service or from nginx; 0 without requests",
      value = function(where, window, by)
        local requests = fallback(nginx_ingress_controller_request_duration_seconds_count{where}, nginx_ingress_controller_requests{where})
        return ratio(rps(requests{status=re"5.."}[window], by), rps(requests[window], by), 0)
      end,
    },
    latency_pXX_seconds = {
      labels = {service = "service", route = "ingress"},
      value = function(where, window, by)
        return pXX(nginx_ingress_controller_request_duration_seconds{where}[window], by)
      end,
    },
    upstream_latency_p95_seconds = {
      labels = {service = "service", route = "ingress"},
      note = "the whole response of the service; without requests that were tried again",
      value = function(where, window, by)
        return p95(nginx_ingress_controller_response_duration_seconds{where}[window], by)
      end,
    },
    active_connections = {
      note = "of all listeners: one of the controller's own is among them",
      value = function(where, window, by)
        return total(
          sum(nginx_ingress_controller_nginx_process_connections{where, state="active"}, by),
          sum(nginx_ingress_controller_nginx_process_connections_total{where, state="active"}, by))
      end,
    },
    in_flight_requests = {
      note = "of all listeners: one of the controller's own is among them, and so are WebSockets",
      value = function(where, window, by)
        return sum(nginx_ingress_controller_nginx_process_connections{where, state=re"reading|writing"}, by)
      end,
    },
  },

  unavailable = {
    queue_depth = "Ingress-NGINX has no queue; use latency_p95_seconds or in_flight_requests",
    prompt_tokens_per_second = "Ingress-NGINX counts no tokens; use requests_per_second here, or prompt_tokens_per_second of the model server's preset",
    completion_tokens_per_second = "Ingress-NGINX counts no tokens; use requests_per_second here, or completion_tokens_per_second of the model server's preset",
    tokens_per_second = "Ingress-NGINX counts no tokens; use requests_per_second here, or tokens_per_second of the model server's preset",
    time_to_first_token_p95_seconds = "Ingress-NGINX does not know tokens; use latency_p95_seconds here, or time_to_first_token_p95_seconds of the model server's preset",
    time_per_output_token_p95_seconds = "Ingress-NGINX does not know tokens; use latency_p95_seconds here, or time_per_output_token_p95_seconds of the model server's preset",
    running_requests = "Ingress-NGINX does not know what models do; use in_flight_requests here, or running_requests of the model server's preset",
    waiting_requests = "Ingress-NGINX does not know what models do; use in_flight_requests here, or waiting_requests of the model server's preset",
    kv_cache_utilization = "Ingress-NGINX does not know what models do; use in_flight_requests here, or kv_cache_utilization of the model server's preset",
    gpu_utilization = "Ingress-NGINX does not know what models do; use requests_per_second here, or gpu_utilization of the preset dcgm",
    cost_per_second = "Ingress-NGINX does not count costs; use requests_per_second",
  },
}
