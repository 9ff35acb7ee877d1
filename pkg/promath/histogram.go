package promath

import (
	"math"
	"strconv"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
)

// HistogramQuantile returns the q-quantile of each histogram in v, in the unit
// of what was observed: first of the native histograms, then of the classic
// ones, without le and the metric name.
//
// A classic histogram is the floats that differ in the label le only, whose
// value is the bucket's upper bound, compared as a number: buckets of one
// bound count together. Floats whose le is no number are left out, and so are
// a native and a classic histogram of the same labels. Classic buckets that
// fall with their bound are raised to the one below. Quantiles are interpolated
// within a bucket, evenly in classic and custom buckets, which start at 0 if
// they have no bound below and a positive one above, and evenly on a
// logarithmic scale in exponential ones.
//
// q < 0 gives -Inf, q > 1 gives +Inf. NaN comes of q NaN, of no observations,
// of a classic histogram without the bucket +Inf or without another, and of a
// quantile among observations of NaN. A quantile in the highest bucket, the one
// without an upper bound, is the lower bound of that bucket.
//
// Histograms of different metric names that have the same labels are an error.
func HistogramQuantile(q float64, v Vector) (Vector, error) {
	return eachHistogram(v,
		func(h *histogram.FloatHistogram) float64 { return nativeQuantile(q, h) },
		func(b buckets) float64 { return b.quantile(q) })
}

// HistogramFraction returns which share of each histogram's observations lies
// between lower and upper, 0 to 1. What is a histogram, the order and the
// interpolation are those of HistogramQuantile.
//
// lower >= upper gives 0. NaN comes of lower or upper NaN, of no observations
// and of a classic histogram without the bucket +Inf. Observations of NaN lie
// nowhere.
func HistogramFraction(lower, upper float64, v Vector) (Vector, error) {
	return eachHistogram(v,
		func(h *histogram.FloatHistogram) float64 { return nativeFraction(lower, upper, h) },
		func(b buckets) float64 { return b.fraction(lower, upper) })
}

func eachHistogram(v Vector, native func(*histogram.FloatHistogram) float64, classic func(buckets) float64) (Vector, error) {
	c := classicOf(v)
	names := newStripper(metadataLabels)
	out := make(Vector, 0, len(c.labels))
	for i := range v {
		if v[i].H != nil && !c.contradicts(v[i].Labels) {
			out = append(out, Sample{Labels: names.strip(v[i].Labels), F: native(v[i].H)})
		}
	}
	for i := range c.labels {
		if c.contradicted == nil || !c.contradicted[i] {
			out = append(out, Sample{Labels: names.strip(c.labels[i]), F: classic(c.buckets(i))})
		}
	}
	return names.checked(out)
}

// classicHistograms are the classic histograms of a vector, in order of first
// appearance.
type classicHistograms struct {
	keys   *keys
	labels []labels.Labels // without le
	all    buckets         // those of one histogram after those of another
	ends   []int           // in all

	// contradicted tells which have the labels of a native histogram; nil
	// where none has.
	contradicted []bool
}

func classicOf(v Vector) *classicHistograms {
	type element struct {
		histogram int32 // -1: not a bucket
		upper     float64
	}
	var (
		c        = &classicHistograms{keys: newKeys([]string{labels.BucketLabel}, true)}
		elements = make([]element, len(v))
		bounds   boundParser
		b        = labels.NewBuilder(labels.EmptyLabels())
		total    int
	)
	for i := range v {
		elements[i].histogram = -1
		if v[i].H != nil {
			continue
		}
		upper, ok := bounds.parse(v[i].Labels.Get(labels.BucketLabel))
		if !ok {
			continue
		}
		n, isNew := c.keys.number(v[i].Labels)
		if isNew {
			b.Reset(v[i].Labels)
			c.labels = append(c.labels, b.Del(labels.BucketLabel).Labels())
			c.ends = append(c.ends, 0)
		}
		elements[i] = element{n, upper}
		c.ends[n]++
		total++
	}

	// Lay the histograms out one after another: the ends are counts still;
	// they become starts and, as the buckets are filled in, ends.
	start := 0
	for i, n := range c.ends {
		c.ends[i] = start
		start += n
	}
	c.all = make(buckets, total)
	for i, e := range elements {
		if e.histogram >= 0 {
			c.all[c.ends[e.histogram]] = bucket{e.upper, v[i].F}
			c.ends[e.histogram]++
		}
	}
	return c
}

