package window

import (
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// maxGroupings bounds how many groupings a selection keeps.
const maxGroupings = 4

// A grouping is how a selection's entries are grouped by some labels. It stays
// from evaluation to evaluation, and follows the selection.
type grouping struct {
	without bool
	names   []string // sorted; with the metric name, where it is without them
	of      []int32  // the group of each entry
	labels  []labels.Labels
	numbers map[string]int32 // of groups, by their labels; nil until it is asked for
	buf     []byte
}

// key returns what is the same for all members of a group.
func (g *grouping) key(l labels.Labels) []byte {
	if g.without {
		g.buf = l.BytesWithoutLabels(g.buf, g.names...)
	} else {
		g.buf = l.BytesWithLabels(g.buf, g.names...)
	}
	return g.buf
}

// number returns the group of a series.
func (g *grouping) number(l labels.Labels) int32 {
	if g.numbers == nil {
		g.numbers = make(map[string]int32, len(g.labels))
		for i, group := range g.labels {
			g.numbers[string(g.key(group))] = int32(i)
		}
	}
	if n, ok := g.numbers[string(g.key(l))]; ok {
		return n
	}
	n := int32(len(g.labels))
	g.numbers[string(g.buf)] = n
	b := labels.NewBuilder(l)
	if g.without {
		b.Del(g.names...)
	} else {
		b.Keep(g.names...)
	}
	g.labels = append(g.labels, b.Labels())
	return n
}

// drop drops groups without members.
func (g *grouping) drop() {
	g.numbers = nil
	to := make([]int32, len(g.labels))
	for i := range to {
		to[i] = -1
	}
	var kept []labels.Labels
	for i, n := range g.of {
		if to[n] < 0 {
			to[n] = int32(len(kept))
			kept = append(kept, g.labels[n])
		}
		g.of[i] = to[n]
	}
	g.labels = kept
}

// Distinct reports whether no two of the series that match have the same labels,
// or would without the metric's name, type and unit.
func (v *View) Distinct(sel *metric.Selector) bool { return !v.selection(sel).twins }

// Labels returns the labels of some of the series that Bare gives.
func (v *View) Labels(sel *metric.Selector, of []int32) []labels.Labels {
	c := v.selection(sel)
	entries := c.entries
	if v.sight.hidden {
		entries = slices.DeleteFunc(slices.Clone(entries), func(e entry) bool { return v.sight.shown[e.target].rows == 0 })
	}
	out := make([]labels.Labels, len(of))
	for i, n := range of {
		e := entries[n]
		out[i] = v.lent.join.labels(v.sight.shown[e.target].target, e.column)
	}
	return out
}

// Groups returns the group of each of the series that Bare gives, and the labels
// of each group, of which some may have no series: those of the names that a
// series has or, without them, all others but the metric's name. Both are read
// only, and valid until End.
func (v *View) Groups(sel *metric.Selector, without bool, names []string) (of []int32, groups []labels.Labels) {
	c := v.selection(sel)
	g := v.of.grouping(c.selection, without, names)
	if !v.sight.hidden {
		return g.of, g.labels
	}
	of = make([]int32, 0, len(g.of))
	for i, n := range g.of {
		if v.sight.shown[c.entries[i].target].rows > 0 {
			of = append(of, n)
		}
	}
	return of, g.labels
}

func (s *Selections) grouping(x *selection, without bool, names []string) *grouping {
	names = slices.Clone(names)
	if without {
		names = append(names, labels.MetricName)
	}
	slices.Sort(names)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range x.groupings {
		if g.without == without && slices.Equal(g.names, names) {
			return g
		}
	}
	g := &grouping{without: without, names: names, of: make([]int32, len(x.entries))}
	for i, e := range x.entries {
		g.of[i] = g.number(s.found(e).labels)
	}
	g.numbers = nil
	if len(x.groupings) == maxGroupings {
		x.groupings = x.groupings[:0]
	}
	x.groupings = append(x.groupings, g)
	return g
}
