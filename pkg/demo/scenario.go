package demo

import (
	"fmt"
	"math"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/hpa"
)

// Namespace is where the demo's objects are.
const Namespace = "demo"

// sourceName is the demo's GatewaySource.
const sourceName = "kong"

// usualPeriod is how long the traffic's rise and fall takes where nothing else
// is asked for.
const usualPeriod = 90 * time.Second

// A Metric is one number of the demo: how it is computed, shown, and used.
type Metric struct {
	// Name is that of the GatewayMetric and in external.metrics.k8s.io.
	Name string
	// Label is how tables call it.
	Label string
	// Type and Lua are those of the GatewayMetric.
	Type v1alpha1.MetricType
	Lua  string
	// Target is what the autoscaler wants it to be; nil where it is only shown.
	Target *hpa.Target
}

// A Scenario is everything about a demo that follows from how long it takes.
type Scenario struct {
	Traffic  Traffic
	Capacity Capacity
	// Startup is how long a new pod takes until it takes load.
	Startup time.Duration
	// Interval between two scrapes, and between two syncs of the autoscaler.
	Interval time.Duration
	// Window is how far the metrics look back.
	Window time.Duration
	// Replicas is how many pods there are at the beginning.
	Replicas int32
	Spec     hpa.Spec
	Metrics  []Metric
}

// NewScenario fits a scenario to a duration, 0 standing for no end: a period
// of the traffic takes 90 s, or so much less or more that a whole number of
// periods fills the duration. Windows and stabilisation shrink and grow with
// the period, so that pods added in a period are gone at its end; below some
// 20 s they cannot shrink any more.
func NewScenario(duration time.Duration) Scenario {
	period := usualPeriod
	if duration > 0 {
		periods := max(math.Round(duration.Seconds()/usualPeriod.Seconds()), 1)
		period = time.Duration(float64(duration) / periods)
	}
	window := max(period/7, 3*time.Second).Round(time.Second)
	behavior := hpa.DefaultBehavior()
	behavior.ScaleDown.StabilizationWindow = max(period/10, 2*time.Second).Round(time.Second)
	for _, rules := range []*hpa.Rules{&behavior.ScaleUp, &behavior.ScaleDown} {
		for i := range rules.Policies {
			rules.Policies[i].Period = max(period/20, time.Second).Round(time.Second)
		}
	}
	return Scenario{
		Traffic:  Traffic{Low: 105, High: 430, Period: period},
		Capacity: Capacity{Saturation: 95, Floor: 28, Service: 12},
		Startup:  500 * time.Millisecond,
		Interval: time.Second,
		Window:   window,
		Replicas: 3,
		Spec:     hpa.Spec{MinReplicas: 3, MaxReplicas: 12, Behavior: &behavior},
		Metrics:  metrics(window),
	}
}

// metrics are those of the demo, over windows of the given length.
func metrics(window time.Duration) []Metric {
	over := func(lua string) string { return strings.ReplaceAll(lua, "$", fmt.Sprintf("%q", window)) }
	return []Metric{
		{
			Name: "gateway_p95_latency_ms", Label: "p95_ms", Type: v1alpha1.TypeLevel,
			Lua:    over(`p95(kong_request_latency_ms{service="checkout"}[$])`),
			Target: &hpa.Target{Type: hpa.Value, Milli: 250_000},
		},
		{
			Name: "gateway_requests_per_second", Label: "rps", Type: v1alpha1.TypeTotal,
			Lua:    over(`rps(kong_http_requests_total[$])`),
			Target: &hpa.Target{Type: hpa.AverageValue, Milli: 50_000},
		},
		{
			Name: "gateway_requests_per_second_per_pod", Label: "rps_per_pod", Type: v1alpha1.TypeLevel,
			Lua: over(`rps(kong_http_requests_total[$]) / count(kong_nginx_requests_total)`),
		},
		{
			Name: "gateway_error_ratio", Label: "error_ratio", Type: v1alpha1.TypeLevel,
			Lua: over(`ratio(rps(kong_http_requests_total{code=re"5.."}[$]) or 0, rps(kong_http_requests_total[$]), 0)`),
		},
		{
			Name: "gateway_tokens_per_second", Label: "tokens_per_s", Type: v1alpha1.TypeTotal,
			Lua: over(`rps(kong_ai_llm_tokens_total{token_type="total_tokens"}[$])`),
		},
	}
}

// Source returns the GatewaySource that scrapes these URLs.
func (s Scenario) Source(urls []string) *v1alpha1.GatewaySource {
	return &v1alpha1.GatewaySource{
		TypeMeta:   typeMeta(v1alpha1.KindGatewaySource),
		ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: sourceName},
		Spec: v1alpha1.GatewaySourceSpec{
			Static:   &v1alpha1.StaticTargets{URLs: urls},
			Interval: &metav1.Duration{Duration: s.Interval},
		},
	}
}

// GatewayMetrics returns the objects that declare the metrics.
func (s Scenario) GatewayMetrics() []*v1alpha1.GatewayMetric {
	var objects []*v1alpha1.GatewayMetric
	for _, m := range s.Metrics {
		objects = append(objects, &v1alpha1.GatewayMetric{
			TypeMeta:   typeMeta(v1alpha1.KindGatewayMetric),
			ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: strings.ReplaceAll(m.Name, "_", "-")},
			Spec: v1alpha1.GatewayMetricSpec{
				Sources:  []v1alpha1.SourceReference{{Name: sourceName}},
				Lua:      m.Lua,
				Type:     m.Type,
				External: &v1alpha1.ExternalMetric{Name: m.Name},
			},
		})
	}
	return objects
}

func typeMeta(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: v1alpha1.GroupName + "/" + v1alpha1.Version, Kind: kind}
}
