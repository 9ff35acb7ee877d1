package engine

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/util/teststorage"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/script"
	"github.com/gaugeway/gaugeway/pkg/window"
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
	silent  map[string]bool // by ID
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
	p, src := emptyPlant()
	var metrics []*v1alpha1.GatewayMetric
	for service := range services {
		name := fmt.Sprintf("service-%03d", service)
		for _, of := range plantMetrics {
			metrics = append(metrics, plantMetric(name+"-"+of.name, fmt.Sprintf(of.lua, name), v1alpha1.TypeLevel))
		}
		for _, le := range plantBounds {
			p.table.Series = append(p.table.Series, labels.FromStrings(labels.MetricName, "kong_request_latency_ms_bucket", "le", le, "service", name))
		}
		for _, code := range plantCodes {
			p.table.Series = append(p.table.Series, labels.FromStrings(labels.MetricName, "kong_http_requests_total", "code", code, "service", name))
		}
	}
	p.start(tb, targets, src, metrics)
	p.evaluate() // what needs a filled window counts from here
	for range 14 {
		p.scrape(tb)
	}
	return p
}

// emptyPlant returns a plant without targets, series and metrics, and its source.
func emptyPlant() (*plant, *v1alpha1.GatewaySource) {
	p := &plant{clock: clocktesting.NewFakeClock(time.Unix(1_800_000_000, 0)), table: &metric.Table{}}
	p.engine = New(Options{Board: &metric.Board{}, Clock: p.clock})
	src := &v1alpha1.GatewaySource{ObjectMeta: metav1.ObjectMeta{Name: "kong", Namespace: "ns"}}
	src.Spec.Static = &v1alpha1.StaticTargets{URLs: []string{"http://127.0.0.1:1"}}
	src.SetDefaults()
	return p, src
}

func plantMetric(name, lua string, kind v1alpha1.MetricType) *v1alpha1.GatewayMetric {
	m := &v1alpha1.GatewayMetric{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "ns"}}
	m.Spec.Lua, m.Spec.Type = lua, kind
	m.Spec.External = &v1alpha1.ExternalMetric{Name: name}
	m.Spec.Sources = []v1alpha1.SourceReference{{Name: "kong"}}
	m.SetDefaults()
	return m
}

// start applies the metrics and scrapes so many targets once.
func (p *plant) start(tb testing.TB, targets int, src *v1alpha1.GatewaySource, metrics []*v1alpha1.GatewayMetric) {
	tb.Helper()
	if err := p.engine.Apply([]*v1alpha1.GatewaySource{src}, metrics); err != nil {
		tb.Fatal(err)
	}
	p.source = p.engine.sources[metric.Key{Namespace: "ns", Name: "kong"}]
	for i := range targets {
		p.targets = append(p.targets, p.target(i))
	}
	p.source.window.SetTargets(p.targets, p.clock.Now().UnixMilli())
	p.scrape(tb)
}

func (p *plant) target(i int) metric.Target {
	name := fmt.Sprintf("kong-7d9c6b5f4-%05d", i)
	return metric.Target{ID: "uid-" + name, Expected: true, Labels: labels.FromStrings(
		metric.LabelInstance, fmt.Sprintf("10.0.%d.%d:8100", i/250, i%250), metric.LabelNamespace, "ns", metric.LabelPod, name, metric.LabelSource, "kong",
	)}
}

// scrape lets an interval pass, and appends what all targets answer that are not
// silent.
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
		if p.silent[t.ID] {
			continue
		}
		for i := range values {
			values[i] = float64(p.row * (1 + i%16) * (3 + n%7))
		}
		if err := p.source.window.Append(t.ID, metric.Batch{Time: now - int64(n), Table: p.table, IDs: ids, Values: values}); err != nil {
			tb.Fatal(err)
		}
	}
}

// evaluate evaluates all metrics as a tick does, and returns how long it took.
func (p *plant) evaluate() time.Duration {
	start := time.Now()
	p.source.evaluate(p.source.programs)
	return time.Since(start)
}

