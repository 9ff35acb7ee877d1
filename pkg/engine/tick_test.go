package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/metric"
)

// A plant is a source with many series and the metrics that are computed of
// them, without scraping: the test appends what targets would answer.
type plant struct {
	engine  *Engine
	source  *source
	clock   *clocktesting.FakeClock
	targets []metric.Target
	table   *metric.Table
	row     int
}

var (
	plantBounds = []string{"5", "10", "25", "50", "100", "250", "500", "1000", "2500", "5000", "10000", "+Inf"}
	plantCodes  = []string{"200", "404", "500", "503"}
)

// plantMetrics are what is asked of each service.
var plantMetrics = []struct{ name, lua string }{
	{"p95", `p95(kong_request_latency_ms{service=%q}["1m"])`},
	{"p99", `p99(kong_request_latency_ms{service=%q}["1m"])`},
	{"p95-by-pod", `p95(kong_request_latency_ms{service=%q}["1m"], by("pod"))`},
	{"p95-promql", `histogram_quantile(0.95, sum(rate(kong_request_latency_ms_bucket{service=%q}["1m"]), by("le")))`},
	{"rps", `rps(kong_http_requests_total{service=%q}["1m"])`},
	{"rps-by-pod", `rps(kong_http_requests_total{service=%q}["1m"], by("pod"))`},
	{"error-ratio", `ratio(sum(rate(kong_http_requests_total{service=%[1]q,code=re"5.."}["1m"])), sum(rate(kong_http_requests_total{service=%[1]q}["1m"])), 0)`},
	{"rate-by-pod", `sum(rate(kong_http_requests_total{service=%q}["1m"]), by("pod"))`},
}

// newPlant returns a plant of so many targets, each with 16 series of each
// service, whose windows are filled, and eight metrics of each service.
func newPlant(tb testing.TB, targets, services int) *plant {
	tb.Helper()
	p := &plant{clock: clocktesting.NewFakeClock(time.Unix(1_800_000_000, 0)), table: &metric.Table{}}
	p.engine = New(Options{Board: &metric.Board{}, Clock: p.clock})
	src := &v1alpha1.GatewaySource{ObjectMeta: metav1.ObjectMeta{Name: "kong", Namespace: "ns"}}
	src.Spec.Static = &v1alpha1.StaticTargets{URLs: []string{"http://127.0.0.1:1"}}
	src.SetDefaults()
	var metrics []*v1alpha1.GatewayMetric
	for service := range services {
		name := fmt.Sprintf("service-%03d", service)
		for _, of := range plantMetrics {
			m := &v1alpha1.GatewayMetric{ObjectMeta: metav1.ObjectMeta{Name: name + "-" + of.name, Namespace: "ns"}}
			m.Spec.Lua, m.Spec.Type = fmt.Sprintf(of.lua, name), v1alpha1.TypeLevel
			m.Spec.External = &v1alpha1.ExternalMetric{Name: m.Name}
			m.Spec.Sources = []v1alpha1.SourceReference{{Name: "kong"}}
			m.SetDefaults()
			metrics = append(metrics, m)
		}
		for _, le := range plantBounds {
			p.table.Series = append(p.table.Series, labels.FromStrings(labels.MetricName, "kong_request_latency_ms_bucket", "le", le, "service", name))
		}
		for _, code := range plantCodes {
			p.table.Series = append(p.table.Series, labels.FromStrings(labels.MetricName, "kong_http_requests_total", "code", code, "service", name))
		}
	}
	if err := p.engine.Apply([]*v1alpha1.GatewaySource{src}, metrics); err != nil {
		tb.Fatal(err)
	}
	p.source = p.engine.sources[metric.Key{Namespace: "ns", Name: "kong"}]
	for i := range targets {
		name := fmt.Sprintf("kong-7d9c6b5f4-%05d", i)
		p.targets = append(p.targets, metric.Target{ID: "uid-" + name, Expected: true, Labels: labels.FromStrings(
			metric.LabelInstance, fmt.Sprintf("10.0.%d.%d:8100", i/250, i%250), metric.LabelNamespace, "ns", metric.LabelPod, name, metric.LabelSource, "kong",
		)})
	}
	p.source.window.SetTargets(p.targets, p.clock.Now().UnixMilli())
	for range 14 {
		p.scrape(tb)
	}
	return p
}

// scrape appends what all targets answer now, and lets an interval pass before.
func (p *plant) scrape(tb testing.TB) {
	tb.Helper()
	p.clock.Step(interval)
	p.row++
	now := p.clock.Now().UnixMilli()
	values := make([]float64, len(p.table.Series))
	ids := make([]uint32, len(p.table.Series))
	for i := range ids {
		ids[i] = uint32(i)
	}
	for n, t := range p.targets {
		for i := range values {
			values[i] = float64(p.row * (1 + i%16) * (3 + n%7))
		}
		if err := p.source.window.Append(t.ID, metric.Batch{Time: now - int64(n), Table: p.table, IDs: ids, Values: values}); err != nil {
			tb.Fatal(err)
		}
	}
	p.clock.Step(300 * time.Millisecond)
	p.clock.Step(-300 * time.Millisecond)
}

func (p *plant) evaluate() {
	p.source.evaluate(p.source.programs)
}

// BenchmarkTick evaluates 1,000 metrics over 500,000 series.
func BenchmarkTick(b *testing.B) {
	p := newPlant(b, 250, 125)
	p.evaluate()
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		p.scrape(b)
		b.StartTimer()
		p.evaluate()
	}
}
