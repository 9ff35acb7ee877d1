package window

import (
	"fmt"
	"runtime"
	"testing"
	"unsafe"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// A gateway fleet as it is meant to be watched: 200 targets, scraped every 5 s,
// that all show the same 840 series of 40 services, and for each service a
// percentile and a rate over a minute.
const (
	fleetTargets  = 200 // a quarter of them in tests
	fleetServices = 40
	fleetInterval = 5 * second
	fleetScrapes  = 20 // the window is full, and rows were cut
)

type fleet struct {
	targets int
	window  *Window
	views   []*View
	wants   []metric.Selector
	series  []labels.Labels
	ids     []uint32
	values  []float64
}

func newFleet(targets int) *fleet {
	f := &fleet{targets: targets}
	bounds := []string{"5", "10", "25", "50", "80", "100", "250", "400", "700", "1000", "2000", "5000", "10000", "30000", "60000", "+Inf"}
	for n := range fleetServices {
		service := labels.MustNewMatcher(labels.MatchEqual, "service", fmt.Sprintf("service-%d", n))
		name := labels.FromStrings("route", fmt.Sprintf("route-%d", n), "service", service.Value, "workspace", "default")
		for metricName, values := range map[string][]string{"kong_request_latency_ms_bucket": bounds, "kong_http_requests_total": {"200", "201", "404", "500", "503"}} {
			f.wants = append(f.wants, metric.Selector{Name: metricName, Matchers: []*labels.Matcher{service}, Range: 60 * second})
			for _, v := range values {
				b := labels.NewBuilder(name)
				b.Set(labels.MetricName, metricName)
				if metricName == "kong_http_requests_total" {
					b.Set("code", v)
				} else {
					b.Set("le", v)
				}
				f.ids = append(f.ids, uint32(len(f.series)))
				f.series = append(f.series, b.Labels())
			}
		}
	}
	f.values = make([]float64, len(f.series))
	return f
}

// fill scrapes the fleet until the window is full. The targets' parsers number
// the series alike, as those that share exposition.Layouts do.
func (f *fleet) fill(tb testing.TB) {
	f.window = New(fleetInterval)
	f.window.SetWants(f.wants)
	targets := make([]metric.Target, f.targets)
	tables := make([]*metric.Table, f.targets)
	for i := range targets {
		targets[i] = metric.Target{ID: fmt.Sprint(i), Expected: true, Labels: labels.FromStrings(
			"namespace", "gateways", "pod", fmt.Sprintf("kong-7d9c6b5f4-%05d", i), "node", fmt.Sprintf("node-%d", i%20), "source", "kong")}
		tables[i] = &metric.Table{Series: f.series}
	}
	f.window.SetTargets(targets, 0)
	selections := NewSelections(Covered, Part{Window: f.window})
	for range f.wants {
		f.views = append(f.views, selections.View())
	}
	for scrape := range int64(fleetScrapes) {
		for i := range f.values {
			f.values[i] = float64(scrape)
		}
		at := (scrape + 1) * fleetInterval
		for i := range targets {
			batch := metric.Batch{Time: at, Table: tables[i], IDs: f.ids, Values: f.values}
			if err := f.window.Append(targets[i].ID, batch); err != nil {
				tb.Fatal(err)
			}
		}
	}
	f.evaluate(tb, fleetScrapes*fleetInterval)
	for _, table := range tables {
		runtime.KeepAlive(table)
	}
}

// evaluate reads what the programs read: series, and groups of them.
func (f *fleet) evaluate(tb testing.TB, at int64) {
	for i, v := range f.views {
		v.Begin(at)
		of, _ := v.Groups(&f.wants[i], false, []string{"le"})
		if got := len(v.Bare(&f.wants[i])); got < 5*f.targets || got != len(of) {
			tb.Fatalf("%d series of %s, %d in groups", got, &f.wants[i], len(of))
		}
		v.End()
	}
}

// overhead returns how many bytes a filled window and its views take for each
// sample, beyond the 8 of its value and the share of the 8 of its time.
func overhead(tb testing.TB, targets int) float64 {
	f := newFleet(targets)
	before := heap()
	f.fill(tb)
	taken := heap() - before
	_, series, samples := f.window.Size()
	if series != targets*len(f.series) {
		tb.Fatalf("%d series", series)
	}
	share := 8 + 8/float64(len(f.series))
	runtime.KeepAlive(f)
	return float64(taken)/float64(samples) - share
}

// heap returns the bytes of what lives, pools emptied.
func heap() int64 {
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestMemoryPerSample: what is kept beside values and times is little. It does
// not run beside other tests, whose memory it would measure.
func TestMemoryPerSample(t *testing.T) {
	const most = 10
	if got := overhead(t, fleetTargets/4); got > most {
		t.Errorf("%.2f bytes for a sample beyond its value and its share of a time, want %d at most", got, most)
	}
}

func BenchmarkMemoryPerSample(b *testing.B) {
	for b.Loop() {
		b.ReportMetric(overhead(b, fleetTargets), "B/sample-beyond-value-and-time")
	}
}

// BenchmarkTick measures what a window does in a tick of the fleet: it takes in
// the scrapes, and gives the series of each program.
func BenchmarkTick(b *testing.B) {
	f := newFleet(fleetTargets)
	f.fill(b)
	at := int64(fleetScrapes) * fleetInterval
	table := map[string]*metric.Table{}
	for _, t := range f.window.listed {
		table[t.ID] = t.table
	}
	b.Run("Append", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			at += fleetInterval
			for id := range table {
				if err := f.window.Append(id, metric.Batch{Time: at, Table: table[id], IDs: f.ids, Values: f.values}); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("Read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f.evaluate(b, at)
		}
	})
}

// TestLabelsOfAFleetAreOneText: also where they clash with those that a target
// lends, as the source of Kong's requests does.
func TestLabelsOfAFleetAreOneText(t *testing.T) {
	t.Parallel()
	series := []labels.Labels{labels.FromStrings(labels.MetricName, "x", "source", "service")}
	w := New(fleetInterval)
	w.SetWants([]metric.Selector{{Name: "x"}})
	w.SetTargets([]metric.Target{endpoint("a"), endpoint("b")}, 0)
	for _, id := range []string{"a", "b"} {
		if err := w.Append(id, metric.Batch{Time: second, Table: &metric.Table{Series: series}, IDs: []uint32{0}, Values: []float64{1}}); err != nil {
			t.Fatal(err)
		}
	}
	one, other := w.targets["a"].series[0].Get("exported_source"), w.targets["b"].series[0].Get("exported_source")
	if one != "service" || unsafe.StringData(one) != unsafe.StringData(other) {
		t.Errorf("%q and %q are two texts", one, other)
	}
}
