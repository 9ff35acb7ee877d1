-- RabbitMQ, by the JSON of its management API: /api/queues.
--
-- Traps:
--  * Each node answers for the whole cluster. Where several are scraped, each queue counts once, with the
--    greatest of what they say.
--  * A queue of the same name may be in several virtual hosts: service is the virtual host.
--  * The numbers are refreshed every 5 s (collect_statistics_interval).
--  * A queue whose node is down is listed without numbers: it has no data, which is not 0.
--  * Without columns each queue has some 5 kB of statistics.
--  * With page in the query the list is an object, in which no queue is found.
return {
  name = "rabbitmq_management",
  title = "RabbitMQ (management API)",
  versions = {"3.11"},
  older = "none: the fields have had these names since 3.0",
  facts = {
    "https://www.rabbitmq.com/docs/management",
    "https://github.com/rabbitmq/rabbitmq-server/blob/main/deps/rabbitmq_management/priv/www/api/index.html",
  },
  enable = "rabbitmq-plugins enable rabbitmq_management, and a user with the tag monitoring in the source's authentication",
  port = 15672,
  path = "/api/queues",
  format = "Json",
  params = {columns = {"name,vhost,messages_ready,messages_unacknowledged"}},
  json = {
    {
      each = "[*]",
      labels = {queue = "{.name}", vhost = "{.vhost}"},
      metrics = {
        rabbitmq_management_queue_messages_ready = ".messages_ready",
        rabbitmq_management_queue_messages_unacknowledged = ".messages_unacknowledged",
      },
    },
  },
  signature = {"rabbitmq_management_queue_messages_ready"},

  metrics = {
    in_flight_requests = {
      labels = {queue = "queue", service = "vhost"},
      note = "messages that a consumer has and has not acknowledged; service is the virtual host",
      value = function(where, window, by)
        return sum(max(rabbitmq_management_queue_messages_unacknowledged{where}, by("queue", "vhost", "namespace", "source")), by)
      end,
    },
    queue_depth = {
      labels = {queue = "queue", service = "vhost"},
      note = "messages that no consumer has; service is the virtual host",
      value = function(where, window, by)
        return sum(max(rabbitmq_management_queue_messages_ready{where}, by("queue", "vhost", "namespace", "source")), by)
      end,
    },
  },

  unavailable = {
    active_connections = "the list of queues has no connections; use queue_depth here, or active_connections of the preset rabbitmq",
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
