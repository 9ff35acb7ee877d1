package promath_test

import (
	"context"
	"fmt"
	"math"
	"math/rand"
	"slices"
	"testing"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/util/teststorage"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// A world is random series, as gaugeway's window holds them and, sample by
// sample the same, in Prometheus's storage.
type world struct {
	rnd     *rand.Rand
	db      *teststorage.TestStorage
	series  []metric.Series // in label order
	targets [][]int64       // the times of each target's rows
}

// Metrics of every world, by what they hold.
const (
	counterA   = "requests_total"
	counterB   = "errors_total"
	gauge      = "queue_depth"
	classic    = "latency_bucket"
	native     = "latency_native"
	nativeGage = "size_native_gauge"
	custom     = "latency_custom"
	mixed      = "mixed"
	conflict   = "conflict"
)

var (
	metricNames = []string{counterA, counterB, gauge, classic, native, nativeGage, custom, mixed, conflict}
	floatNames  = []string{counterA, counterB, gauge, classic}
)

const (
	epoch    = int64(1_700_000_000_000)
	duration = int64(10 * 60_000)
)

func newWorld(t testing.TB, rnd *rand.Rand) *world {
	t.Helper()
	w := &world{rnd: rnd, db: teststorage.New(t)}
	for range 4 {
		w.targets = append(w.targets, w.times())
	}
	for target := range w.targets {
		pod := fmt.Sprintf("p%d", target)
		for _, code := range []string{"200", "404", "503"} {
			w.add(target, w.counter, counterA, "pod", pod, "code", code)
			if w.one(2) {
				w.add(target, w.counter, counterB, "pod", pod, "code", code)
			}
			w.add(target, w.counter, counterA, "pod", pod, "code", code, "Zone", "a")
		}
		w.add(target, w.gauge, gauge, "pod", pod)
		w.add(target, w.gauge, gauge, "pod", pod, "model", "llama-3.1/8b", "__unit__", "s")
		w.add(target, w.constant, gauge, "pod", pod, "model", "ünï \"x\"\n")
		w.classicHistogram(target, classic, "pod", pod, "route", "a")
		w.classicHistogram(target, classic, "pod", pod, "route", "b")
		w.add(target, w.counter, classic, "pod", pod, "route", "c")
		w.add(target, w.counter, classic, "pod", pod, "route", "c", "le", "many")
		w.add(target, w.native(false), native, "pod", pod, "route", "a")
		w.add(target, w.native(false), native, "pod", pod, "route", "b")
		w.add(target, w.native(true), nativeGage, "pod", pod)
		w.add(target, w.custom, custom, "pod", pod, "route", "a")
		w.add(target, w.custom, custom, "pod", pod, "route", "b")
		w.add(target, w.alternating(w.counter, w.native(false)), mixed, "pod", pod, "kind", "float and native")
		w.add(target, w.alternating(w.custom, w.native(false)), mixed, "pod", pod, "kind", "custom and native")
		w.add(target, w.native(false), mixed, "pod", pod, "kind", "native")
		w.add(target, w.gauge, mixed, "pod", pod, "kind", "float")
		w.add(target, w.native(false), conflict, "pod", pod)
		if w.one(2) {
			w.classicHistogram(target, conflict, "pod", pod)
		}
	}
	slices.SortFunc(w.series, func(a, b metric.Series) int { return labels.Compare(a.Labels, b.Labels) })
	w.load(t)
	return w
}

// one is true once in n times.
func (w *world) one(n int) bool { return w.rnd.Intn(n) == 0 }

// times returns the times of a target's rows: an interval with some jitter and
// gaps, or without.
func (w *world) times() []int64 {
	interval := []int64{1000, 5000, 5000, 15_000, 30_000}[w.rnd.Intn(5)]
	jitter := []int64{1, 1, 100, interval / 2}[w.rnd.Intn(4)]
	var t []int64
	for at := epoch; at < epoch+duration; at += interval {
		if len(t) > 0 && w.one(40) {
			at += interval * w.rnd.Int63n(10)
		}
		t = append(t, at+w.rnd.Int63n(jitter))
	}
	return t
}

// A row is one row of a series: a histogram, a float, or a marker.
type row struct {
	f float64
	h *histogram.FloatHistogram
}

// add adds a series whose rows come from next, with markers strewn in.
func (w *world) add(target int, next func() func() row, name string, lset ...string) {
	t := w.targets[target]
	s := metric.Series{
		Labels: labels.FromStrings(append(lset, labels.MetricName, name)...),
		T:      t,
		F:      make([]float64, len(t)),
		H:      make([]*histogram.FloatHistogram, len(t)),
	}
	gen := next()
	marker, left := metric.Absent, 0
	if w.one(4) {
		left = w.rnd.Intn(len(t)) // a series that comes later
	}
	if w.one(4) {
		marker = metric.Unknown
	}
	histograms := false
	for i := range t {
		if left == 0 && w.one(50) {
			marker, left = metric.Absent, 1+w.rnd.Intn(10)
		}
		if left > 0 {
			left--
			s.F[i] = marker
			continue
		}
		r := gen()
		s.F[i], s.H[i] = r.f, r.h
		if r.h != nil {
			s.F[i], histograms = metric.Absent, true
		}
	}
	if !histograms {
		s.H = nil
	}
	w.series = append(w.series, s)
}

// counter yields a counter with resets, of which a few are huge, infinite or
// NaN for a time.
func (w *world) counter() func() row {
	v := w.rnd.Float64() * []float64{0, 1, 1e3, 1e9}[w.rnd.Intn(4)]
	step := []float64{0, 1, 1, 1e-3, 17.3, 1e6}[w.rnd.Intn(6)]
	whole, odd := w.one(2), w.one(8)
	return func() row {
		v += w.rnd.Float64() * step
		if whole {
			v = math.Floor(v)
		}
		if w.one(40) {
			v = w.rnd.Float64() * step
		}
		if odd && w.one(10) {
			return row{f: w.oddFloat()}
		}
		return row{f: v}
	}
}

// oddFloat returns a float on which formulas stumble.
func (w *world) oddFloat() float64 {
	odd := []float64{
		math.NaN(), math.Inf(1), math.Inf(-1), 1.7e308, -1.7e308, 5e-324, math.Copysign(0, -1), 0, -1, 1e-300,
	}
	return odd[w.rnd.Intn(len(odd))]
}

func (w *world) gauge() func() row {
	v, odd := w.rnd.NormFloat64()*100, w.one(4)
	return func() row {
		if w.one(2) {
			v += w.rnd.NormFloat64()
		}
		if odd && w.one(6) {
			return row{f: w.oddFloat()}
		}
		return row{f: v}
	}
}

func (w *world) constant() func() row {
	v := float64(w.rnd.Intn(3))
	if w.one(5) {
		v = w.oddFloat()
	}
	return func() row { return row{f: v} }
}

// classicHistogram adds the buckets of a classic histogram, some of them in
// two ways of writing, some missing, some falling behind.
func (w *world) classicHistogram(target int, name string, lset ...string) {
	bounds := []string{"0.005", "0.1", "0.5", "1", "2.5", "10", "+Inf"}
	switch w.rnd.Intn(8) {
	case 0:
		bounds = append(bounds, "1.0", "1e0", "Inf")
	case 1:
		bounds = bounds[:len(bounds)-1]
	case 2:
		bounds = []string{"+Inf"}
	case 3:
		bounds = []string{"-10", "-1", "0", "5", "+Inf"}
	case 4:
		bounds = append(bounds, "NaN", "1e999", "0x1p3", "-Inf")
	case 5: // more than an insertion sort
		for i := range 20 {
			bounds = append(bounds, fmt.Sprint(1+i%7), fmt.Sprintf("%d.0", 1+i%5))
		}
		slices.Sort(bounds)
		bounds = slices.Compact(bounds)
	}
	step, drift, equal := float64(w.rnd.Intn(5)), w.one(3), w.one(4)
	for i, le := range bounds {
		if w.one(20) {
			continue
		}
		var gen func() func() row
		if w.one(20) {
			gen = w.counter
		} else {
			gen = func() func() row {
				v := 0.0
				return func() row {
					if equal { // but for rounding errors, and a little more
						v++
						return row{f: v * (1 + w.rnd.Float64()*4e-12)}
					}
					v += step * float64(i)
					if drift && w.one(5) {
						v -= w.rnd.Float64() * 1e-12
					}
					return row{f: v}
				}
			}
		}
		w.add(target, gen, name, append(slices.Clone(lset), "le", le)...)
	}
}

// native returns what yields exponential native histograms, with resets and
// changes of resolution if they are no gauges.
func (w *world) native(ofGauge bool) func() func() row {
	return func() func() row {
		schema := int32(w.rnd.Intn(5) - 1)
		positive, negative := make([]float64, 1+w.rnd.Intn(6)), make([]float64, w.rnd.Intn(4))
		offset := int32(w.rnd.Intn(6) - 3)
		var zero, extra, sum float64
		threshold := []float64{0, 1e-128, 0.001, 0.5}[w.rnd.Intn(4)]
		huge, whole, nan := w.one(10), w.one(2), w.one(10)
		gap := uint32(w.rnd.Intn(3))
		return func() row {
			if w.one(25) && !ofGauge || ofGauge && w.one(3) {
				clear(positive)
				clear(negative)
				zero, extra, sum = 0, 0, 0
				if w.one(2) {
					schema = int32(w.rnd.Intn(5) - 1)
				}
				if w.one(4) {
					threshold = []float64{0, 1e-128, 0.001, 0.5, 3}[w.rnd.Intn(5)]
				}
			}
			inc := func(v *float64) {
				if w.one(2) {
					return
				}
				d := w.rnd.Float64() * 10
				if whole {
					d = math.Floor(d)
				}
				if huge && w.one(5) {
					d = 1e307
				}
				*v += d
				sum += d * w.rnd.NormFloat64()
			}
			for i := range positive {
				inc(&positive[i])
			}
			for i := range negative {
				inc(&negative[i])
			}
			inc(&zero)
			if nan && w.one(5) {
				sum = math.NaN()
				extra++
			}
			h := &histogram.FloatHistogram{
				Schema: schema, ZeroThreshold: threshold, ZeroCount: zero, Sum: sum,
				PositiveBuckets: slices.Clone(positive), NegativeBuckets: slices.Clone(negative),
			}
			h.PositiveSpans = spans(len(positive), offset, gap)
			h.NegativeSpans = spans(len(negative), offset+2, gap)
			if ofGauge {
				h.CounterResetHint = histogram.GaugeType
			}
			return row{h: total(h, extra)}
		}
	}
}

// spans lays n buckets out in two spans with a gap between them.
func spans(n int, offset int32, gap uint32) []histogram.Span {
	switch n {
	case 0:
		return nil
	case 1:
		return []histogram.Span{{Offset: offset, Length: 1}}
	}
	return []histogram.Span{{Offset: offset, Length: 1}, {Offset: int32(gap), Length: uint32(n - 1)}}
}

// total sets the count of h to what its buckets hold and so much more.
func total(h *histogram.FloatHistogram, extra float64) *histogram.FloatHistogram {
	h.Count = h.ZeroCount + extra
	for _, b := range h.PositiveBuckets {
		h.Count += b
	}
	for _, b := range h.NegativeBuckets {
		h.Count += b
	}
	return h
}

// custom yields histograms with custom buckets, whose bounds change sometimes.
func (w *world) custom() func() row {
	layouts := [][]float64{{0.1, 0.5, 1, 5}, {0.1, 1, 5}, {-5, 0, 5}, {1}, {-3, -1}}
	layout := layouts[w.rnd.Intn(len(layouts))]
	if w.one(2) {
		layout = layouts[0]
	}
	counts := make([]float64, len(layout)+1)
	var sum float64
	return func() row {
		if w.one(25) {
			if w.one(2) {
				layout = layouts[w.rnd.Intn(len(layouts))]
			}
			counts = make([]float64, len(layout)+1)
			sum = 0
		}
		for i := range counts {
			d := math.Floor(w.rnd.Float64() * 4)
			counts[i] += d
			sum += d * w.rnd.NormFloat64()
		}
		h := &histogram.FloatHistogram{
			Schema: histogram.CustomBucketsSchema, CustomValues: layout, Sum: sum,
			PositiveSpans:   []histogram.Span{{Offset: 0, Length: uint32(len(counts))}},
			PositiveBuckets: slices.Clone(counts),
		}
		return row{h: total(h, 0)}
	}
}

// alternating yields now from one and now from the other.
func (w *world) alternating(a, b func() func() row) func() func() row {
	return func() func() row {
		gens := []func() row{a(), b()}
		cur := 0
		return func() row {
			if w.one(8) {
				cur = 1 - cur
			}
			return gens[cur]()
		}
	}
}

// load puts the series into Prometheus's storage, markers as stale, and reads
// its histograms back: the storage decides about their counter reset hints.
func (w *world) load(t testing.TB) {
	t.Helper()
	app := w.db.Appender(context.Background())
	for _, s := range w.series {
		for i, at := range s.T {
			var err error
			if s.H != nil && s.H[i] != nil {
				_, err = app.AppendHistogram(0, s.Labels, at, nil, s.H[i].Copy())
			} else {
				f := s.F[i]
				if !metric.IsSample(f) {
					f = math.Float64frombits(value.StaleNaN)
				}
				_, err = app.Append(0, s.Labels, at, f)
			}
			if err != nil {
				t.Fatalf("appending to %s: %v", s.Labels, err)
			}
		}
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}

	q, err := w.db.Querier(math.MinInt64, math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	byLabels := map[string]*metric.Series{}
	for i := range w.series {
		byLabels[w.series[i].Labels.String()] = &w.series[i]
	}
	set := q.Select(context.Background(), false, nil, labels.MustNewMatcher(labels.MatchRegexp, labels.MetricName, ".+"))
	for n := 0; set.Next(); n++ {
		s := byLabels[set.At().Labels().String()]
		if s != &w.series[n] {
			t.Fatalf("the storage does not return series in label order: %s", set.At().Labels())
		}
		w.readBack(t, s, set.At())
	}
	if set.Err() != nil {
		t.Fatal(set.Err())
	}
}

func (w *world) readBack(t testing.TB, s *metric.Series, stored storage.Series) {
	t.Helper()
	it := stored.Iterator(nil)
	rows := 0
	for typ := it.Next(); typ != chunkenc.ValNone; typ = it.Next() {
		if at := it.AtT(); at != s.T[rows] {
			t.Fatalf("%s: row %d is at %d, stored %d", s.Labels, rows, s.T[rows], at)
		}
		if typ != chunkenc.ValFloat && s.H != nil && s.H[rows] != nil {
			_, s.H[rows] = it.AtFloatHistogram(nil)
		}
		rows++
	}
	if it.Err() != nil || rows != len(s.T) {
		t.Fatalf("%s: read %d of %d rows: %v", s.Labels, rows, len(s.T), it.Err())
	}
}

// selected returns the series that match, in label order.
func (w *world) selected(sel *metric.Selector) []metric.Series {
	var out []metric.Series
	for _, s := range w.series {
		if sel.Matches(s.Labels) {
			out = append(out, s)
		}
	}
	return out
}

// newEngine returns Prometheus's engine with the options that promath promises
// to agree with.
func newEngine(t testing.TB) *promql.Engine {
	t.Helper()
	e := promql.NewEngine(promql.EngineOpts{
		MaxSamples:           1e9,
		Timeout:              1e11,
		EnableNegativeOffset: true,
		Parser:               parser.NewParser(parser.Options{EnableExperimentalFunctions: true}),
	})
	t.Cleanup(func() { _ = e.Close() })
	return e
}