// loners returns programs like those of the plant that share nothing.
func (p *plant) loners(tb testing.TB) []*program {
	tb.Helper()
	loners := make([]*program, len(p.source.programs))
	for i, of := range p.source.programs {
		c := p.engine.compileOne(of.object, "")
		if c.err != nil {
			tb.Fatal(c.err)
		}
		loners[i] = newProgram(p.engine, of.object, c.script, of.sources, of.parts)
		loners[i].script = p.engine.compileOne(of.object, "").script // with an interpreter of its own
		loners[i].shared = window.NewSelections(window.Covered, of.parts...)
		loners[i].view = loners[i].shared.View()
		loners[i].view.Fill(c.script.FullWindow())
		loners[i].since = of.since
	}
	return loners
}

// alone evaluates programs one by one, and returns how long it took.
func (p *plant) alone(loners []*program) time.Duration {
	start := time.Now()
	for _, l := range loners {
		l.evaluate(newRound(p.source, p.clock.Now().UnixMilli()))
	}
	return time.Since(start)
}

// TestSharingChangesNoResult compares what metrics answer that are evaluated
// together with what they answer alone, while targets come, go and fall silent.
func TestSharingChangesNoResult(t *testing.T) {
	t.Parallel()
	p := newPlant(t, 6, 5)
	loners := p.loners(t)
	for tick := range 40 {
		switch tick % 10 {
		case 3: // one is away for a while, and answers again
			p.silent = map[string]bool{p.targets[0].ID: true, p.targets[1].ID: tick > 20}
		case 7:
			p.silent = nil
		case 9: // one is replaced
			p.targets = append(p.targets[1:len(p.targets):len(p.targets)], p.target(100+tick))
			p.source.window.SetTargets(p.targets, p.clock.Now().UnixMilli())
		}
		p.scrape(t)
		p.evaluate()
		p.alone(loners)
		for i, l := range loners {
			got, want := p.source.programs[i].entry.Latest(), l.entry.Latest()
			if diff := cmp.Diff(want, got, cmp.Comparer(labels.Equal)); diff != "" {
				t.Fatalf("tick %d, %s: alone and together:\n%s", tick, l.key, diff)
			}
		}
	}
	shared := 0
	for _, m := range p.source.rounds.memos {
		shared += m.Shared()
	}
	if shared < 40*5 {
		t.Errorf("%d values were shared", shared)
	}
}

