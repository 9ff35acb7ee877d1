package script

import (
	"errors"
	"fmt"

	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/promath"
)

// A reading is a selection that is counted and charged. Its series are asked for
// only where something has to be computed of them.
type reading struct {
	*selector
	node   *node // nil where nothing of it is shared
	count  int
	now    int64
	series []metric.Series
	lazy   CountedData // gives the series; nil where they are here
}

// read counts what a selector matches.
func (m *machine) read(s *selector) (reading, error) {
	r := reading{selector: s, now: m.env.Now}
	data := m.env.Data
	if s.history {
		data = m.env.History
	}
	if data == nil {
		if s.history {
			return r, errNoHistory
		}
		return r, nil
	}
	rows := 0
	if counted, ok := data.(CountedData); ok {
		r.lazy = counted
		r.count, rows = counted.Count(&s.Selector)
	} else {
		r.series = data.Select(&s.Selector)
		r.count = len(r.series)
		for i := range r.series {
			rows += len(r.series[i].T)
		}
	}
	if s.Range == 0 {
		rows = 0
	}
	r.node = m.selection(s)
	return r, m.charge(1 + r.count/32 + rows/1024)
}

var errNoHistory = errors.New("there is no history to read")

// load returns the series.
func (r *reading) load() []metric.Series {
	if r.lazy != nil {
		r.series, r.lazy = r.lazy.Series(&r.Selector), nil
	}
	return r.series
}

// window lays the selector's range over the series.
func (r *reading) window() promath.Range {
	end := r.now - r.Offset
	return promath.Range{Series: r.load(), Start: end - r.Range, End: end, Now: r.now}
}

// ranged reads a range.
func (m *machine) ranged(s *selector) (reading, error) {
	r, err := m.read(s)
	if err == nil {
		m.window = max(m.window, s.Range)
	}
	return r, err
}

// instant reads a selector.
func (m *machine) instant(s *selector) (vector, error) {
	if s.Range > 0 {
		return vector{}, cured(rangeCure(s.source()), "%s is a range and has no value", s.source())
	}
	r, err := m.read(s)
	if err != nil {
		return vector{}, err
	}
	v, err := m.derived(r.node, m.keyOf("instant"), func() (promath.Vector, error) {
		return promath.Instant(r.load(), r.now-s.Offset, m.env.Lookback), nil
	})
	if err != nil {
		return vector{}, err
	}
	return v, m.alloc(sampleBytes * len(v.Vector))
}

func rangeCure(source string) string {
	return fmt.Sprintf("apply a function that reads ranges: rate(%s), avg_over_time(%s)", source, source)
}
