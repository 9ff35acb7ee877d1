package gateways_test

import (
	"fmt"
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
	metric string // of the vocabulary, or of one's own where there is no preset
	labels string // which series, in the vocabulary's words: service="edge"
	by     string // the vocabulary's label that groups the answer
	lua    string // the same by the gateway's own names
}

// objects returns a source and its metrics, external under <source>_<metric>.
func (p preset) objects(source string, urls ...string) []string {
	kind := "format: " + p.format
	if p.name != "" {
		kind = "preset: " + p.name
	}
	list := []string{sourceWith(source, kind, urls...)}
	for _, q := range p.questions {
		name := strings.ReplaceAll(source+"-"+q.name(), "_", "-")
		list = append(list, metricObject(name, source, q.kind(), q.expression(p.name)))
	}
	return list
}

// name is the metric's, with what it is grouped by.
func (q question) name() string {
	if q.by == "" {
		return q.metric
	}
	return q.metric + "_by_" + q.by
}

// kind is the type of the GatewayMetric.
func (q question) kind() string {
	if strings.Contains(q.metric, "ratio") || strings.Contains(q.metric, "latency") {
		return "Level"
	}
	return "Total"
}

// expression is the metric's Lua, over the window of these tests.
func (q question) expression(preset string) string {
	if preset == "" {
		return q.lua
	}
	if q.by != "" {
		return fmt.Sprintf(`gateway.%s({%s}, "10s", by(%q))`, q.metric, q.labels, q.by)
	}
	return fmt.Sprintf(`gateway.%s({%s}, "10s")`, q.metric, q.labels)
}