// BenchmarkTick evaluates 1,000 metrics over 500,000 series. It reports how long
// that takes and how long its parts do; how many times longer the same metrics
// take one by one, sharing nothing; and how many times longer Prometheus's
// engine takes for three of them over its own storage than they do one by one.
func BenchmarkTick(b *testing.B) {
	p := newPlant(b, 250, 125)
	loners := p.loners(b)
	p.evaluate()
	p.evaluate()
	p.alone(loners)
	b.ReportAllocs()
	var together, alone, reading, computing, lua, publishing []time.Duration
	for b.Loop() {
		b.StopTimer()
		p.scrape(b)
		runtime.GC()
		b.StartTimer()
		took := p.evaluate()
		b.StopTimer()
		together = append(together, took)
		alone = append(alone, p.alone(loners))
		parts := p.parts(b)
		reading, computing, lua = append(reading, parts.reading), append(computing, parts.running-parts.reading-parts.empty), append(lua, parts.empty)
		publishing = append(publishing, max(took-parts.running, 0)) // what is left, of runs that differ
		b.StartTimer()
	}
	b.StopTimer()
	report := func(d time.Duration, unit string) { b.ReportMetric(d.Seconds()*1000, unit) }
	report(median(together), "ms/tick")
	report(median(reading), "ms-select")
	report(median(computing), "ms-compute")
	report(median(lua), "ms-lua")
	report(median(publishing), "ms-publish")
	b.ReportMetric(float64(median(alone))/float64(median(together)), "alone/together")
	b.ReportMetric(p.byPromQL(b, loners), "promql/alone")
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// parts are what a tick takes its time for.
type parts struct {
	running time.Duration // scripts
	reading time.Duration // of that, windows
	empty   time.Duration // what scripts take that find no series
}

// parts evaluates the scripts once more, with a look at the clock before and
// after each use of a window.
func (p *plant) parts(tb testing.TB) parts {
	tb.Helper()
	var out parts
	now := p.clock.Now().UnixMilli()
	shared := &p.source.rounds
	shared.begin()
	for _, of := range p.source.programs {
		of.view.Begin(now)
		data := &timedData{View: of.view}
		env := script.Env{Now: now, Lookback: of.view.Lookback(), Data: data, Namespace: of.key.Namespace, Memo: shared.memo(of, now)}
		start := time.Now()
		if _, err := of.script.Run(env); err != nil {
			tb.Fatal(err)
		}
		out.running += time.Since(start)
		out.reading += data.took
		env.Data, env.Memo = nil, nil
		start = time.Now()
		if _, err := of.script.Run(env); err != nil {
			tb.Fatal(err)
		}
		out.empty += time.Since(start)
		of.view.End()
	}
	shared.end()
	return out
}

// timedData is a View that measures how long it is used.
type timedData struct {
	*window.View
	took time.Duration
}

func (d *timedData) Count(sel *metric.Selector) (series, rows int) {
	defer d.since(time.Now())
	return d.View.Count(sel)
}

func (d *timedData) Series(sel *metric.Selector) []metric.Series {
	defer d.since(time.Now())
	return d.View.Series(sel)
}

func (d *timedData) Bare(sel *metric.Selector) []metric.Series {
	defer d.since(time.Now())
	return d.View.Bare(sel)
}

func (d *timedData) Groups(sel *metric.Selector, without bool, names []string) (of []int32, groups []labels.Labels) {
	defer d.since(time.Now())
	return d.View.Groups(sel, without, names)
}

func (d *timedData) since(start time.Time) { d.took += time.Since(start) }

// byPromQL returns how many times longer Prometheus's engine takes than programs
// that share nothing, and checks that the results are the same.
func (p *plant) byPromQL(b *testing.B, loners []*program) float64 {
	b.Helper()
	queries := map[string]string{
		"p95-promql":  `histogram_quantile(0.95, sum by (le) (rate(kong_request_latency_ms_bucket{service="service-000"}[1m])))`,
		"error-ratio": `sum(rate(kong_http_requests_total{service="service-000",code=~"5.."}[1m])) / sum(rate(kong_http_requests_total{service="service-000"}[1m]))`,
		"rate-by-pod": `sum by (pod) (rate(kong_http_requests_total{service="service-000"}[1m]))`,
	}
	db := p.stored(b)
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1 << 30, Timeout: time.Minute})
	defer engine.Close()
	at := p.clock.Now()
	var ours, theirs []time.Duration
	for range 20 {
		var one, other time.Duration
		for _, l := range loners {
			query := queries[strings.TrimPrefix(l.key.Name, "service-000-")]
			if query == "" {
				continue
			}
			one += p.alone([]*program{l})
			start := time.Now()
			q, err := engine.NewInstantQuery(b.Context(), db, nil, query, at)
			if err != nil {
				b.Fatal(err)
			}
			v, err := q.Exec(b.Context()).Vector()
			if err != nil {
				b.Fatal(err)
			}
			other += time.Since(start)
			items := l.entry.Latest().Items
			if len(items) != len(v) {
				b.Fatalf("%s: %d items, not %d: %s", l.key, len(items), len(v), l.entry.Latest().Reason)
			}
			slices.SortFunc(v, func(a, b promql.Sample) int { return labels.Compare(a.Metric, b.Metric) })
			for i := range v {
				if items[i].Value != v[i].F {
					b.Fatalf("%s: %v, not %v", l.key, items[i], v[i])
				}
			}
			q.Close()
		}
		ours, theirs = append(ours, one), append(theirs, other)
	}
	return float64(median(theirs)) / float64(median(ours))
}

// stored returns a storage with the series of the first service.
func (p *plant) stored(b *testing.B) *teststorage.TestStorage {
	b.Helper()
	db := teststorage.New(b)
	v := window.NewView(window.All, window.Part{Window: p.source.window})
	v.Begin(p.clock.Now().UnixMilli())
	defer v.End()
	app := db.Appender(context.Background())
	service := []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, "service", "service-000")}
	for _, name := range []string{"kong_request_latency_ms_bucket", "kong_http_requests_total"} {
		for _, s := range v.Select(&metric.Selector{Name: name, Matchers: service}) {
			for i, at := range s.T {
				if _, err := app.Append(0, s.Labels, at, s.F[i]); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	if err := app.Commit(); err != nil {
		b.Fatal(err)
	}
	return db
}
