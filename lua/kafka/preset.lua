-- Kafka, by the exporter kafka_exporter: how far the groups of consumers are behind.
--
-- Traps:
--  * The lag of a partition is -1 where the group has no offset of it yet. That is no number of messages
--    and is left out, and so is what is below 0 for an instant because the group's offset was read after
--    the topic's.
--  * kafka_consumergroup_lag_sum is the sum of kafka_consumergroup_lag: adding up both counts twice. It
--    has no partitions, so that what is unknown in it cannot be told from what is 0.
--  * Several exporters of one cluster show the same numbers: each partition counts once, with the greatest
--    of what they say.
--  * Groups that no consumer has any more keep their lag, which grows: select by consumer.
--  * Without a group there is no lag at all, which is no data and not 0.
return {
  name = "kafka",
  title = "Kafka (kafka_exporter)",
  versions = {"1.6"},
  older = "none: the names of groups that keep their offsets in Kafka have not changed",
  facts = {
    "https://github.com/danielqsj/kafka_exporter/blob/master/kafka_exporter.go",
    "https://github.com/danielqsj/kafka_exporter#metrics",
  },
  enable = "kafka_exporter, whose group.filter and topic.filter let through what is asked for, and a group that has committed an offset",
  port = 9308,
  path = "/metrics",
  signature = {"kafka_brokers", "kafka_topic_partitions", "kafka_consumergroup_lag"},

  metrics = {
    queue_depth = {
      labels = {queue = "topic", consumer = "consumergroup"},
      note = "messages that a group has not committed yet, those that it is working on among them; of all groups unless a consumer is selected. Partitions of which a group has no offset are left out",
      value = function(where, window, by)
        return sum(max(ge(kafka_consumergroup_lag{where}, 0), by("consumergroup", "topic", "partition", "namespace", "source")), by)
      end,
    },
  },

  unavailable = {
    requests_per_second = "messages are no requests, and the exporter knows offsets only; use queue_depth",
    error_ratio = "the exporter does not know what fails; use queue_depth",
    latency_p50_seconds = "the exporter knows offsets, and no times; use queue_depth",
    latency_p90_seconds = "the exporter knows offsets, and no times; use queue_depth",
    latency_p95_seconds = "the exporter knows offsets, and no times; use queue_depth",
    latency_p99_seconds = "the exporter knows offsets, and no times; use queue_depth",
    upstream_latency_p95_seconds = "the exporter knows offsets, and no times; use queue_depth",
    active_connections = "the exporter does not count connections; use queue_depth",
    in_flight_requests = "Kafka does not know which of the messages consumers are working on; use queue_depth, which has them",
    prompt_tokens_per_second = "Kafka serves no models",
    completion_tokens_per_second = "Kafka serves no models",
    tokens_per_second = "Kafka serves no models",
    time_to_first_token_p95_seconds = "Kafka serves no models",
    time_per_output_token_p95_seconds = "Kafka serves no models",
    running_requests = "Kafka serves no models",
    waiting_requests = "Kafka serves no models",
    kv_cache_utilization = "Kafka serves no models",
    gpu_utilization = "Kafka serves no models",
    cost_per_second = "Kafka serves no models",
  },
}
