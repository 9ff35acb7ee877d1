package script

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/Shopify/go-lua"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/promath"
)

func shorthandFunctions() []*builtin {
	out := []*builtin{
		{
			name: "rps", family: familyShorthand,
			doc:     "Sum of the per-second increases of counters, each over the time that its samples cover: right from the second scrape on, where rate reads low until the window is filled.",
			example: `rps(requests_total["1m"])`,
			params:  []param{required("r", aRange), optional("g", isGrouping)}, result: isNumber | isVector | isNil,
			infer: inferGrouped(1),
			run: func(m *machine, n int) (int, error) {
				r, err := m.ranged(m.selector(1))
				if err != nil {
					return 0, err
				}
				return m.aggregate(n, 2, r.node, m.keyOf("rps"), func(g promath.Grouping) (promath.Vector, error) {
					v, err := m.coveredSum(&r, eachSeries, g, g)
					return v.Vector, err
				})
			},
		},
	}
	for _, p := range [...]struct {
		name string
		q    float64
	}{{"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}} {
		out = append(out, &builtin{
			name: p.name, family: familyShorthand, quantile: true, q: p.q,
			doc: fmt.Sprintf("The %g quantile of what a histogram or summary of this name observed in the range: of classic buckets, "+
				"native histograms or a summary's own quantile, whichever there is. No observations give no value, and the metric's "+
				"idle.after decides; with {inflight = v} they give 0 where v is 0, and nothing else where it is above: then other percentiles of the program do not make the group idle either.", p.q),
			example: p.name + `(latency_seconds["1m"], by("pod"), {inflight = in_flight})`,
			params:  []param{required("r", aRange), repeatable("by or options", isGrouping|isTable)},
			usage:   "r: range, [by(...)], [{inflight = v}]", result: isNumber | isVector | isNil,
			infer: inferPercentile,
			run:   func(m *machine, n int) (int, error) { return m.percentile(p.q, n) },
		})
	}
	return append(out, &builtin{
		name: "ratio", family: familyShorthand,
		doc: "a / b. Where there is a b that is 0, or a b and no a, it is the default, or nothing if none is given; " +
			"where there is no b there is no data.",
		example: `ratio(sum(rate(requests_total{code=re"5.."}["1m"])), sum(rate(requests_total["1m"])), 0)`,
		params: []param{
			{name: "a", kinds: aNumberOrVector, takesNil: true}, {name: "b", kinds: aNumberOrVector, takesNil: true}, optional("default", aNumber),
		},
		result: isNumber | isVector | isNil,
		infer:  inferRatio,
		run:    runRatio,
	}, coalesceFunction(), totalFunction())
}

// quantileLabel tells the quantiles of a summary apart.
const quantileLabel = "quantile"

// shapes are the selectors under which a percentile finds a name: the classic
// buckets, the native histograms and, by quantile, the summary.
type shapes struct {
	buckets, native *selector
	summary         map[float64]*selector
}

// inShapes returns the shapes of a range. A name may be given with or without
// _bucket.
func (s *selector) inShapes() *shapes {
	if s.shapes != nil {
		return s.shapes
	}
	named := func(suffix string) *selector {
		return s.derived(func(p *selector) { p.Name = strings.TrimSuffix(p.Name, "_bucket") + suffix })
	}
	s.shapes = &shapes{buckets: named("_bucket"), native: named(""), summary: map[float64]*selector{}}
	return s.shapes
}

// summaryAt returns the summary's series of a quantile, as an instant.
func (s *selector) summaryAt(q float64) *selector {
	p := s.inShapes()
	if out, ok := p.summary[q]; ok {
		return out
	}
	m := labels.MustNewMatcher(labels.MatchEqual, quantileLabel, formatNumber(q))
	out := p.native.derived(func(p *selector) { p.Range, p.Matchers = 0, joined(p.Matchers, []*labels.Matcher{m}) })
	p.summary[q] = out
	return out
}

var errHistoryPercentile = cured(`use quantile_over_time(0.95, self["10m"])`, "earlier results are no histogram")

// A percentileGroup is a group's value, or that nothing was observed in it.
type percentileGroup struct {
	labels labels.Labels
	value  float64
	idle   bool
}

// percentile runs p50 and its kin.
func (m *machine) percentile(q float64, n int) (int, error) {
	var g promath.Grouping
	grouped, options := false, 0
	for i := 2; i <= n; i++ {
		if by, ok := m.grouping(i); ok {
			if grouped {
				return 0, cured("give one by(...) or without(...)", "it is grouped twice")
			}
			g, grouped = by, true
			g.Labels = slices.DeleteFunc(slices.Clone(by.Labels), func(l string) bool { return l == labels.BucketLabel || l == quantileLabel })
			continue
		}
		if options != 0 {
			return 0, cured("write {inflight = v}", "there are two tables of options")
		}
		options = i
	}
	s := m.selector(1)
	if s.history {
		return 0, errHistoryPercentile
	}
	groups, err := m.percentileGroups(s, q, g)
	if err != nil {
		return 0, err
	}
	flight, err := m.inflight(options, g)
	if err != nil {
		return 0, err
	}
	var out promath.Vector
	for _, group := range groups {
		if !group.idle {
			out = append(out, promath.Sample{Labels: group.labels, F: group.value})
			continue
		}
		switch count, known := flight(group.labels); {
		case known && count == 0:
			out = append(out, promath.Sample{Labels: group.labels})
		case known && count > 0:
			// Requests are under way and none completes: that is not idle,
			// whatever a percentile says that does not know of them.
			m.busy = append(m.busy, group.labels)
		default:
			m.idle = append(m.idle, group.labels)
		}
	}
	if grouped {
		return m.pushVector(out, nil)
	}
	return m.pushSingle(out, nil)
}

// inflight returns how many requests of a group are under way, if that is known.
func (m *machine) inflight(options int, g promath.Grouping) (func(labels.Labels) (float64, bool), error) {
	unknown := func(labels.Labels) (float64, bool) { return 0, false }
	if options == 0 {
		return unknown, nil
	}
	m.l.PushString("inflight")
	m.l.RawGet(options)
	defer m.l.Pop(1)
	given, err := m.operand(m.l.Top())
	if err != nil {
		return nil, err
	}
	switch given.kind {
	case isNumber:
		return func(labels.Labels) (float64, bool) { return given.number, !math.IsNaN(given.number) }, nil
	case isVector:
		sums, err := promath.Sum(given.vector, g)
		if err != nil {
			return nil, err
		}
		return func(group labels.Labels) (float64, bool) {
			for _, s := range sums {
				if s.H == nil && labels.Equal(s.Labels, group) {
					return s.F, !math.IsNaN(s.F)
				}
			}
			return 0, false
		}, nil
	}
	return unknown, nil
}

// percentileGroups computes the quantile of whichever shape the name has.
func (m *machine) percentileGroups(s *selector, q float64, g promath.Grouping) ([]percentileGroup, error) {
	p := s.inShapes()
	buckets, err := m.ranged(p.buckets)
	if err != nil {
		return nil, err
	}
	if buckets.count > 0 {
		return m.sharedGroups(buckets.node, "classic", q, g, func() ([]percentileGroup, error) {
			return m.classicPercentiles(&buckets, q, g)
		})
	}
	native, err := m.ranged(p.native)
	if err != nil {
		return nil, err
	}
	if native.count > 0 {
		native.series, native.grouped = histogramsOnly(native.load()), nil
		native.node = m.partOf(native.node, "histograms")
	}
	if len(native.series) > 0 {
		return m.sharedGroups(native.node, "native", q, g, func() ([]percentileGroup, error) {
			return m.nativePercentiles(&native, q, g)
		})
	}
	summary, err := m.instant(s.summaryAt(q))
	if err != nil {
		return nil, err
	}
	return m.sharedGroups(summary.node, "summary", q, g, func() ([]percentileGroup, error) {
		labelled, err := m.labelled(summary)
		if err != nil {
			return nil, err
		}
		return summaryPercentiles(labelled, g)
	})
}

// sharedGroups is derive for the groups of a percentile.
func (m *machine) sharedGroups(of *node, shape string, q float64, g promath.Grouping, compute func() ([]percentileGroup, error)) ([]percentileGroup, error) {
	size := func(groups []percentileGroup) int { return heldSample * (1 + len(groups)) }
	groups, _, err := derive(m, of, appendGrouping(appendNumber(m.keyOf(shape), q), g), size, compute)
	return groups, err
}

// An increaseKind says which series cover the same time.
type increaseKind struct {
	name    string
	compute func(r *reading, of *[]int32) *promath.Covered
}

var (
	eachSeries = increaseKind{"covered", func(r *reading, of *[]int32) *promath.Covered {
		return promath.Increases(r.window(of))
	}}
	eachHistogram = increaseKind{"covered buckets", func(r *reading, of *[]int32) *promath.Covered {
		return promath.BucketIncreases(r.window(of), r.histograms())
	}}
)

// histograms returns the grouping of buckets that puts those together that are of
// one histogram.
func (r *reading) histograms() promath.Grouping {
	g := promath.Grouping{Without: true, Labels: []string{labels.BucketLabel}}
	if r.grouped != nil {
		g.Known = func() promath.Groups {
			of, groups := r.grouped.Groups(&r.Selector, g.Without, g.Labels)
			return promath.Groups{Of: of, Labels: groups}
		}
	}
	return g
}

// coveredSum sums what CoveredRate gives of the groups of whole.
func (m *machine) coveredSum(r *reading, kind increaseKind, whole, g promath.Grouping) (vector, error) {
	type result struct {
		*promath.Covered
		of []int32
	}
	size := func(c result) int { return 2*heldSample*(1+c.Len()) + 4*len(c.of) }
	covered, n, err := derive(m, r.node, m.keyOf(kind.name), size, func() (result, error) {
		var of []int32
		return result{kind.compute(r, &of), of}, nil
	})
	if err != nil {
		return vector{}, err
	}
	var bare *unlabelled
	by := whole
	if r.grouped != nil {
		bare = &unlabelled{reading: r, of: covered.of}
		by.Known = func() promath.Groups { return bare.groups(whole) }
	}
	key := m.keyOf("rate")
	if covered.Partial() {
		key = appendGrouping(key, whole)
	}
	rates, err := m.derived(n, key, func() (promath.Vector, error) {
		return covered.Rate(by)
	})
	if err != nil {
		return vector{}, err
	}
	rates.bare = bare
	sum := m.ofGroups(rates, promath.Sum)
	total, err := m.derived(rates.node, appendGrouping(m.keyOf("sum"), g), func() (promath.Vector, error) { return sum(g) })
	if mine(n, rates.node) {
		covered.Release()
	}
	return total, err
}

func histogramsOnly(series []metric.Series) []metric.Series {
	var out []metric.Series
	for _, s := range series {
		if s.H != nil {
			out = append(out, s)
		}
	}
	return out
}

func (m *machine) classicPercentiles(r *reading, q float64, g promath.Grouping) ([]percentileGroup, error) {
	whole, withLe := g, g // a histogram, and each of its buckets
	if g.Without {
		whole.Labels = append([]string{labels.BucketLabel}, g.Labels...)
	} else {
		withLe.Labels = append([]string{labels.BucketLabel}, g.Labels...)
	}
	shared, err := m.coveredSum(r, eachHistogram, whole, withLe)
	if err != nil {
		return nil, err
	}
	return quantilesOf(shared.Vector, q)
}

func (m *machine) nativePercentiles(r *reading, q float64, g promath.Grouping) ([]percentileGroup, error) {
	shared, err := m.coveredSum(r, eachSeries, g, g)
	if err != nil {
		return nil, err
	}
	return quantilesOf(shared.Vector, q)
}

// quantilesOf returns the quantile of each histogram, and which of them observed
// nothing.
func quantilesOf(v promath.Vector, q float64) ([]percentileGroup, error) {
	quantiles, err := promath.HistogramQuantile(q, v)
	if err != nil {
		return nil, err
	}
	out := make([]percentileGroup, len(quantiles))
	for i, s := range quantiles {
		out[i] = percentileGroup{labels: s.Labels, value: s.F}
	}
	// A quantile that is a number comes of observations, if none of them was counted
	// strangely.
	isNaN := func(s promath.Sample) bool { return math.IsNaN(s.F) }
	isStrange := func(s promath.Sample) bool { return !(observations(s) >= 0) }
	if !slices.ContainsFunc(quantiles, isNaN) && !slices.ContainsFunc(v, isStrange) {
		return out, nil
	}
	observed := map[uint64]bool{}
	var buf []byte
	hash := func(lset labels.Labels) (h uint64) {
		h, buf = lset.HashWithoutLabels(buf, labels.BucketLabel)
		return h
	}
	for _, s := range v {
		if observations(s) > 0 {
			observed[hash(s.Labels)] = true
		}
	}
	for i := range out {
		out[i].idle = !observed[hash(out[i].labels)]
	}
	return out, nil
}

// observations returns how many a bucket or a histogram has.
func observations(s promath.Sample) float64 {
	if s.H != nil {
		return s.H.Count
	}
	return s.F
}

// summaryPercentiles takes a summary's quantile as it is: there must be one for
// each group. NaN is how summaries say that nothing was observed.
func summaryPercentiles(v promath.Vector, g promath.Grouping) ([]percentileGroup, error) {
	counts, err := promath.Count(v, g)
	if err != nil {
		return nil, err
	}
	for _, c := range counts {
		if c.F > 1 {
			return nil, cured(`select one series, or group so that each group has one: by("pod")`,
				"a group has %g series of a summary, whose quantiles cannot be merged", c.F)
		}
	}
	values, err := promath.Max(v, g)
	if err != nil {
		return nil, err
	}
	var out []percentileGroup
	for _, s := range values {
		lset := s.Labels
		if g.Without {
			b := labels.NewBuilder(lset)
			b.Del(quantileLabel)
			lset = b.Labels()
		}
		out = append(out, percentileGroup{labels: lset, value: s.F, idle: math.IsNaN(s.F)})
	}
	return out, nil
}

// runRatio divides, where zero and missing parts have a meaning.
func runRatio(m *machine, n int) (int, error) {
	a, b, err := m.operands()
	if err != nil {
		return 0, err
	}
	var fallback *float64
	if n >= 3 && m.l.TypeOf(3) == lua.TypeNumber {
		f := m.number(3)
		fallback = &f
	}
	switch {
	case b.kind == isNil:
		return m.pushNil()
	case b.kind == isNumber && a.kind != isVector:
		f, ok := divide(a.number, a.kind == isNumber, b.number, fallback)
		if !ok {
			return m.pushNil()
		}
		return m.pushNumber(f)
	case b.kind == isNumber:
		return m.pushVector(ratios(a.vector, func(s promath.Sample) (float64, bool) {
			return divide(s.F, true, b.number, fallback)
		}), nil)
	case a.kind == isVector:
		v, err := vectorRatio(a.vector, b.vector, fallback)
		return m.pushVector(v, err)
	}
	return m.pushVector(ratios(b.vector, func(s promath.Sample) (float64, bool) {
		return divide(a.number, a.kind == isNumber, s.F, fallback)
	}), nil)
}

// divide returns a / b and whether there is a value.
func divide(a float64, hasA bool, b float64, fallback *float64) (float64, bool) {
	if hasA && b != 0 {
		return a / b, true
	}
	if fallback == nil {
		return 0, false
	}
	return *fallback, true
}

// ratios computes a ratio for each element that is a number.
func ratios(v promath.Vector, f func(promath.Sample) (float64, bool)) promath.Vector {
	var out promath.Vector
	for _, s := range v {
		if s.H != nil {
			continue
		}
		if q, ok := f(s); ok {
			out = append(out, promath.Sample{Labels: s.Labels.DropReserved(isMetricName), F: q})
		}
	}
	return out
}

// vectorRatio matches elements by all their labels.
func vectorRatio(a, b promath.Vector, fallback *float64) (promath.Vector, error) {
	numerators := make(map[string]float64, len(a))
	for _, s := range a {
		key := s.Labels.DropReserved(isMetricName).String()
		if _, twice := numerators[key]; twice {
			return nil, cured("aggregate them first", "two elements have the labels %s", key)
		}
		numerators[key] = s.F
	}
	var twice labels.Labels
	seen := make(map[string]bool, len(b))
	out := ratios(b, func(s promath.Sample) (float64, bool) {
		lset := s.Labels.DropReserved(isMetricName)
		key := lset.String()
		if seen[key] {
			twice = lset
		}
		seen[key] = true
		n, ok := numerators[key]
		return divide(n, ok, s.F, fallback)
	})
	if !twice.IsEmpty() {
		return nil, cured("aggregate them first", "two elements have the labels %s", twice)
	}
	return out, nil
}
