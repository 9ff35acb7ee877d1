-- A module for the tests: a gateway named edge, whose version 2 renamed its series.
return {
  name = "edge",
  title = "A gateway",
  versions = {"2.0", "2.4"},
  port = 8100, path = "/metrics",
  params = {format = {"prometheus"}, deep = {[ "a b" ] = true, least = -0.5, none = nil}},
  minimum_window = "10s",
  metrics = {
    requests_per_second = {
      labels = {
        service = "svc",
        route = {label = "cluster", before = "route/", after = "/rule/[0-9]+"},
        upstream = "peer",
        model = "model",
      },
      note = "by any label",
      value = function(where, window, by)
        return coalesce(
          rps(edge_requests_total{where}[window], by),
          rps(edge_old_requests{where}[window], by))
      end,
    },
    error_ratio = {
      labels = {service = "svc"},
      value = function(where, window, by)
        local failed, all = rps(edge_requests_total{where, code=re"5.."}[window], by), metric.requests_per_second(where, window, by)
        return ratio(failed, all, 0)
      end,
    },
    latency_pXX_seconds = {
      labels = {service = "svc"},
      value = function(where, window, by)
        return pXX(edge_latency_ms{where}[window], by, {inflight = edge_in_flight}) / 1000
      end,
    },
    upstream_latency_p95_seconds = {
      labels = {service = "host", route = "host"},
      value = function(where, window, by)
        return p95(series"edge.upstream"{where, host=neq"*"}[window], by)
      end,
    },
    active_connections = {
      value = function(where, window, by) return sum(edge:connections{where}, by) end,
    },
    queue_depth = {
      labels = {model = "model_name"},
      value = function(where, window, by) return sum(max(edge_queue{where}, by("engine")), by) end,
    },
  },
  unavailable = {
    in_flight_requests = "edge counts none; use active_connections",
    cost_per_second = "edge knows no prices",
  },
}
