package promath

import (
	"slices"

	"github.com/prometheus/prometheus/model/labels"
)

// A Grouping says which elements of a vector are aggregated together: those
// with equal values of Labels (by) or of all labels but those and the metric
// name (without). The zero value is one group of everything. A label that an
// element does not have counts as empty.
type Grouping struct {
	Without bool
	Labels  []string
	// Known, where it is not nil, says how the elements are divided, so that their
	// labels are not looked at.
	Known func() Groups
}

// Groups are the groups of the elements of a vector, in any order: there may be
// some without elements.
type Groups struct {
	// Of holds the group of each element; nil where all are in the first.
	Of []int32
	// Labels of each group.
	Labels []labels.Labels
}

// divide returns the groups of n elements in order of first appearance.
func (g Groups) divide(n int) groups {
	var gs groups
	if g.Of == nil {
		return groups{of: make([]int32, n), labels: g.Labels[:min(n, 1)]}
	}
	if g.inOrder() {
		return groups{of: g.Of, labels: g.Labels}
	}
	gs.of = make([]int32, n)
	numbers := make([]int32, len(g.Labels)) // in order of appearance, counted from 1
	for i, n := range g.Of {
		if numbers[n] == 0 {
			gs.labels = append(gs.labels, g.Labels[n])
			numbers[n] = int32(len(gs.labels))
		}
		gs.of[i] = numbers[n] - 1
	}
	return gs
}

// groups is how a Grouping divides a vector.
type groups struct {
	of     []int32         // the group of each element
	labels []labels.Labels // the labels of each group, in order of first appearance
}

func (g Grouping) divide(v Vector) groups {
	if g.Known != nil {
		return g.Known().divide(len(v))
	}
	names := slices.Clone(g.Labels)
	if g.Without {
		names = append(names, labels.MetricName)
	}
	k := newKeys(names, g.Without)
	gs := groups{of: make([]int32, len(v))}
	b := labels.NewBuilder(labels.EmptyLabels())
	for i := range v {
		n, isNew := k.number(v[i].Labels)
		gs.of[i] = n
		if !isNew {
			continue
		}
		lset := labels.EmptyLabels()
		if len(names) > 0 {
			b.Reset(v[i].Labels)
			if g.Without {
				b.Del(names...)
			} else {
				b.Keep(names...)
			}
			lset = b.Labels()
		}
		gs.labels = append(gs.labels, lset)
	}
	return gs
}

// inOrder reports whether all groups have elements and are in order of first
// appearance.
func (g Groups) inOrder() bool {
	next := int32(0)
	for _, n := range g.Of {
		if n > next {
			return false
		}
		if n == next {
			next++
		}
	}
	return int(next) == len(g.Labels)
}

// keys numbers label sets from 0 in order of first appearance: those that
// agree in the chosen labels get the same number.
type keys struct {
	names   []string // sorted
	without bool     // all labels but names are chosen, rather than names
	numbers map[string]int32
	buf     []byte
}

func newKeys(names []string, without bool) *keys {
	names = slices.Clone(names)
	slices.Sort(names)
	return &keys{names: names, without: without, numbers: map[string]int32{}}
}

// number returns the number of l, and whether it is new.
func (k *keys) number(l labels.Labels) (n int32, isNew bool) {
	n, ok := k.find(l)
	if ok {
		return n, false
	}
	n = int32(len(k.numbers))
	if value, ok := k.single(l); ok {
		k.numbers[value] = n
	} else {
		k.numbers[string(k.buf)] = n // as find encoded it
	}
	return n, true
}

// find returns the number of l, if it has one.
func (k *keys) find(l labels.Labels) (n int32, ok bool) {
	if value, single := k.single(l); single {
		n, ok = k.numbers[value]
		return n, ok
	}
	k.encode(l)
	n, ok = k.numbers[string(k.buf)]
	return n, ok
}

// single returns what decides where at most one label is chosen: its value
// itself, without a copy.
func (k *keys) single(l labels.Labels) (value string, ok bool) {
	switch {
	case k.without || len(k.names) > 1:
		return "", false
	case len(k.names) == 0:
		return "", true
	}
	return l.Get(k.names[0]), true
}

// encode sets buf to the chosen labels of l.
func (k *keys) encode(l labels.Labels) {
	if k.without {
		k.buf = l.BytesWithoutLabels(k.buf, k.names...)
	} else {
		k.buf = l.BytesWithLabels(k.buf, k.names...)
	}
}
