package promath

import (
	"time"

	"github.com/prometheus/prometheus/model/histogram"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// A Range is what a range selector reads: the window (Start, End] of some
// series. Times are milliseconds.
type Range struct {
	// Series holds the selected series in label order, with all rows that are
	// kept. Functions look at the window only, and skip rows that are not
	// samples; CoveredRate also looks at what lies before the window.
	Series []metric.Series
	// Start is before the window, End is its last instant: End is Now minus
	// the offset, Start is End minus the length of the window.
	Start, End int64
	// Now is the time of the evaluation: where predict_linear starts from.
	Now int64
	// Of, where it is not nil, takes the index in Series of each element of the
	// result, and the elements have no labels. That is for those who group them
	// without looking at labels, and for series of which no two would have the same
	// labels.
	Of *[]int32
}

// seconds returns the length of the window. It divides as time.Duration does,
// because PromQL does.
func (r *Range) seconds() float64 {
	return (time.Duration(r.End-r.Start) * time.Millisecond).Seconds()
}

// Instant returns each series' sample at a time: its newest row in
// (at-lookback, at], in milliseconds, if that is a sample. A marker there ends
// the series, so that older samples do not count. The metric name stays. The
// order is that of the series.
func Instant(series []metric.Series, at, lookback int64) Vector {
	v, _ := InstantOf(series, at, lookback)
	return v
}

// InstantOf does the same, and returns the index in series of each element, too.
func InstantOf(series []metric.Series, at, lookback int64) (out Vector, of []int32) {
	w := window{start: at - lookback, end: at}
	for i := range series {
		s := &series[i]
		lo, hi := w.rows(s.T)
		if lo == hi {
			continue
		}
		row := hi - 1
		sample := Sample{Labels: s.Labels, F: s.F[row]}
		if s.H != nil && s.H[row] != nil {
			sample.F, sample.H = 0, s.H[row]
		} else if !metric.IsSample(sample.F) {
			continue
		}
		if out == nil {
			out, of = make(Vector, 0, len(series)), make([]int32, 0, len(series))
		}
		out, of = append(out, sample), append(of, int32(i))
	}
	return out, of
}

// A window finds the rows of series that lie in (start, end]. Series of one
// target share their times, so it remembers where it last looked.
type window struct {
	start, end int64

	times  *int64 // the first element of the T last looked at, and its length
	length int
	lo, hi int
}

// rows returns the half-open interval of rows inside the window; it is empty,
// with lo still the number of rows up to start, where there are none.
func (w *window) rows(t []int64) (lo, hi int) {
	if len(t) == 0 {
		return 0, 0
	}
	if &t[0] != w.times || len(t) != w.length {
		w.times, w.length = &t[0], len(t)
		w.lo = countUpTo(t, w.start)
		w.hi = w.lo + countUpTo(t[w.lo:], w.end)
	}
	return w.lo, w.hi
}

// countUpTo returns how many of the ascending times are not after at.
func countUpTo(t []int64, at int64) int {
	lo, hi := 0, len(t)
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); t[mid] <= at {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// points are the samples of one series inside the window, oldest first, floats
// and histograms apart. They are read only and valid until the next series is
// read.
type points struct {
	T []int64 // times of F
	F []float64

	HT []int64 // times of H
	H  []*histogram.FloatHistogram
}

// empty reports whether there is no sample at all.
func (p *points) empty() bool { return len(p.F)+len(p.H) == 0 }

// mixed reports whether there are floats and histograms.
func (p *points) mixed() bool { return len(p.F) > 0 && len(p.H) > 0 }

// A reader yields the points of one series after another.
type reader struct {
	window
	buf points // reused for series that are not floats throughout
}

func (r *Range) reader() reader { return reader{window: window{start: r.Start, end: r.End}} }

// read returns the points of s. Where every row is a float, they are a part of
// s itself; else they are collected in the reader's buffer.
func (rd *reader) read(s *metric.Series) points {
	lo, hi := rd.rows(s.T)
	if s.H == nil && allSamples(s.F[lo:hi]) {
		return points{T: s.T[lo:hi], F: s.F[lo:hi]}
	}
	b := &rd.buf
	b.T, b.F, b.HT, b.H = b.T[:0], b.F[:0], b.HT[:0], b.H[:0]
	for i := lo; i < hi; i++ {
		switch {
		case s.H != nil && s.H[i] != nil:
			b.HT, b.H = append(b.HT, s.T[i]), append(b.H, s.H[i])
		case metric.IsSample(s.F[i]):
			b.T, b.F = append(b.T, s.T[i]), append(b.F, s.F[i])
		}
	}
	return *b
}

func allSamples(f []float64) bool {
	for _, v := range f {
		if !metric.IsSample(v) {
			return false
		}
	}
	return true
}

// eachSeries calls f with the points of every series that has any, and returns
// the samples for which f says true, with the series' labels less the name.
func (r *Range) eachSeries(f func(*points) (Sample, bool)) (Vector, error) {
	return r.collect(newStripper(metadataLabels), f)
}

// eachNamedSeries is eachSeries for functions that keep the metric name.
func (r *Range) eachNamedSeries(f func(*points) (Sample, bool)) (Vector, error) {
	return r.collect(newStripper(noLabels), f)
}

func (r *Range) collect(names *stripper, f func(*points) (Sample, bool)) (Vector, error) {
	var (
		out Vector
		p   points
		rd  = r.reader()
	)
	for i := range r.Series {
		if p = rd.read(&r.Series[i]); p.empty() {
			continue
		}
		sample, ok := f(&p)
		if !ok {
			continue
		}
		if out == nil {
			out = make(Vector, 0, len(r.Series)-i)
			if r.Of != nil {
				*r.Of = make([]int32, 0, len(r.Series)-i)
			}
		}
		if r.Of != nil {
			*r.Of = append(*r.Of, int32(i))
		} else {
			sample.Labels = names.strip(r.Series[i].Labels)
		}
		out = append(out, sample)
	}
	return names.checked(out)
}
