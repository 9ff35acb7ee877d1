package convert_test

import (
	"context"
	"slices"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// A series set is what both engines read: script as metric.Series, Prometheus
// through its storage interfaces. The series are in label order; rows are
// floats, histograms, and staleness markers.
type seriesSet []metric.Series

func (set seriesSet) sort() {
	slices.SortFunc(set, func(a, b metric.Series) int { return labels.Compare(a.Labels, b.Labels) })
}

// Select implements script.Data.
func (set seriesSet) Select(sel *metric.Selector) []metric.Series {
	var out []metric.Series
	for _, s := range set {
		if sel.Matches(s.Labels) {
			out = append(out, s)
		}
	}
	return out
}

// Querier implements storage.Queryable.
func (set seriesSet) Querier(mint, maxt int64) (storage.Querier, error) {
	return &storage.MockQuerier{SelectMockFunction: func(_ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
		cursor := &seriesCursor{at: -1}
		for i := range set {
			if matchesAll(set[i].Labels, matchers) {
				cursor.series = append(cursor.series, within(&set[i], mint, maxt))
			}
		}
		return cursor
	}}, nil
}

func matchesAll(lset labels.Labels, matchers []*labels.Matcher) bool {
	for _, m := range matchers {
		if !m.Matches(lset.Get(m.Name)) {
			return false
		}
	}
	return true
}

// within cuts a series to the times from mint to maxt.
func within(s *metric.Series, mint, maxt int64) metric.Series {
	from, _ := slices.BinarySearch(s.T, mint)
	to, _ := slices.BinarySearch(s.T, maxt+1)
	out := metric.Series{Labels: s.Labels, T: s.T[from:to], F: s.F[from:to]}
	if s.H != nil {
		out.H = s.H[from:to]
	}
	return out
}

type seriesCursor struct {
	series []metric.Series
	at     int
}

func (c *seriesCursor) Next() bool                        { c.at++; return c.at < len(c.series) }
func (c *seriesCursor) At() storage.Series                { return engineSeries(&c.series[c.at]) }
func (c *seriesCursor) Err() error                        { return nil }
func (c *seriesCursor) Warnings() annotations.Annotations { return nil }

func engineSeries(s *metric.Series) storage.Series {
	return &storage.SeriesEntry{Lset: s.Labels, SampleIteratorFn: func(chunkenc.Iterator) chunkenc.Iterator {
		return storage.NewListSeriesIterator(rows{s})
	}}
}

// rows are those of a series, as Prometheus's iterators read them.
type rows struct{ *metric.Series }

func (r rows) Len() int                { return len(r.Series.T) }
func (r rows) Get(i int) chunks.Sample { return row{r.Series, i} }

// A row is a float or a histogram.
type row struct {
	s *metric.Series
	i int
}

func (r row) T() int64                { return r.s.T[r.i] }
func (r row) ST() int64               { return 0 }
func (r row) F() float64              { return r.s.F[r.i] }
func (r row) H() *histogram.Histogram { return nil }
func (r row) Copy() chunks.Sample     { return r }

// FH returns a copy, because the engine may change it.
func (r row) FH() *histogram.FloatHistogram { return r.s.H[r.i].Copy() }

func (r row) Type() chunkenc.ValueType {
	if r.s.H != nil && r.s.H[r.i] != nil {
		return chunkenc.ValFloatHistogram
	}
	return chunkenc.ValFloat
}

// readAll copies what a storage holds.
func readAll(q storage.Queryable) (seriesSet, error) {
	querier, err := q.Querier(minTime, maxTime)
	if err != nil {
		return nil, err
	}
	defer querier.Close()
	var (
		out seriesSet
		it  chunkenc.Iterator
	)
	all := labels.MustNewMatcher(labels.MatchNotEqual, labels.MetricName, "")
	found := querier.Select(context.Background(), true, nil, all)
	for found.Next() {
		from := found.At()
		s := metric.Series{Labels: from.Labels()}
		it = from.Iterator(it)
		for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
			var (
				at    int64
				value float64
				h     *histogram.FloatHistogram
			)
			if kind == chunkenc.ValFloat {
				at, value = it.At()
			} else {
				at, h = it.AtFloatHistogram(nil)
			}
			appendRow(&s, at, value, h)
		}
		if err := it.Err(); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	out.sort()
	return out, found.Err()
}

// appendRow appends a float or a histogram; a histogram whose sum is the
// staleness marker becomes that marker.
func appendRow(s *metric.Series, at int64, value float64, h *histogram.FloatHistogram) {
	if h != nil && !metric.IsSample(h.Sum) {
		value, h = metric.Absent, nil
	}
	if h != nil && s.H == nil {
		s.H = make([]*histogram.FloatHistogram, len(s.T))
	}
	s.T, s.F = append(s.T, at), append(s.F, value)
	if s.H != nil {
		s.H = append(s.H, h)
	}
}

// Times that storages are read between, in milliseconds.
const (
	minTime = -1 << 50
	maxTime = 1 << 50
)
