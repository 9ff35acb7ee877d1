package script

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/promath"
)

// A reading is a selection that is counted and charged. Its series are asked for
// only where something has to be computed of them.
type reading struct {
	*selector
	node    *node // nil where nothing of it is shared
	count   int
	now     int64
	series  []metric.Series
	lazy    CountedData // gives the series; nil where they are here
	grouped GroupedData // groups them; nil where their labels are needed
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
	if s.parts != nil {
		one, found := m.onlyName(s)
		if one != nil {
			return m.read(one)
		}
		var err error
		if r.series, err = m.united(s, found); err != nil {
			return r, err
		}
		r.count, rows = len(r.series), rowsOf(r.series)
	} else if s.relabel != nil {
		var err error
		if r.series, err = m.relabelled(s.relabel, data.Select(&s.Selector)); err != nil {
			return r, err
		}
		r.count, rows = len(r.series), rowsOf(r.series)
	} else if counted, ok := data.(CountedData); ok {
		r.lazy = counted
		r.count, rows = counted.Count(&s.Selector)
		if grouped, ok := data.(GroupedData); ok && grouped.Distinct(&s.Selector) {
			r.grouped = grouped
		}
	} else {
		r.series = data.Select(&s.Selector)
		r.count, rows = len(r.series), rowsOf(r.series)
	}
	if s.Range == 0 {
		rows = 0
	}
	r.node = m.selection(s)
	return r, m.charge(1 + r.count/32 + rows/1024)
}

// rowsOf counts the rows of series.
func rowsOf(series []metric.Series) int {
	rows := 0
	for i := range series {
		rows += len(series[i].T)
	}
	return rows
}

var errNoHistory = errors.New("there is no history to read")

// load returns the series.
func (r *reading) load() []metric.Series {
	if r.lazy != nil {
		r.series, r.lazy = r.lazy.Series(&r.Selector), nil
	}
	return r.series
}

// window lays the selector's range over the series. Where they are grouped, they
// have no labels, and of gets the index of the series of each result.
func (r *reading) window(of *[]int32) promath.Range {
	end := r.now - r.Offset
	out := promath.Range{Start: end - r.Range, End: end, Now: r.now}
	if r.grouped != nil {
		out.Series, out.Of = r.grouped.Bare(&r.Selector), of
	} else {
		out.Series = r.load()
	}
	return out
}

// apply computes something of each series of a reading. Named says that the
// results keep the metric's name.
func (m *machine) apply(r *reading, key []byte, named bool, compute func() (promath.Vector, []int32, error)) (vector, error) {
	type result struct {
		promath.Vector
		of []int32
	}
	size := func(v result) int { return sizeOfVector(v.Vector) + 4*len(v.of) }
	v, n, err := derive(m, r.node, key, size, func() (result, error) {
		v, of, err := compute()
		return result{v, of}, err
	})
	out := vector{Vector: v.Vector, node: n}
	if r.grouped != nil {
		out.bare = &unlabelled{reading: r, of: v.of, named: named}
	}
	return out, err
}

// overRange applies a function of ranges.
func (m *machine) overRange(r *reading, key []byte, named bool, f rangeFunction) (vector, error) {
	return m.apply(r, key, named, func() (promath.Vector, []int32, error) {
		var of []int32
		v, err := f(r.window(&of))
		return v, of, err
	})
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
	v, err := m.apply(&r, m.keyOf("instant"), true, func() (promath.Vector, []int32, error) {
		series := []metric.Series(nil)
		if r.grouped != nil {
			series = r.grouped.Bare(&r.Selector)
		} else {
			series = r.load()
		}
		v, of := promath.InstantOf(series, r.now-r.Offset, m.env.Lookback)
		return v, of, nil
	})
	if err != nil {
		return vector{}, err
	}
	return v, m.alloc(sampleBytes * len(v.Vector))
}

func rangeCure(source string) string {
	return fmt.Sprintf("apply a function that reads ranges: rate(%s), avg_over_time(%s)", source, source)
}

// Unlabelled is what the elements of a vector without labels belong to.
type unlabelled struct {
	*reading
	of    []int32 // the series of each element
	named bool    // they have the metric's name
}

// labelled returns a vector with its labels.
func (m *machine) labelled(v vector) (promath.Vector, error) {
	b := v.bare
	if b == nil {
		return v.Vector, nil
	}
	out, _, err := derive(m, v.node, m.keyOf("labelled"), sizeOfVector, func() (promath.Vector, error) {
		out := slices.Clone(v.Vector)
		for i, l := range b.grouped.Labels(&b.Selector, b.of) {
			if !b.named {
				l = l.DropReserved(isMetricName)
			}
			out[i].Labels = l
		}
		return out, nil
	})
	return out, err
}

// grouped returns a vector and a grouping of it that need no labels where none
// are there.
func (m *machine) grouped(v vector, g promath.Grouping) (promath.Vector, promath.Grouping, error) {
	if v.bare == nil {
		return v.Vector, g, nil
	}
	if slices.ContainsFunc(g.Labels, func(name string) bool { return strings.HasPrefix(name, "__") }) {
		labelled, err := m.labelled(v)
		return labelled, g, err
	}
	g.Known = func() promath.Groups { return v.bare.groups(g) }
	return v.Vector, g, nil
}

// groups returns the groups of the elements.
func (b *unlabelled) groups(g promath.Grouping) promath.Groups {
	if !g.Without && len(g.Labels) == 0 {
		return promath.Groups{Labels: []labels.Labels{labels.EmptyLabels()}}
	}
	of, groups := b.grouped.Groups(&b.Selector, g.Without, g.Labels)
	if len(b.of) < len(of) {
		all := of
		of = make([]int32, len(b.of))
		for i, n := range b.of {
			of[i] = all[n]
		}
	}
	return promath.Groups{Of: of, Labels: groups}
}