// buckets returns those of one histogram, which may be changed.
func (c *classicHistograms) buckets(i int) buckets {
	start := 0
	if i > 0 {
		start = c.ends[i-1]
	}
	return c.all[start:c.ends[i]]
}

// contradicts reports whether a native histogram of these labels is a classic
// one, too; then that is not to be trusted either.
func (c *classicHistograms) contradicts(native labels.Labels) bool {
	n, ok := c.keys.find(native)
	// A native histogram with a label le is not alike.
	if !ok || native.Has(labels.BucketLabel) {
		return false
	}
	if c.contradicted == nil {
		c.contradicted = make([]bool, len(c.labels))
	}
	c.contradicted[n] = true
	return true
}

// A boundParser parses the values of le. In label order the same few repeat in
// the same order, so it expects the one that came after the last one before.
type boundParser struct {
	seen []bound
	next int
}

type bound struct {
	text  string
	upper float64
	ok    bool
}

// maxBounds is how many values a boundParser remembers.
const maxBounds = 64

func (p *boundParser) parse(text string) (upper float64, ok bool) {
	if p.next == len(p.seen) {
		p.next = 0
	}
	if p.next < len(p.seen) && p.seen[p.next].text == text {
		p.next++
		return p.seen[p.next-1].upper, p.seen[p.next-1].ok
	}
	for i := range p.seen {
		if p.seen[i].text == text {
			p.next = i + 1
			return p.seen[i].upper, p.seen[i].ok
		}
	}
	upper, err := strconv.ParseFloat(text, 64)
	if len(p.seen) < maxBounds {
		p.seen = append(p.seen, bound{text, upper, err == nil})
		p.next = len(p.seen)
	}
	return upper, err == nil
}

// HistogramCount returns the number of observations of each native histogram,
// without the metric name. Floats are left out.
func HistogramCount(v Vector) (Vector, error) {
	return eachNative(v, func(h *histogram.FloatHistogram) float64 { return h.Count })
}

// HistogramSum returns the sum of the observations of each native histogram,
// without the metric name. Floats are left out.
func HistogramSum(v Vector) (Vector, error) {
	return eachNative(v, func(h *histogram.FloatHistogram) float64 { return h.Sum })
}

// HistogramAvg returns the mean of the observations of each native histogram,
// NaN where there are none, without the metric name. Floats are left out.
func HistogramAvg(v Vector) (Vector, error) {
	return eachNative(v, func(h *histogram.FloatHistogram) float64 { return h.Sum / h.Count })
}

// HistogramStdvar returns an estimate of the population variance of the
// observations of each native histogram, each taken to lie in the middle of its
// bucket; NaN where there are none. Floats are left out.
func HistogramStdvar(v Vector) (Vector, error) { return eachNative(v, nativeVariance) }

// HistogramStddev returns an estimate of the population standard deviation of
// the observations of each native histogram, the square root of
// HistogramStdvar.
func HistogramStddev(v Vector) (Vector, error) {
	return eachNative(v, func(h *histogram.FloatHistogram) float64 { return math.Sqrt(nativeVariance(h)) })
}

func eachNative(v Vector, f func(*histogram.FloatHistogram) float64) (Vector, error) {
	var out Vector
	// PromQL leaves __type__ and __unit__ here.
	names := newStripper(nameLabel)
	for i := range v {
		if v[i].H != nil {
			out = append(out, Sample{Labels: names.strip(v[i].Labels), F: f(v[i].H)})
		}
	}
	return names.checked(out)
}
