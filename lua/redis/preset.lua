-- Redis, by the exporter redis_exporter: lists and streams that are used as queues.
--
-- Traps:
--  * The list of a key that is empty does not exist in Redis: it has the size 0 where the key was asked
--    for with -check-single-keys, and no size where it was found by the pattern of -check-keys.
--  * A stream keeps what has been read: its length is no queue. What waits in it is the lag of its groups.
--    redis_key_size of a stream is its length, too.
--  * Replicas have the same keys as their master and count once.
--  * Commands of the exporter, half a dozen to some dozens with each scrape, are commands.
--  * Percentiles of commands are since the start of the server, of the time within it and by command.
return {
  name = "redis",
  title = "Redis (redis_exporter)",
  versions = {"1.45"},
  older = "1.45, and all with Redis 6: no lag of groups, so that streams have no depth",
  facts = {
    "https://github.com/oliver006/redis_exporter/blob/master/exporter/keys.go",
    "https://github.com/oliver006/redis_exporter/blob/master/exporter/streams.go",
    "https://redis.io/docs/latest/commands/xinfo-groups/",
  },
  enable = "-check-single-keys with each list, and for streams -check-single-streams and -check-single-keys with each, and Redis 7",
  port = 9121,
  path = "/metrics",
  signature = {"redis_up", "redis_exporter_build_info", "redis_connected_clients"},

  metrics = {
    requests_per_second = {
      note = "commands of all clients, the exporter's own among them",
      value = function(where, window, by)
        return rps(redis_commands_processed_total{where}[window], by)
      end,
    },
    active_connections = {
      note = "of all clients, the exporter among them",
      value = function(where, window, by)
        return sum(redis_connected_clients{where}, by)
      end,
    },
    queue_depth = {
      labels = {queue = "key"},
      note = "items of lists and other keys, and of streams the entries that no consumer of a group has read, added up over groups; a stream must be among the keys that are checked, too",
      value = function(where, window, by)
        local target = on("pod", "namespace", "instance", "source")
        local key = on("db", "key", "pod", "namespace", "instance", "source")
        local sizes = vunless(redis_key_size{where}, redis_instance_info{role="slave"}, target)
        local streams = label_replace(redis_stream_length{}, "key", "$1", "stream", "(.*)")
        local lags = sum(label_replace(redis_stream_group_lag{}, "key", "$1", "stream", "(.*)"), by("db", "key", "pod", "namespace", "instance", "source"))
        return sum(vor(vunless(sizes, streams, key), add(sizes * 0, lags, key, group_left())), by)
      end,
    },
  },

  unavailable = {
    error_ratio = "commands fail by the fault of clients, and Redis does not tell which; use queue_depth",
    latency_p50_seconds = "Redis has percentiles of each command since its start only; use queue_depth",
    latency_p90_seconds = "Redis has percentiles of each command since its start only; use queue_depth",
    latency_p95_seconds = "Redis has percentiles of each command since its start only; use queue_depth",
    latency_p99_seconds = "Redis has percentiles of each command since its start only; use queue_depth",
    upstream_latency_p95_seconds = "Redis has no backend; use queue_depth",
    in_flight_requests = "Redis does not know what becomes of items that were taken from a list; use queue_depth",
    prompt_tokens_per_second = "Redis serves no models",
    completion_tokens_per_second = "Redis serves no models",
    tokens_per_second = "Redis serves no models",
    time_to_first_token_p95_seconds = "Redis serves no models",
    time_per_output_token_p95_seconds = "Redis serves no models",
    running_requests = "Redis serves no models",
    waiting_requests = "Redis serves no models",
    kv_cache_utilization = "Redis serves no models",
    gpu_utilization = "Redis serves no models",
    cost_per_second = "Redis serves no models",
  },
}
