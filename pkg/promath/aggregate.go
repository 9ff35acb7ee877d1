package promath

import (
	"math"
)

// The functions in this file aggregate the elements of a vector, group by
// group. The elements of the result have the labels of their group and come in
// the order in which the groups first appear. The error is always nil; it is
// there so that all functions of a kind look alike.

// Sum returns the sum of each group, compensated, so that rounding errors do
// not add up. Native histograms are summed bucket by bucket. Groups that mix
// floats and histograms, or exponential and custom buckets, get no value.
func Sum(v Vector, g Grouping) (Vector, error) { return aggregate(v, g, sumOf{}) }

// Avg returns the mean of each group, of floats or native histograms. Groups
// that mix floats and histograms, or exponential and custom buckets, get no
// value.
func Avg(v Vector, g Grouping) (Vector, error) { return aggregate(v, g, avgOf{}) }

// Min returns the least float of each group; NaN only where all are NaN. It
// ignores histograms.
func Min(v Vector, g Grouping) (Vector, error) { return aggregate(v, g, minOf{}) }

// Max returns the greatest float of each group; NaN only where all are NaN. It
// ignores histograms.
func Max(v Vector, g Grouping) (Vector, error) { return aggregate(v, g, maxOf{}) }

// Count returns the number of elements of each group, floats and histograms.
func Count(v Vector, g Grouping) (Vector, error) { return aggregate(v, g, countOf{}) }

// Group returns 1 for each group.
func Group(v Vector, g Grouping) (Vector, error) { return aggregate(v, g, groupOf{}) }

// Stdvar returns the population variance of each group's floats: 0 for one
// element, NaN where one is NaN or infinite. It ignores histograms.
func Stdvar(v Vector, g Grouping) (Vector, error) { return aggregate(v, g, stdvarOf{}) }

// Stddev returns the population standard deviation of each group's floats, the
// square root of Stdvar.
func Stddev(v Vector, g Grouping) (Vector, error) { return aggregate(v, g, stddevOf{}) }

// Quantile returns the q-quantile of each group's floats, interpolated between
// the two nearest: -Inf for q < 0, +Inf for q > 1, NaN for q NaN. NaN among
// the elements counts as less than any number. It ignores histograms.
func Quantile(q float64, v Vector, g Grouping) (Vector, error) {
	return aggregate(v, g, quantileOf{q: q})
}

// aggregate adds each element to the aggregation of its group, which starts as
// a copy of empty, and collects the values of those that have one.
func aggregate[A any, P interface {
	*A
	add(*Sample)
	value() (Sample, bool)
}](v Vector, g Grouping, empty A) (Vector, error) {
	if len(v) == 0 {
		return nil, nil
	}
	gs := g.divide(v)
	all := make([]A, len(gs.labels))
	for i := range all {
		all[i] = empty
	}
	for i := range v {
		P(&all[gs.of[i]]).add(&v[i])
	}
	out := make(Vector, 0, len(all))
	for i := range all {
		if s, ok := P(&all[i]).value(); ok {
			s.Labels = gs.labels[i]
			out = append(out, s)
		}
	}
	return out, nil
}

// content is what a sum or mean has seen: nothing, floats, histograms, or what
// cannot be added up.
type content int8

const (
	nothing content = iota
	floats
	histograms
	incompatible
)

// with returns the content once s is there too.
func (c content) with(s *Sample) content {
	kind := floats
	if s.H != nil {
		kind = histograms
	}
	if c == nothing || c == kind {
		return kind
	}
	return incompatible
}

type sumOf struct {
	content content
	sum, c  float64
	h       histogramSum
}

func (a *sumOf) add(s *Sample) {
	switch a.content = a.content.with(s); a.content {
	case floats:
		a.sum, a.c = addCompensated(s.F, a.sum, a.c)
	case histograms:
		if !a.h.add(s.H) {
			a.content = incompatible
		}
	}
}

func (a *sumOf) value() (Sample, bool) {
	switch a.content {
	case floats:
		return Sample{F: a.sum + a.c}, true
	case histograms:
		return Sample{H: a.h.value().Compact(0)}, true
	}
	return Sample{}, false
}

type avgOf struct {
	content content
	f       floatMean
	h       histogramMean
}

func (a *avgOf) add(s *Sample) {
	switch a.content = a.content.with(s); a.content {
	case floats:
		a.f.add(s.F)
	case histograms:
		if !a.h.add(s.H) {
			a.content = incompatible
		}
	}
}

func (a *avgOf) value() (Sample, bool) {
	switch a.content {
	case floats:
		return Sample{F: a.f.value()}, true
	case histograms:
		return Sample{H: a.h.value().Compact(0)}, true
	}
	return Sample{}, false
}

type minOf struct {
	least float64
	any   bool
}

func (a *minOf) add(s *Sample) {
	if s.H == nil && (!a.any || a.least > s.F || math.IsNaN(a.least)) {
		a.least, a.any = s.F, true
	}
}

func (a *minOf) value() (Sample, bool) { return Sample{F: a.least}, a.any }

type maxOf struct {
	greatest float64
	any      bool
}

func (a *maxOf) add(s *Sample) {
	if s.H == nil && (!a.any || a.greatest < s.F || math.IsNaN(a.greatest)) {
		a.greatest, a.any = s.F, true
	}
}

func (a *maxOf) value() (Sample, bool) { return Sample{F: a.greatest}, a.any }

type countOf struct{ n float64 }

func (a *countOf) add(*Sample)           { a.n++ }
func (a *countOf) value() (Sample, bool) { return Sample{F: a.n}, true }

type groupOf struct{}

func (*groupOf) add(*Sample)           {}
func (*groupOf) value() (Sample, bool) { return Sample{F: 1}, true }

// stdvarOf is Welford's algorithm, without the compensation that
// StdvarOverTime has: so it is in PromQL.
type stdvarOf struct{ count, mean, squares float64 }

func (a *stdvarOf) add(s *Sample) {
	if s.H != nil {
		return
	}
	a.count++
	if a.count == 1 {
		a.mean = s.F
		a.squares = s.F - s.F // 0, or NaN of NaN and Inf
		return
	}
	delta := s.F - a.mean
	a.mean += delta / a.count
	a.squares += delta * (s.F - a.mean)
}

func (a *stdvarOf) value() (Sample, bool) {
	return Sample{F: a.squares / a.count}, a.count > 0
}

type stddevOf struct{ stdvarOf }

func (a *stddevOf) value() (Sample, bool) {
	s, ok := a.stdvarOf.value()
	s.F = math.Sqrt(s.F)
	return s, ok
}

type quantileOf struct {
	q      float64
	values []float64
}

func (a *quantileOf) add(s *Sample) {
	if s.H == nil {
		a.values = append(a.values, s.F)
	}
}

func (a *quantileOf) value() (Sample, bool) {
	if len(a.values) == 0 {
		return Sample{}, false
	}
	return Sample{F: quantile(a.q, a.values)}, true
}
