package promath

import (
	"slices"

	"github.com/prometheus/prometheus/model/histogram"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// CoveredRate returns how fast each counter rises, per second: its increase
// between two rows, resets corrected, divided by the seconds between them. It
// extrapolates nothing, so it is right from the second scrape on, where Rate
// over a window that is not filled yet reads low.
//
// The increase ends at the last sample in the window (Start, End]; a series
// that has none gets no value. It begins at the base, which is
//
//   - the newest sample up to Start; else, if the series was never seen before
//     its first sample in the window,
//   - 0, where the rows before that sample are marked metric.Absent: the target
//     answered without the series, so the counter or bucket had not been
//     created. The base's time is that of the oldest of these rows, but of
//     those up to Start the newest: the same time that other series of the
//     target have, so that the buckets of a histogram cover the same time;
//   - the first sample itself, where there is no row before it or one marked
//     metric.Unknown. Then there must be another sample, else the series gets
//     no value.
//
// Markers between samples mean nothing: the counter goes on from the last
// sample that is known, and a lower one is a reset.
//
// The time covered ends at the last sample, too. Where the series is absent
// after that, it ends at the newest row in the window at which another series
// of r, with the same T, has a sample: the target went on answering, and the
// counter did not rise. Where none has, the target may be gone, and what is
// known is how fast the counter rose until then: that stays until the last
// sample has left the window.
//
// The rates of a group are meant to be added up, and a target that came or went
// within the window did not serve during all of it: its rate counts for the
// share of the window in which it was there. So the sum over a rollout, where
// each pod that goes is replaced by one that comes, stays what it was. The
// window of a group begins when the first of its series does, so a group that
// is new, or the only one, is right from its second scrape on; it ends with the
// newest row of all series.
//
// So flat counters of answering targets give 0. NaN and Inf among the samples
// make the result NaN or infinite. Native histograms yield histograms, of gauge
// type; series that mix them with floats, or exponential with custom buckets,
// get no value.
func CoveredRate(r Range, g Grouping) (Vector, error) {
	c := coverage{series: r.Series, window: window{start: r.Start, end: r.End}}
	names := newStripper(metadataLabels)
	out := make(Vector, 0, len(r.Series))
	spans := make([]span, 0, len(r.Series))
	for i := range r.Series {
		span, ok := c.span(&r.Series[i])
		if !ok {
			continue
		}
		s, ok := span.increase()
		if !ok {
			continue
		}
		s.Labels = r.Series[i].Labels
		out = append(out, s)
		spans = append(spans, span)
	}
	weigh(spans, g, out, r.Start)
	for i := range out {
		out[i].Labels = names.strip(out[i].Labels)
	}
	return names.checked(out)
}

// weigh divides each increase by the seconds its span covers, and multiplies it
// by the share of its group's window in which its target was there.
func weigh(spans []span, g Grouping, out Vector, start int64) {
	end := int64(0)
	partial := false
	for i := range spans {
		end = max(end, spans[i].newest)
		partial = partial || spans[i].gone || spans[i].begin > start
	}
	var of groups
	var begins []int64
	if partial {
		of = g.divide(out)
		begins = slices.Repeat([]int64{end}, len(of.labels))
		for i, n := range of.of {
			begins[n] = min(begins[n], max(spans[i].begin, start))
		}
	}
	for i := range spans {
		s := &spans[i]
		seconds := float64(s.end-s.begin) / 1000
		if partial {
			from, to, first := max(s.begin, start), end, begins[of.of[i]]
			if s.gone {
				to = s.newest
			}
			if s.unknown {
				from = first
			}
			if share := float64(to-from) / float64(end-first); share < 1 {
				seconds /= share
			}
		}
		if out[i].H != nil {
			out[i].H.Div(seconds)
		} else {
			out[i].F /= seconds
		}
	}
}

// A span is the part of a series over which it is known how much it rose.
type span struct {
	*metric.Series
	first, last int   // rows, both samples
	fromZero    bool  // the counter was 0 before first
	unknown     bool  // the series was there before, but not kept
	gone        bool  // the target departed, at newest
	begin, end  int64 // the time covered
	newest      int64 // the last row in the window, or the one at which the target departed
}

// coverage finds the spans of the series of one Range.
type coverage struct {
	series []metric.Series
	window
	// answered is, by the first element of T, the newest row in the window at
	// which any series has a sample. It is nil until a series ends early.
	answered map[*int64]int
}

// span returns the span of s, and whether there is one.
func (c *coverage) span(s *metric.Series) (span, bool) {
	lo, hi := c.rows(s.T)
	last := lastSample(s, lo, hi)
	if last < 0 {
		return span{}, false
	}
	sp := span{Series: s, last: last, end: s.T[last], newest: s.T[hi-1]}
	if base := lastSample(s, 0, lo); base >= 0 {
		sp.first, sp.begin = base, s.T[base]
	} else {
		for sp.first = lo; !isSample(s, sp.first); {
			sp.first++
		}
		zero := sp.first
		for zero > max(lo-1, 0) && !metric.IsUnknown(s.F[zero-1]) {
			zero--
		}
		sp.fromZero = zero < sp.first
		sp.begin = s.T[zero]
		sp.unknown = zero > 0 && metric.IsUnknown(s.F[zero-1])
		if !sp.fromZero && sp.first == last {
			return span{}, false
		}
	}
	if last < hi-1 {
		row := c.lastAnswer(s.T)
		if row > last && !metric.IsUnknown(s.F[row]) {
			sp.end = s.T[row]
		}
		if row < hi-1 {
			sp.gone, sp.newest = true, s.T[row+1]
		}
	}
	return sp, true
}

// lastAnswer returns the newest row in the window at which a series with these
// times has a sample, -1 where none has.
func (c *coverage) lastAnswer(t []int64) int {
	if c.answered == nil {
		c.answered = map[*int64]int{}
		w := c.window
		for i := range c.series {
			s := &c.series[i]
			lo, hi := w.rows(s.T)
			if lo == hi {
				continue
			}
			row := lastSample(s, lo, hi)
			if known, ok := c.answered[&s.T[0]]; !ok || row > known {
				c.answered[&s.T[0]] = row
			}
		}
	}
	return c.answered[&t[0]]
}

// isSample reports whether a row of s is a sample, float or histogram.
func isSample(s *metric.Series, row int) bool {
	return s.H != nil && s.H[row] != nil || metric.IsSample(s.F[row])
}

// lastSample returns the last row of s from lo up to but without hi that is a
// sample, -1 where none is.
func lastSample(s *metric.Series, lo, hi int) int {
	for row := hi - 1; row >= lo; row-- {
		if isSample(s, row) {
			return row
		}
	}
	return -1
}

// increase returns by how much the series rose over the span.
func (s *span) increase() (Sample, bool) {
	if s.H != nil && s.H[s.first] != nil {
		return s.histogramIncrease()
	}
	base := s.F[s.first]
	if s.fromZero {
		base = 0
	}
	increase, prev := s.F[s.last]-base, base
	for row := s.first; row <= s.last; row++ {
		if s.H != nil && s.H[row] != nil {
			return Sample{}, false
		}
		cur := s.F[row]
		if !metric.IsSample(cur) {
			continue
		}
		if cur < prev {
			increase += prev
		}
		prev = cur
	}
	return Sample{F: increase}, true
}

func (s *span) histogramIncrease() (Sample, bool) {
	h := make([]*histogram.FloatHistogram, 0, s.last-s.first+2)
	if s.fromZero {
		h = append(h, emptyLike(s.H[s.first]))
	}
	for row := s.first; row <= s.last; row++ {
		switch {
		case s.H[row] != nil:
			h = append(h, s.H[row])
		case metric.IsSample(s.F[row]):
			return Sample{}, false
		}
	}
	change := histogramChange(h, increaseKind)
	return Sample{H: change}, change != nil
}
