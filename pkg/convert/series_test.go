package convert_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// Names of the metrics that random storages hold.
var (
	floatNames     = []string{"requests_total", "errors_total", "queue", "odd", "job:queue:sum", "job:rate", "dotted.name"}
	bucketNames    = []string{"latency_bucket"}
	histogramNames = []string{"native", "custom", "mixed"}
	infoNames      = []string{"build_info"}
)

// start is the time of the first sample, in milliseconds. It is no multiple of
// anything that could hide a mistake.
const start = 1_700_000_000_123

// A seriesMaker makes random series.
type seriesMaker struct {
	*rand.Rand
	set seriesSet
}

// randomSeries makes a storage: counters with resets, gauges with odd values,
// classic histograms with faults, native histograms of both kinds, and series
// that mix floats with histograms.
func randomSeries(r *rand.Rand) seriesSet {
	m := &seriesMaker{Rand: r}
	jobs, instances := m.some("web", "api", "db"), m.some("a", "b", "c", "d")
	for _, job := range jobs {
		for _, instance := range instances {
			m.target(labels.FromStrings("job", job, "instance", instance))
		}
		m.add("job:queue:sum", labels.FromStrings("job", job), m.gauge)
		m.add("job:rate", labels.FromStrings("job", job), m.gauge)
	}
	m.set.sort()
	m.set = slices.CompactFunc(m.set, func(a, b metric.Series) bool { return labels.Equal(a.Labels, b.Labels) })
	return m.set
}

// target adds the series of one target. Any of them may be missing.
func (m *seriesMaker) target(l labels.Labels) {
	with := func(pairs ...string) labels.Labels {
		b := labels.NewBuilder(l)
		for i := 0; i < len(pairs); i += 2 {
			b.Set(pairs[i], pairs[i+1])
		}
		return b.Labels()
	}
	for _, code := range m.some("200", "404", "500", "503") {
		m.add("requests_total", with("code", code), m.counter)
	}
	m.add("errors_total", l, m.counter)
	m.add("queue", l, m.gauge)
	m.add("odd", with("end", pick(m, "x", "y"), "label.with.dots", pick(m, "1", "2")), m.oddities)
	m.add("dotted.name", l, m.gauge)
	m.add("build_info", with("version", pick(m, "v1", "v2")), func(int) float64 { return 1 })
	m.buckets(l)
	m.addHistograms("native", l, m.exponential(), false)
	m.addHistograms("custom", l, m.custom(), false)
	m.addHistograms("mixed", l, m.exponential(), true)
}

// some returns a part of the strings, seldom none.
func (m *seriesMaker) some(all ...string) []string {
	var out []string
	for _, s := range all {
		if m.IntN(10) < 7 {
			out = append(out, s)
		}
	}
	return out
}

func pick[T any](r interface{ IntN(int) int }, from ...T) T { return from[r.IntN(len(from))] }

func (m *seriesMaker) chance(percent int) bool { return m.IntN(100) < percent }

// times returns when a series has rows: regularly or nearly so, with gaps,
// within six minutes or fewer.
func (m *seriesMaker) times() []int64 {
	step := pick(m, int64(5_000), 10_000, 15_000, 30_000)
	jitter := pick(m, int64(1), 1, 500)
	gaps := pick(m, 0, 0, 10, 60)
	var out []int64
	t := start + m.Int64N(step)
	if m.chance(10) {
		t += m.Int64N(300_000)
	}
	for n := m.IntN(10) + m.IntN(25); n > 0; n-- {
		if !m.chance(gaps) {
			out = append(out, t+m.Int64N(jitter))
		}
		t += step
	}
	return out
}

// add adds a series of floats.
func (m *seriesMaker) add(name string, l labels.Labels, value func(i int) float64) {
	if m.chance(8) {
		return
	}
	s := m.named(name, l)
	for i, t := range m.times() {
		v := value(i)
		if m.chance(3) {
			v = metric.Absent
		}
		appendRow(&s, t, v, nil)
	}
	m.set = append(m.set, s)
}

func (m *seriesMaker) named(name string, l labels.Labels) metric.Series {
	return metric.Series{Labels: labels.NewBuilder(l).Set(labels.MetricName, name).Labels()}
}

// counter, gauge and oddities make functions that give one value after another.
// They are called once a value, and keep what they need in their closures.
func (m *seriesMaker) counter(i int) float64 {
	switch {
	case m.chance(5):
		return float64(m.IntN(3))
	case m.chance(20):
		return float64(i * 10) // flat, or a reset
	}
	return float64(i*10) + m.Float64()*100
}

func (m *seriesMaker) gauge(int) float64 {
	return pick(m, float64(m.IntN(5)), m.NormFloat64(), m.NormFloat64()*1e6, -float64(m.IntN(3)), 0.1)
}

func (m *seriesMaker) oddities(int) float64 {
	return pick(m, math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), 0, 1, -1, 1e300, -1e300, 5e-324, 1e16, 3.5, m.NormFloat64())
}

