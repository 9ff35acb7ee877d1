package gateways_test

import (
	"fmt"
	"strings"
)

// A preset is how a test asks a gateway for metrics of the vocabulary.
type preset struct {
	name      string // of the source's spec.preset
	spec      string // one more line of the source's spec, if any
	questions []question
}

// A question is one metric of the vocabulary.
type question struct {
	metric string // of the vocabulary
	labels string // of the vocabulary and their values, if any: {service: app}
	by     string // the vocabulary's label that groups the answer, if any
}

// objects returns a source and its metrics, external under <source>_<metric>,
// those that are grouped under <source>_<metric>_by_<label>.
func (p preset) objects(source string, urls ...string) []string {
	lines := "preset: " + p.name
	if p.spec != "" {
		lines += "\n  " + p.spec
	}
	list := []string{sourceWith(source, lines, urls...)}
	for _, q := range p.questions {
		list = append(list, q.object(source))
	}
	return list
}

// object is the GatewayMetric that asks the question, over the window of these
// tests.
func (q question) object(source string) string {
	external := source + "_" + q.metric
	if q.by != "" {
		external += "_by_" + q.by
	}
	name := strings.ReplaceAll(external, "_", "-")
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
