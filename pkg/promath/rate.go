package promath

import (
	"math"

	"github.com/prometheus/prometheus/model/histogram"
)

// Rate returns how fast each counter rises, per second, over the window:
// Increase divided by the length of the window.
func Rate(r Range) (Vector, error) { return r.extrapolated(rateKind) }

// Increase returns by how much each counter rises over the window, resets
// corrected, extrapolated from its first and last sample to the ends of the
// window.
//
// A series needs two samples, else it gets no value. A sample lower than the
// one before is a reset: the counter went on from 0. The extrapolation towards
// an end goes all the way if the nearest sample is less than 1.1 sample
// intervals away from it, else half an interval, and towards the start not
// beyond where the counter was 0. NaN and Inf among the samples make the
// result NaN or infinite. Native histograms yield histograms, of gauge type;
// series that mix them with floats, or exponential with custom buckets, get no
// value.
func Increase(r Range) (Vector, error) { return r.extrapolated(increaseKind) }

// Delta returns by how much each gauge changes over the window: the difference
// of its last and first sample, extrapolated like Increase but without regard
// to resets and 0.
func Delta(r Range) (Vector, error) { return r.extrapolated(deltaKind) }

// kind tells functions of one family apart.
type kind int

const (
	rateKind     kind = iota // of a counter, per second
	increaseKind             // of a counter
	deltaKind                // of a gauge
)

func (k kind) ofCounter() bool { return k != deltaKind }

// extrapolated is PromQL's extrapolatedRate.
func (r *Range) extrapolated(k kind) (Vector, error) {
	perSecond := 1.0
	if k == rateKind {
		perSecond = r.seconds()
	}
	return r.eachSeries(func(p *points) (Sample, bool) {
		switch {
		case p.mixed():
			return Sample{}, false
		case len(p.F) > 1:
			change, toZero := floatChange(p.F, k), math.Inf(1)
			if k.ofCounter() && change > 0 && p.F[0] >= 0 {
				toZero = p.F[0] / change
			}
			return Sample{F: change * (r.extrapolation(p.T, toZero) / perSecond)}, true
		case len(p.H) > 1:
			change, toZero := histogramChange(p.H, k), math.Inf(1)
			if change == nil {
				return Sample{}, false
			}
			if k.ofCounter() && change.Count > 0 && p.H[0].Count >= 0 {
				toZero = p.H[0].Count / change.Count
			}
			return Sample{H: change.Mul(r.extrapolation(p.HT, toZero) / perSecond)}, true
		}
		return Sample{}, false
	})
}

// extrapolation returns the factor by which the change between the first and
// last of the times t becomes the change over the whole window. toZero is how
// long a counter of this slope took to rise from 0 to its first sample, in
// multiples of the time between first and last; Inf where that is no matter.
func (r *Range) extrapolation(t []int64, toZero float64) float64 {
	first, last := t[0], t[len(t)-1]
	toStart := float64(first-r.Start) / 1000
	toEnd := float64(r.End-last) / 1000
	sampled := float64(last-first) / 1000
	interval := sampled / float64(len(t)-1)

	threshold := interval * 1.1
	if toStart >= threshold {
		toStart = interval / 2
	}
	if zero := sampled * toZero; zero < toStart {
		toStart = zero
	}
	if toEnd >= threshold {
		toEnd = interval / 2
	}
	return (sampled + toStart + toEnd) / sampled
}

// floatChange returns the last of f minus the first; of a counter, with what
// was lost in resets. f has two elements at least.
func floatChange(f []float64, k kind) float64 {
	change := f[len(f)-1] - f[0]
	if k.ofCounter() {
		prev := f[0]
		for _, cur := range f[1:] {
			if cur < prev {
				change += prev
			}
			prev = cur
		}
	}
	return change
}

// histogramChange is floatChange for native histograms: PromQL's
// histogramRate. It returns nil where exponential and custom buckets meet. A
// first histogram that is followed by a reset counts for nothing, so its
// buckets need not fit.
func histogramChange(h []*histogram.FloatHistogram, k kind) *histogram.FloatHistogram {
	prev, last := h[0], h[len(h)-1]
	if k.ofCounter() && h[1].DetectReset(prev) {
		prev = emptyLike(h[1])
	}
	custom := prev.UsesCustomBuckets()
	if last.UsesCustomBuckets() != custom {
		return nil
	}
	schema := min(last.Schema, prev.Schema)
	if k.ofCounter() {
		for _, cur := range h[1 : len(h)-1] {
			if cur.UsesCustomBuckets() != custom {
				return nil
			}
			schema = min(schema, cur.Schema)
		}
	}

	change := last.CopyToSchema(schema)
	if _, _, _, err := change.Sub(prev); err != nil {
		return nil
	}
	if k.ofCounter() {
		for _, cur := range h[1:] {
			if cur.DetectReset(prev) {
				if _, _, _, err := change.Add(prev); err != nil {
					return nil
				}
			}
			prev = cur
		}
	}
	change.CounterResetHint = histogram.GaugeType
	return change.Compact(0)
}

