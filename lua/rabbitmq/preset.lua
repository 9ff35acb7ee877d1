-- RabbitMQ, by its plugin prometheus.
--
-- Traps:
--  * The path decides what a name means: /metrics adds up all queues and has no label queue,
--    /metrics/per-object has one series for each object, and /metrics/detailed has the families that are
--    asked for, under names of their own.
--  * A queue of the same name may be in several virtual hosts: service is the virtual host.
--  * A message that was delivered and not acknowledged is not ready: it comes back if its consumer dies.
--    rabbitmq_queue_messages counts both.
--  * Each node shows its own queues: all nodes are to be scraped.
--  * rabbitmq_connections is the number of all connections of a node. The detailed page has it not.
return {
  name = "rabbitmq",
  title = "RabbitMQ (plugin prometheus)",
  versions = {"3.11"},
  older = "3.8: /metrics/per-object, whose names lack detailed_",
  facts = {
    "https://www.rabbitmq.com/docs/prometheus",
    "https://github.com/rabbitmq/rabbitmq-server/blob/main/deps/rabbitmq_prometheus/metrics-detailed.md",
    "https://github.com/rabbitmq/rabbitmq-server/blob/main/deps/rabbitmq_prometheus/metrics.md",
  },
  enable = "rabbitmq-plugins enable rabbitmq_prometheus, and the path /metrics/detailed with family=queue_coarse_metrics, or /metrics/per-object where connections are asked for, too",
  port = 15692,
  path = "/metrics/detailed",
  params = {family = {"queue_coarse_metrics"}},
  signature = {"rabbitmq_build_info", "rabbitmq_identity_info"},

  metrics = {
    active_connections = {
      note = "of /metrics and /metrics/per-object only",
      value = function(where, window, by)
        return sum(rabbitmq_connections{where}, by)
      end,
    },
    in_flight_requests = {
      labels = {queue = "queue", service = "vhost"},
      note = "messages that a consumer has and has not acknowledged; service is the virtual host",
      value = function(where, window, by)
        return sum(fallback(rabbitmq_detailed_queue_messages_unacked{where}, rabbitmq_queue_messages_unacked{where}), by)
      end,
    },
    queue_depth = {
      labels = {queue = "queue", service = "vhost"},
      note = "messages that no consumer has; service is the virtual host",
      value = function(where, window, by)
        return sum(fallback(rabbitmq_detailed_queue_messages_ready{where}, rabbitmq_queue_messages_ready{where}), by)
      end,
    },
  },

  unavailable = {
    requests_per_second = "messages are no requests; use queue_depth",
    error_ratio = "RabbitMQ does not know what consumers make of messages; use queue_depth",
    latency_p50_seconds = "RabbitMQ does not say how long messages wait; use queue_depth",
    latency_p90_seconds = "RabbitMQ does not say how long messages wait; use queue_depth",
    latency_p95_seconds = "RabbitMQ does not say how long messages wait; use queue_depth",
    latency_p99_seconds = "RabbitMQ does not say how long messages wait; use queue_depth",
    upstream_latency_p95_seconds = "RabbitMQ does not say how long consumers take; use queue_depth or in_flight_requests",
    prompt_tokens_per_second = "RabbitMQ serves no models",
    completion_tokens_per_second = "RabbitMQ serves no models",
    tokens_per_second = "RabbitMQ serves no models",
    time_to_first_token_p95_seconds = "RabbitMQ serves no models",
    time_per_output_token_p95_seconds = "RabbitMQ serves no models",
    running_requests = "RabbitMQ serves no models",
    waiting_requests = "RabbitMQ serves no models",
    kv_cache_utilization = "RabbitMQ serves no models",
    gpu_utilization = "RabbitMQ serves no models",
    cost_per_second = "RabbitMQ serves no models",
  },
}
