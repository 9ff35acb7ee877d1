package provider

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/metrics/pkg/apis/external_metrics"
)

func TestUnmatched(t *testing.T) {
	t.Parallel()
	f := func(want string, items ...external_metrics.ExternalMetricValue) {
		t.Helper()
		if got := unmatched(labels.SelectorFromSet(labels.Set{"pod": "z"}), items); !strings.Contains(got, want) {
			t.Errorf("got %q, want %q in it", got, want)
		}
	}
	f("its only element has no labels", external_metrics.ExternalMetricValue{})
	f(`matches selector "pod=z", labels seen: {pod=a}`, external_metrics.ExternalMetricValue{MetricLabels: map[string]string{"pod": "a"}})
}