// buckets adds a classic histogram: its buckets may lack +Inf, be named twice in
// different spellings, fall with the bound, or have a bound that is no number.
func (m *seriesMaker) buckets(l labels.Labels) {
	bounds := []string{"0.1", "0.5", "1", "2.5", "+Inf"}
	switch m.IntN(8) {
	case 0:
		bounds = bounds[:m.IntN(len(bounds))]
	case 1:
		bounds = append(bounds, "1.0", "x")
	case 2:
		bounds = append(bounds, "-1", "0")
	}
	times := m.times()
	counts := make([]float64, len(times))
	for _, le := range bounds {
		s := m.named("latency_bucket", labels.NewBuilder(l).Set("le", le).Labels())
		total := 0.0
		for i, t := range times {
			if m.chance(10) {
				total += float64(m.IntN(20))
			}
			total += float64(m.IntN(3))
			if counts[i] += total; m.chance(1) {
				counts[i] = 0
			}
			appendRow(&s, t, counts[i], nil)
		}
		m.set = append(m.set, s)
	}
}

// addHistograms adds a series of native histograms that are added up, or reset;
// mixed ones have floats among them.
func (m *seriesMaker) addHistograms(name string, l labels.Labels, next func() *histogram.FloatHistogram, mixed bool) {
	if m.chance(15) {
		return
	}
	s := m.named(name, l)
	gauge := m.chance(15)
	var sum *histogram.FloatHistogram
	for _, t := range m.times() {
		switch {
		case mixed && m.chance(40):
			appendRow(&s, t, float64(m.IntN(10)), nil)
			continue
		case m.chance(3):
			appendRow(&s, t, metric.Absent, nil)
			continue
		case sum == nil || m.chance(8):
			sum = next()
		case !m.chance(20):
			added, _, _, err := sum.Copy().Add(next())
			if err == nil {
				sum = added
			}
		}
		h := sum.Copy()
		h.CounterResetHint = histogram.UnknownCounterReset
		switch {
		case gauge:
			h.CounterResetHint = histogram.GaugeType
		case m.chance(3):
			h.CounterResetHint = pick(m, histogram.CounterReset, histogram.NotCounterReset, histogram.GaugeType)
		}
		appendRow(&s, t, 0, h)
	}
	m.set = append(m.set, s)
}

// exponential makes native histograms with exponential buckets, of a schema and
// a zero bucket that change now and then.
func (m *seriesMaker) exponential() func() *histogram.FloatHistogram {
	schema := int32(m.IntN(6) - 2)
	threshold := pick(m, 0, 1e-9, 0.001)
	negative := m.chance(30)
	return func() *histogram.FloatHistogram {
		h := &histogram.FloatHistogram{Schema: schema, ZeroThreshold: threshold}
		if m.chance(3) {
			h.Schema = int32(m.IntN(6) - 2)
		}
		if m.chance(3) {
			h.ZeroThreshold = pick(m, 0, 1e-9, 0.001, 0.1)
		}
		h.ZeroCount = float64(m.IntN(3))
		h.Sum = m.NormFloat64() * 10
		h.PositiveSpans, h.PositiveBuckets = m.spans()
		if negative {
			h.NegativeSpans, h.NegativeBuckets = m.spans()
		}
		m.complete(h)
		return h
	}
}

// custom makes native histograms with custom buckets, whose bounds change now
// and then.
func (m *seriesMaker) custom() func() *histogram.FloatHistogram {
	layouts := [][]float64{{0.1, 0.5, 1, 2.5}, {0.1, 1, 10}, {-1, 0, 1}, {5}}
	layout := m.IntN(len(layouts))
	return func() *histogram.FloatHistogram {
		if m.chance(4) {
			layout = m.IntN(len(layouts))
		}
		bounds := layouts[layout]
		h := &histogram.FloatHistogram{
			Schema: histogram.CustomBucketsSchema, CustomValues: bounds, Sum: m.NormFloat64() * 10,
			PositiveSpans:   []histogram.Span{{Length: uint32(len(bounds) + 1)}},
			PositiveBuckets: make([]float64, len(bounds)+1),
		}
		for i := range h.PositiveBuckets {
			h.PositiveBuckets[i] = float64(m.IntN(4))
		}
		m.complete(h)
		return h
	}
}

// spans returns one or two runs of buckets, or none.
func (m *seriesMaker) spans() (spans []histogram.Span, buckets []float64) {
	for n := m.IntN(3); n > 0; n-- {
		s := histogram.Span{Offset: int32(m.IntN(4)), Length: uint32(1 + m.IntN(3))}
		if len(spans) == 0 {
			s.Offset -= 2
		}
		spans = append(spans, s)
		for range s.Length {
			buckets = append(buckets, float64(m.IntN(5)))
		}
	}
	return spans, buckets
}

// complete counts the observations; a few of them may be NaN, which are in no
// bucket.
func (m *seriesMaker) complete(h *histogram.FloatHistogram) {
	h.Count = h.ZeroCount
	for _, n := range h.PositiveBuckets {
		h.Count += n
	}
	for _, n := range h.NegativeBuckets {
		h.Count += n
	}
	if m.chance(3) {
		h.Count += float64(1 + m.IntN(3))
		h.Sum = math.NaN()
	}
}

// listSeries prints series for the report of a mismatch.
func listSeries(set seriesSet) string {
	var out []byte
	for _, s := range set {
		out = append(out, "    "+s.Labels.String()...)
		for i, t := range s.T {
			out = append(out, " "...)
			switch {
			case s.H != nil && s.H[i] != nil:
				out = append(out, s.H[i].TestExpression()...)
			case !metric.IsSample(s.F[i]):
				out = append(out, "stale"...)
			default:
				out = strconv.AppendFloat(out, s.F[i], 'g', -1, 64)
			}
			out = strconv.AppendInt(append(out, '@'), t-start, 10)
		}
		out = append(out, '\n')
	}
	return string(out)
}
