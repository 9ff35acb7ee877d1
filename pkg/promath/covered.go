package promath

import (
	"slices"
	"sync"

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
// Each series covers the time of which something is known for it. A series that
// was not kept at first covers less than another of its target that was, and its
// rate is right for that: to count what is not known as no increase would read
// low. What is computed of several series of a target at once, a quantile of the
// buckets of a histogram, wants BucketIncreases.
//
// So flat counters of answering targets give 0. NaN and Inf among the samples
// make the result NaN or infinite. Native histograms yield histograms, of gauge
// type; series that mix them with floats, or exponential with custom buckets,
// get no value.
func CoveredRate(r Range, g Grouping) (Vector, error) { return Increases(r).Rate(g) }

// A Covered is by how much counters rise, and the time that this covers: what
// CoveredRate computes whatever the groups are. It does not change.
type Covered struct {
	start int64
	// values are increases where the rates depend on the groups, else the rates.
	values Vector
	spans  []span  // of the increases
	of     []int32 // the series that they are of
	bare   bool    // the rates have no labels
	err    error
}

// coveredRooms hold what was released.
var coveredRooms = sync.Pool{New: func() any { return new(Covered) }}

// Release gives the memory of c, and of the rates and of *Range.Of that came with
// it, to later increases. Nobody may use them any more. It need not be called.
func (c *Covered) Release() {
	clear(c.values) // labels and histograms
	c.spans, c.err = nil, nil
	coveredRooms.Put(c)
}

// roomFor returns one that was released, unless it is far larger than what so many
// series take: it may be kept.
func roomFor(series int) *Covered {
	c := coveredRooms.Get().(*Covered)
	if cap(c.values) > 64+4*series {
		coveredRooms.Put(c)
		c = new(Covered)
	}
	return c
}

// spanRooms hold spans until it is known that the rates do not depend on groups.
var spanRooms = sync.Pool{New: func() any { return new([]span) }}

// Increases returns what CoveredRate divides by the time covered. Where r.Of is
// not nil, the rates have no labels.
func Increases(r Range) *Covered {
	x := newCoverage(&r)
	return x.increases(&r, nil)
}

// increases returns what Increases does. Starts are those of the window for each
// series, nil where they are r.Start.
func (c *coverage) increases(r *Range, starts []int64) *Covered {
	room := spanRooms.Get().(*[]span)
	defer spanRooms.Put(room)
	spans := slices.Grow((*room)[:0], len(r.Series))
	out := roomFor(len(r.Series))
	out.start, out.bare = r.Start, r.Of != nil
	out.values = slices.Grow(out.values[:0], len(r.Series))
	of := slices.Grow(out.of[:0], len(r.Series))
	partial := false
	moved := c.window
	for i := range r.Series {
		w := &c.window
		if starts != nil && starts[i] > r.Start {
			moved = window{start: starts[i], end: r.End}
			w = &moved
		}
		known, ok := c.span(&r.Series[i], w)
		if !ok {
			continue
		}
		s, ok := known.increase()
		if !ok {
			continue
		}
		known.unknown = known.unknown || w == &moved
		s.Labels = r.Series[i].Labels
		out.values = append(out.values, s)
		of = append(of, int32(i))
		spans = append(spans, known.span)
		partial = partial || known.gone || known.begin > r.Start
	}
	out.of = of
	if r.Of != nil {
		*r.Of = of
	}
	*room = spans
	if partial {
		*room, out.spans = nil, spans
		return out
	}
	for i := range spans {
		out.values[i].divide(spans[i].seconds())
	}
	out.values, out.err = out.stripped(out.values)
	return out
}

// Partial reports whether a target was not there during all of the window, so
// that Rate depends on the groups.
func (c *Covered) Partial() bool { return c.spans != nil }

// Len returns how many increases there are.
func (c *Covered) Len() int { return len(c.values) }

// Rate returns the rates, as CoveredRate does. They are read only.
func (c *Covered) Rate(g Grouping) (Vector, error) {
	if !c.Partial() {
		return c.values, c.err
	}
	out := slices.Clone(c.values)
	c.weigh(g, out)
	return c.stripped(out)
}

// stripped takes the labels from v that rates do not have.
func (c *Covered) stripped(v Vector) (Vector, error) {
	if c.bare {
		return v, nil
	}
	names := newStripper(metadataLabels)
	for i := range v {
		v[i].Labels = names.strip(v[i].Labels)
	}
	return names.checked(v)
}

// weigh divides each increase by the seconds its span covers, and multiplies it
// by the share of its group's window in which its target was there.
func (c *Covered) weigh(g Grouping, out Vector) {
	end := int64(0)
	for i := range c.spans {
		end = max(end, c.spans[i].newest)
	}
	of := g.divide(out)
	begins := slices.Repeat([]int64{end}, len(of.labels))
	for i, n := range of.of {
		begins[n] = min(begins[n], max(c.spans[i].begin, c.start))
	}
	for i := range c.spans {
		s := &c.spans[i]
		seconds := s.seconds()
		from, to, first := max(s.begin, c.start), end, begins[of.of[i]]
		if s.gone {
			to = s.newest
		}
		if s.unknown {
			from = first
		}
		if share := float64(to-from) / float64(end-first); share < 1 {
			seconds /= share
		}
		out[i].divide(seconds)
	}
}

// divide divides the value.
func (s *Sample) divide(by float64) {
	if s.H != nil {
		s.H = s.H.Copy().Div(by)
	} else {
		s.F /= by
	}
}

// A span is the time over which it is known how much a series rose.
type span struct {
	begin, end int64
	newest     int64 // the last row in the window, or the one at which the target departed
	unknown    bool  // the series was there before, but not kept
	gone       bool  // the target departed, at newest
}

// seconds returns how long it is.
func (s *span) seconds() float64 { return float64(s.end-s.begin) / 1000 }

// A knownSpan is the part of a series over which it is known how much it rose.
type knownSpan struct {
	*metric.Series
	span
	first, last int  // rows, both samples
	fromZero    bool // the counter was 0 before first
}

// coverage finds the spans of the series of one Range.
type coverage struct {
	series []metric.Series
	window
	// answered is, by the first element of T, the newest row in the window at
	// which any series has a sample. It is nil until a series ends early.
	answered map[*int64]int
	// unknown: of some series nothing is known at the beginning of the window.
	unknown bool
}

func newCoverage(r *Range) coverage {
	return coverage{series: r.Series, window: window{start: r.Start, end: r.End}}
}

// span returns the span of s in a window, and whether it is known how much it
// rose. Where it is not because there is one sample only, the span begins there.
func (c *coverage) span(s *metric.Series, w *window) (knownSpan, bool) {
	lo, hi := w.rows(s.T)
	last := lastSample(s, lo, hi)
	if last < 0 {
		return knownSpan{}, false
	}
	sp := knownSpan{Series: s, last: last, span: span{end: s.T[last], newest: s.T[hi-1]}}
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
		c.unknown = c.unknown || sp.unknown
		if !sp.fromZero && sp.first == last {
			return sp, false
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
func (s *knownSpan) increase() (Sample, bool) {
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

func (s *knownSpan) histogramIncrease() (Sample, bool) {
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
