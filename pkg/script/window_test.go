package script

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/window"
)

// A gatewayFleet is windows of gateways that come and go, whose series come and
// go, are forgotten, and whose counters are reset.
type gatewayFleet struct {
	t       *testing.T
	rand    *rand.Rand
	now     int64
	windows []*window.Window
	targets [][]metric.Target
	tables  map[string]*metric.Table
	values  map[string]float64
}

func newGatewayFleet(t *testing.T, seed uint64) *gatewayFleet {
	f := &gatewayFleet{
		t: t, rand: rand.New(rand.NewPCG(seed, 2)), now: testNow,
		windows: []*window.Window{window.New(interval), window.New(interval)}, targets: make([][]metric.Target, 2),
		tables: map[string]*metric.Table{}, values: map[string]float64{},
	}
	for _, w := range f.windows {
		w.SetWants(fleetWants())
	}
	return f
}

func fleetWants() []metric.Selector {
	var wants []metric.Selector
	for _, name := range fleetNames {
		wants = append(wants, metric.Selector{Name: name, Range: 60_000, Offset: 10_000})
	}
	return wants
}

// forget lets a window lose half of the names, and of a histogram all buckets but
// one: nothing is known of them before their next sample.
func (f *gatewayFleet) forget(w *window.Window) {
	wants := fleetWants()
	one := metric.Selector{Name: "latency_seconds_bucket", Matchers: []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, "le", "+Inf")}, Range: 60_000, Offset: 10_000}
	w.SetWants(append(wants[:len(wants)/2:len(wants)/2], one))
	w.SetWants(fleetWants())
}

var fleetNames = []string{
	"up", "queue_length", "in_flight", "requests_total", "latency_seconds_bucket", "native_seconds", "summary_seconds", "ambiguous", "upstream_requests",
}

// tick lets targets come and go, and scrapes them.
func (f *gatewayFleet) tick() {
	f.now += interval
	for i, w := range f.windows {
		targets := slices.Clone(f.targets[i])
		switch n := f.rand.IntN(10); {
		case len(targets) < 2 || n == 0 && len(targets) < 5:
			pod := fmt.Sprintf("pod-%d-%d", i, f.rand.IntN(1000))
			targets = append(targets, metric.Target{ID: pod, Expected: true, Labels: labels.FromStrings("pod", pod, "source", "kong")})
		case n == 1:
			targets = targets[1:]
		}
		f.targets[i] = targets
		w.SetTargets(targets, f.now)
		if f.rand.IntN(12) == 0 {
			f.forget(w)
		}
		for _, t := range targets {
			if f.rand.IntN(12) > 0 {
				f.scrape(w, t)
			}
		}
	}
}

func (f *gatewayFleet) scrape(w *window.Window, t metric.Target) {
	table := f.tables[t.ID]
	if table == nil {
		table = &metric.Table{}
		f.tables[t.ID] = table
	}
	batch := metric.Batch{Time: f.now, Table: table}
	say := func(name string, grows float64, h *histogram.FloatHistogram) {
		l := parseLabels(name)
		id := slices.IndexFunc(table.Series, func(o labels.Labels) bool { return labels.Equal(l, o) })
		if id < 0 {
			id = len(table.Series)
			table.Series = append(table.Series, l)
		}
		key := t.ID + name
		if f.values[key] += grows; f.rand.IntN(40) == 0 {
			f.values[key] = 0
		}
		batch.IDs, batch.Values = append(batch.IDs, uint32(id)), append(batch.Values, f.values[key])
		batch.Histograms = append(batch.Histograms, h)
	}
	maybe := func() bool { return f.rand.IntN(5) > 0 }
	say("up", 0, nil)
	say("queue_length", f.rand.NormFloat64(), nil)
	say("in_flight", 1, nil)
	for _, code := range []string{"200", "404", "503"} {
		if maybe() {
			say(fmt.Sprintf(`requests_total{code="%s"}`, code), f.rand.Float64()*100, nil)
		}
	}
	if maybe() {
		for _, le := range []string{"0.1", "1", "+Inf"} {
			say(fmt.Sprintf(`latency_seconds_bucket{le="%s"}`, le), float64(f.rand.IntN(10)), nil)
		}
	}
	n := float64(f.now-testNow) / interval
	say("native_seconds", 0, &histogram.FloatHistogram{
		Count: 2 * n, Sum: 3 * n, ZeroThreshold: 1e-128, PositiveSpans: []histogram.Span{{Length: 2}}, PositiveBuckets: []float64{n, n},
	})
	say(`summary_seconds{quantile="0.95"}`, 0.1, nil)
	say(`ambiguous{__type__="counter"}`, 1, nil)
	if maybe() {
		say(`ambiguous{__type__="gauge"}`, 1, nil)
	}
	say(`upstream_requests{upstream="10.0.0.7:8000"}`, 3, nil)
	if err := w.Append(t.ID, batch); err != nil {
		f.t.Fatal(err)
	}
}

// plainData hides all of a View but Select.
type plainData struct{ Data }

// TestOverWindows: what programs give over windows, where they need no labels to
// aggregate series and share what they compute, is what they give over series
// with labels, alone; and so is what the View says of it.
func TestOverWindows(t *testing.T) {
	t.Parallel()
	sources := slices.DeleteFunc(slices.Clone(shareable), func(s string) bool { return strings.Contains(s, "while true") }) // slow
	for _, f := range Reference() {
		sources = append(sources, f.Example)
	}
	for _, full := range []int64{0, 60_000} {
		for seed := range uint64(2) {
			f := newGatewayFleet(t, seed)
			parts := []window.Part{{Window: f.windows[0]}, {Window: f.windows[1], Matchers: []*labels.Matcher{labels.MustNewMatcher(labels.MatchRegexp, "pod", ".*[02468]")}}}
			selections := window.NewSelections(window.Covered, parts...)
			memos := map[int64]*Memo{}
			var alone, together []*Program
			var views []*window.View
			for _, s := range sources {
				alone, together = append(alone, compile(t, s)), append(together, compile(t, s))
				v := selections.View()
				v.Fill(full)
				views = append(views, v)
			}
			shared := 0
			for round := range 25 {
				f.tick()
				for i, source := range sources {
					env := gateway()
					env.Now = f.now
					reference := window.NewView(window.Covered, parts...)
					reference.Fill(full)
					reference.Begin(f.now)
					env.Data, env.Lookback = plainData{reference}, reference.Lookback()
					v, err := alone[i].Run(env)
					want := outcome(alone[i], v, err) + said(reference)
					reference.End()

					views[i].Begin(f.now)
					memo := memos[views[i].Filling()]
					if memo == nil {
						memo = NewRoom(1 << 20).NewMemo()
						memos[views[i].Filling()] = memo
					}
					if !memo.open {
						memo.Begin(f.now, env.Lookback)
					}
					env.Data, env.Memo = views[i], memo
					v, err = together[i].Run(env)
					if got := outcome(together[i], v, err) + said(views[i]); got != want {
						t.Fatalf("seed %d, round %d: %s\ngives %s\nalone %s", seed, round, source, got, want)
					}
					views[i].End()
				}
				for _, memo := range memos {
					memo.End()
					shared += memo.Shared()
				}
			}
			if shared == 0 {
				t.Error("nothing was shared")
			}
		}
	}
}

func said(v *window.View) string {
	return fmt.Sprintf(", oldest %d, window %d, empty %v", v.Oldest(), v.Window(), v.Empty())
}

var _ GroupedData = (*window.View)(nil)
