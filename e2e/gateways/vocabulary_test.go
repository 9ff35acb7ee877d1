package gateways_test

import (
	"fmt"
	"slices"
	"strings"
)

// A preset is how a test asks a gateway for metrics of the vocabulary: by the
// preset's name or, while that is empty, in Lua over the gateway's own metrics.
type preset struct {
	name      string // of the source's spec.preset
	format    string // of the source without a preset
	questions []question
}

// A question is one metric of the vocabulary.
type question struct {
	metric string // of the vocabulary
	labels string // of the vocabulary and their values, if any: {service: app}
	by     string // the vocabulary's label that groups the answer, if any
	lua    string // the same by the gateway's own names, without a preset
}

// objects returns a source and its metrics, external under <source>_<metric>,
// those that are grouped under <source>_<metric>_by_<label>.
func (p preset) objects(source string, urls ...string) []string {
	line := "preset: " + p.name
	if p.name == "" {
		line = "format: " + p.format
	}
	list := []string{sourceWith(source, line, urls...)}
	for _, q := range p.questions {
		list = append(list, q.object(source, p.name))
	}
	return list
}

// object is the GatewayMetric that asks the question, over the window of these
// tests.
func (q question) object(source, preset string) string {
	external := source + "_" + q.metric
	if q.by != "" {
		external += "_by_" + q.by
	}
	name := strings.ReplaceAll(external, "_", "-")
	if preset == "" {
		return metricObject(name, source, q.kind(), q.lua)
	}
	object := fmt.Sprintf(`apiVersion: gaugeway.dev/v1alpha1
kind: GatewayMetric
metadata: {name: %s, namespace: %s}
spec:
  sources: [{name: %s}]
  external: {name: %s}
  preset:
    metric: %s
    window: 10s
`, name, namespace, source, external, q.metric)
	if q.labels != "" {
		object += "    labels: " + q.labels + "\n"
	}
	if q.by != "" {
		object += "    by: [" + q.by + "]\n"
	}
	return object
}

// kind is the type of the metric, which a preset knows.
func (q question) kind() string {
	levels := []string{"error_ratio", "latency_p50_seconds", "latency_p95_seconds"}
	if slices.Contains(levels, q.metric) {
		return "Level"
	}
	return "Total"
}
