package v1alpha1

import (
	"testing"
	"time"

	"github.com/gaugeway/gaugeway/pkg/vocabulary"
)

func TestExpression(t *testing.T) {
	t.Parallel()
	f := func(p PresetMetric, want string) {
		t.Helper()
		s := GatewayMetricSpec{Preset: &p}
		if got := s.Expression(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	f(PresetMetric{Metric: "queue_depth"}, `gateway.queue_depth({})`)
	f(PresetMetric{Metric: "error_ratio", Labels: map[string]string{"service": "cart", "pod": "a"}}, `gateway.error_ratio({["pod"] = "a", ["service"] = "cart"})`)
	f(PresetMetric{Metric: "error_ratio", By: []string{"route", "pod"}}, `gateway.error_ratio({}, nil, by("route", "pod"))`)
	f(PresetMetric{Metric: "error_ratio", Window: duration(90 * time.Second)}, `gateway.error_ratio({}, "90s")`)
	f(PresetMetric{Metric: "error_ratio", Window: duration(2 * time.Minute), By: []string{"pod"}}, `gateway.error_ratio({}, "2m", by("pod"))`)
	f(PresetMetric{Metric: "error_ratio", Window: duration(1500 * time.Millisecond)}, `gateway.error_ratio({}, "1500ms")`)
	f(PresetMetric{Metric: "error_ratio", Labels: map[string]string{"route": "a\"b\\c\nd\x00é"}}, `gateway.error_ratio({["route"] = "a\"b\\c\010d\000é"})`)

	if s := (GatewayMetricSpec{Lua: "1"}); s.Expression() != "1" {
		t.Errorf("Lua is %s", s.Expression())
	}
}

// TestPresetsType: the vocabulary knows what a metric of a preset is, and what is
// written wins.
func TestPresetsType(t *testing.T) {
	t.Parallel()
	for _, v := range vocabulary.Metrics() {
		m := GatewayMetric{Spec: GatewayMetricSpec{Preset: &PresetMetric{Metric: v.Name}}}
		m.SetDefaults()
		if m.Spec.Type != MetricType(v.Type) || m.Spec.Type != TypeLevel && m.Spec.Type != TypeTotal {
			t.Errorf("%s is %q", v.Name, m.Spec.Type)
		}
		m.Spec.Type = TypeTotal
		m.SetDefaults()
		if m.Spec.Type != TypeTotal {
			t.Errorf("%s lost its type", v.Name)
		}
	}
}
