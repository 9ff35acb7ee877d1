package promath

import "github.com/gaugeway/gaugeway/pkg/metric"

// BucketIncreases does what Increases does for the buckets of classic histograms.
// Those of one histogram of a target cover the same time, for a quantile compares
// them: where nothing is known of a bucket at first, because it was not kept then
// as others were, the window of all of them begins where something is. With only
// one sample of that bucket, there is no value of the others either. A bucket
// that was absent is another matter: it is known not to have counted.
//
// Histograms are the groups of the series that are one histogram each, or that of
// several targets.
func BucketIncreases(r Range, histograms Grouping) *Covered {
	x := newCoverage(&r)
	c := x.increases(&r, nil)
	if !x.unknown {
		return c
	}
	starts := x.starts(histograms)
	if starts == nil {
		return c
	}
	return x.increases(&r, starts)
}

// A targetHistogram is the buckets of one histogram of one target.
type targetHistogram struct {
	target *int64 // the first element of T
	group  int32
}

// starts returns where the window of each series begins so that the buckets of a
// histogram cover the same time; nil where they do as it is.
func (c *coverage) starts(histograms Grouping) []int64 {
	begins := make([]int64, len(c.series))
	latest := map[*int64]int64{}
	for i := range c.series {
		begins[i] = c.begin(i)
		if begins[i] > c.start {
			t := &c.series[i].T[0]
			latest[t] = max(latest[t], begins[i])
		}
	}
	if c.even(begins, latest) {
		return nil
	}
	of := histograms.divideSeries(c.series).of
	start := map[targetHistogram]int64{}
	for i, at := range begins {
		if at > c.start {
			h := targetHistogram{&c.series[i].T[0], of[i]}
			start[h] = max(start[h], at)
		}
	}
	for i := range begins {
		if len(c.series[i].T) == 0 {
			continue
		}
		if at, ok := start[targetHistogram{&c.series[i].T[0], of[i]}]; ok {
			begins[i] = at
		}
	}
	return begins
}

// begin returns the time from which on something is known of a series; the start
// of the window where that is before it, or nothing is known at all.
func (c *coverage) begin(i int) int64 {
	s, _ := c.span(&c.series[i], &c.window)
	if s.unknown {
		return max(s.begin, c.start)
	}
	return c.start
}

// even reports whether all series of a target begin when its latest does.
func (c *coverage) even(begins []int64, latest map[*int64]int64) bool {
	for i, at := range begins {
		if t := c.series[i].T; len(t) > 0 && latest[&t[0]] > at {
			return false
		}
	}
	return true
}

// divideSeries is divide for series.
func (g Grouping) divideSeries(series []metric.Series) groups {
	v := make(Vector, len(series))
	for i := range series {
		v[i].Labels = series[i].Labels
	}
	return g.divide(v)
}