// emptyLike returns a histogram without observations that can be subtracted
// from h without loss.
func emptyLike(h *histogram.FloatHistogram) *histogram.FloatHistogram {
	return &histogram.FloatHistogram{Schema: h.Schema, CustomValues: h.CustomValues}
}

// Irate returns how fast each counter rises, per second, between its last two
// samples in the window. If the last is lower than the one before, the counter
// was reset and its value is the increase. Series with one sample, or whose
// last two are a float and a histogram or have exponential and custom buckets,
// get no value.
func Irate(r Range) (Vector, error) {
	return r.eachSeries(func(p *points) (Sample, bool) { return lastChange(p, rateKind) })
}

// Idelta returns the difference of each gauge's last two samples in the
// window. It leaves out the series that Irate leaves out.
func Idelta(r Range) (Vector, error) {
	return r.eachSeries(func(p *points) (Sample, bool) { return lastChange(p, deltaKind) })
}

// lastChange is PromQL's instantValue.
func lastChange(p *points, k kind) (Sample, bool) {
	floats, histograms := len(p.F), len(p.H)
	switch {
	case floats > 1 && (histograms == 0 || p.HT[histograms-1] < p.T[floats-2]):
		prev, last := p.F[floats-2], p.F[floats-1]
		if k == deltaKind {
			return Sample{F: last - prev}, true
		}
		change := last
		if !(last < prev) { // also where one of them is NaN
			change = last - prev
		}
		return Sample{F: change / (float64(p.T[floats-1]-p.T[floats-2]) / 1000)}, true

	case histograms > 1 && (floats == 0 || p.T[floats-1] < p.HT[histograms-2]):
		prev, last := p.H[histograms-2], p.H[histograms-1]
		change := last.Copy()
		if k == deltaKind || !last.DetectReset(prev) {
			if _, _, _, err := change.Sub(prev); err != nil {
				return Sample{}, false
			}
		}
		change.CounterResetHint = histogram.GaugeType
		change.Compact(0)
		if k == rateKind {
			change.Div(float64(p.HT[histograms-1]-p.HT[histograms-2]) / 1000)
		}
		return Sample{H: change}, true
	}
	return Sample{}, false
}

// Resets counts each series' resets in the window: samples lower than the one
// before, histograms with less in a bucket than the one before, and changes
// between float and histogram. One sample alone is 0 resets; NaN is no reset.
func Resets(r Range) (Vector, error) {
	return r.eachSeries(func(p *points) (Sample, bool) {
		return Sample{F: float64(p.countPairs(
			func(prev, cur float64) bool { return cur < prev },
			func(prev, cur *histogram.FloatHistogram) bool { return cur.DetectReset(prev) },
		))}, true
	})
}

// Changes counts how often each series' value changes in the window. One
// sample alone is 0 changes; NaN after NaN is none.
func Changes(r Range) (Vector, error) {
	return r.eachSeries(func(p *points) (Sample, bool) {
		return Sample{F: float64(p.countPairs(
			func(prev, cur float64) bool { return cur != prev && !(math.IsNaN(cur) && math.IsNaN(prev)) },
			func(prev, cur *histogram.FloatHistogram) bool { return !cur.Equals(prev) },
		))}, true
	})
}

// countPairs counts the neighbouring samples, in order of time, for which the
// function of their type holds; a float beside a histogram always counts.
func (p *points) countPairs(floats func(prev, cur float64) bool, histograms func(prev, cur *histogram.FloatHistogram) bool) int {
	n := 0
	f, h := 0, 0 // how many floats and histograms are behind us
	wasFloat := false
	for first := true; f < len(p.F) || h < len(p.H); first = false {
		isFloat := h == len(p.H) || f < len(p.F) && p.T[f] < p.HT[h]
		switch {
		case first:
		case isFloat != wasFloat:
			n++
		case isFloat && floats(p.F[f-1], p.F[f]),
			!isFloat && histograms(p.H[h-1], p.H[h]):
			n++
		}
		if isFloat {
			f++
		} else {
			h++
		}
		wasFloat = isFloat
	}
	return n
}
