// Package vocabulary holds the names that all presets share: what a gateway may
// tell, by the same metric name, in the same unit and with the same labels,
// whichever gateway it is.
//
// It is a package of its own, without imports, because the objects' validation
// and the presets both need it and neither may import the other.
package vocabulary

import "slices"

// A Type says what becomes of a metric over several targets. Its values are
// those of a GatewayMetric's spec.type.
type Type string

// The types.
const (
	// Level is a latency, a ratio or a utilisation: it is compared as it is.
	Level Type = "Level"
	// Total adds up over targets: requests per second, tokens, a queue.
	Total Type = "Total"
)

// A Metric is a name of the vocabulary.
type Metric struct {
	// Name with its unit, such as latency_p95_seconds.
	Name string
	// Unit of the value, such as "seconds" or "0..1".
	Unit string
	// Type is how it goes over targets.
	Type Type
	// Meaning in one line, for a table.
	Meaning string
}

// A Label is what a metric may be selected and grouped by.
type Label struct {
	// Name as it is written by users.
	Name string
	// Meaning in one line, for a table.
	Meaning string
}

// Percentile stands in a preset for p50, p90, p95 and p99: four metrics that
// are written once.
const Percentile = "pXX"

// UpstreamPod may stand in a grouping only: by the upstream's address, and the
// address replaced by the pod that has it.
const UpstreamPod = "upstream_pod"

// Metrics returns all metrics, in the order of tables.
func Metrics() []Metric {
	return []Metric{
		{"requests_per_second", "1/s", Total, "requests that the gateway has answered"},
		{"error_ratio", "0..1", Level, "responses with status 5xx, and failures without an answer, of all requests"},
		{"latency_p50_seconds", "seconds", Level, "median of how long the client waited"},
		{"latency_p90_seconds", "seconds", Level, "90th percentile of how long the client waited"},
		{"latency_p95_seconds", "seconds", Level, "95th percentile of how long the client waited"},
		{"latency_p99_seconds", "seconds", Level, "99th percentile of how long the client waited"},
		{"upstream_latency_p95_seconds", "seconds", Level, "95th percentile of how long the gateway waited for the backend"},
		{"active_connections", "1", Total, "client connections that are open, idle ones included"},
		{"in_flight_requests", "1", Total, "requests that have no full answer yet"},
		{"queue_depth", "1", Total, "requests, messages or jobs that wait for a backend or worker"},
		{"prompt_tokens_per_second", "tokens/s", Total, "tokens that models have read"},
		{"completion_tokens_per_second", "tokens/s", Total, "tokens that models have written"},
		{"tokens_per_second", "tokens/s", Total, "tokens that models have read and written"},
		{"time_to_first_token_p95_seconds", "seconds", Level, "95th percentile of the time until the first token"},
		{"time_per_output_token_p95_seconds", "seconds", Level, "95th percentile of the time from one token to the next"},
		{"running_requests", "1", Total, "requests that models are working on"},
		{"waiting_requests", "1", Total, "requests that wait for a model to begin"},
		{"kv_cache_utilization", "0..1", Level, "share of the models' KV cache in use"},
		{"gpu_utilization", "0..1", Level, "share of the time in which the GPU works"},
		{"cost_per_second", "currency/s", Total, "what models cost, in the gateway's unit of currency"},
	}
}

// Lookup returns the metric of a name, and false where the vocabulary has none.
func Lookup(name string) (Metric, bool) {
	all := Metrics()
	if i := slices.IndexFunc(all, func(m Metric) bool { return m.Name == name }); i >= 0 {
		return all[i], true
	}
	return Metric{}, false
}

// Names returns the names of all metrics, in the order of tables.
func Names() []string {
	var names []string
	for _, m := range Metrics() {
		names = append(names, m.Name)
	}
	return names
}

// Labels returns the labels that a preset maps to a gateway's own.
func Labels() []Label {
	return []Label{
		{"service", "the service, API or cluster that a request is for"},
		{"route", "the route that it takes"},
		{"model", "the model that answers it"},
		{"consumer", "who sends it: consumer, tenant, team or key"},
		{"upstream", "address of the backend, as the gateway shows it"},
		{"queue", "name of the list, queue or topic"},
	}
}

// TargetLabels returns the labels of the target that was scraped, which every
// metric of every preset has.
func TargetLabels() []Label {
	return []Label{
		{"pod", "the pod that was scraped"},
		{"namespace", "its namespace"},
		{"node", "its node"},
		{"instance", "host and port that were scraped"},
		{"source", "the GatewaySource"},
	}
}

// IsLabel reports whether a preset may map a label of this name.
func IsLabel(name string) bool { return has(Labels(), name) }

// IsTargetLabel reports whether this is a label of targets.
func IsTargetLabel(name string) bool { return has(TargetLabels(), name) }

func has(all []Label, name string) bool {
	return slices.ContainsFunc(all, func(l Label) bool { return l.Name == name })
}
