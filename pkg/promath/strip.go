package promath

import (
	"fmt"

	"github.com/prometheus/prometheus/model/labels"
)

// Labels that say what a metric is, rather than which series: whatever
// computes something else from a sample drops them.
const (
	typeLabel = "__type__"
	unitLabel = "__unit__"
)

// Which labels a stripper drops.
func noLabels(string) bool       { return false }
func nameLabel(name string) bool { return name == labels.MetricName }
func metadataLabels(name string) bool {
	return name == labels.MetricName || name == typeLabel || name == unitLabel
}

// A stripper drops labels from the elements of one vector, and knows whether
// that may have made two of them alike. It does not for elements of one metric
// name, which is nearly always so: then no label set has to be hashed.
type stripper struct {
	drops func(name string) bool

	any       bool
	name      string
	last      labels.Labels
	ambiguous bool
}

func newStripper(drops func(name string) bool) *stripper { return &stripper{drops: drops} }

// strip returns l without the labels to drop.
func (s *stripper) strip(l labels.Labels) labels.Labels {
	name := l.Get(labels.MetricName)
	switch {
	case !s.any:
		s.any, s.name = true, name
	case name != s.name, labels.Equal(l, s.last):
		s.ambiguous = true
	}
	s.ambiguous = s.ambiguous || l.Has(typeLabel) || l.Has(unitLabel)
	s.last = l
	return l.DropReserved(s.drops)
}

// checked returns v, whose labels all come from strip, or an error where two
// elements have the same labels.
func (s *stripper) checked(v Vector) (Vector, error) {
	if !s.ambiguous {
		return v, nil
	}
	return unique(v)
}

// unique returns v, or an error where two elements have the same labels.
func unique(v Vector) (Vector, error) {
	if len(v) < 2 {
		return v, nil
	}
	seen := make(map[uint64]int, len(v))
	for i := range v {
		hash := v[i].Labels.Hash()
		if first, ok := seen[hash]; ok && labels.Equal(v[first].Labels, v[i].Labels) {
			return nil, fmt.Errorf("vector cannot contain metrics with the same labelset: %s is there twice; "+
				"keep a label that tells the two apart, or aggregate them", v[i].Labels)
		}
		seen[hash] = i
	}
	return v, nil
}
