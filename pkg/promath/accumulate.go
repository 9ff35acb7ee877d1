package promath

import (
	"math"
	"slices"

	"github.com/prometheus/prometheus/model/histogram"
)

// floatMean is the mean of the floats added to it: their compensated sum over
// their number or, from where that sum overflows, a mean that is moved towards
// each further value. The zero value is empty.
type floatMean struct {
	count, sum, c float64
	mean          float64
	moving        bool
}

func (m *floatMean) add(f float64) {
	m.count++
	if m.count == 1 {
		m.sum = f
		return
	}
	if !m.moving {
		sum, c := addCompensated(f, m.sum, m.c)
		if !math.IsInf(sum, 0) {
			m.sum, m.c = sum, c
			return
		}
		m.moving = true
		m.mean = m.sum / (m.count - 1)
		m.c /= m.count - 1
	}
	q := (m.count - 1) / m.count
	m.mean, m.c = addCompensated(f/m.count, q*m.mean, q*m.c)
}

func (m *floatMean) value() float64 {
	if m.moving {
		return m.mean + m.c
	}
	return m.sum/m.count + m.c/m.count
}

// histogramSum is the compensated sum of the histograms added to it. The zero
// value is empty.
type histogramSum struct {
	sum, c *histogram.FloatHistogram
}

// add adds h, which stays as it is. It reports whether that was possible:
// exponential and custom buckets do not mix, and end the sum.
func (s *histogramSum) add(h *histogram.FloatHistogram) bool {
	if s.sum == nil {
		s.sum = h.Copy()
		return true
	}
	c, _, _, err := s.sum.KahanAdd(h, s.c)
	s.c = c
	return err == nil
}

// value returns the sum. Nothing may be added to it any more.
func (s *histogramSum) value() *histogram.FloatHistogram {
	if s.c != nil {
		// Whatever could be added has a compensation that can be added.
		_, _, _, _ = s.sum.Add(s.c)
	}
	return s.sum
}

// histogramMean is floatMean for histograms. The zero value is empty.
type histogramMean struct {
	count  float64
	sum, c *histogram.FloatHistogram
	mean   *histogram.FloatHistogram // not nil once the sum overflows
}

// add adds h, which stays as it is. It reports whether that was possible:
// exponential and custom buckets do not mix, and end the mean.
func (m *histogramMean) add(h *histogram.FloatHistogram) bool {
	m.count++
	if m.count == 1 {
		m.sum = h.Copy()
		return true
	}
	if m.mean == nil {
		sum, c := m.sum.Copy(), m.c
		if c != nil {
			c = c.Copy()
		}
		c, _, _, err := sum.KahanAdd(h, c)
		if err != nil {
			return false
		}
		if !sum.HasOverflow() {
			m.sum, m.c = sum, c
			return true
		}
		m.mean = m.sum.Copy().Div(m.count - 1)
		if m.c != nil {
			m.c.Div(m.count - 1)
		}
	}
	q := (m.count - 1) / m.count
	if m.c != nil {
		m.c.Mul(q)
	}
	c, _, _, err := m.mean.Mul(q).KahanAdd(h.Copy().Div(m.count), m.c)
	m.c = c
	return err == nil
}

// value returns the mean. Nothing may be added to it any more.
func (m *histogramMean) value() *histogram.FloatHistogram {
	mean, c := m.mean, m.c
	if mean == nil {
		mean = m.sum.Div(m.count)
		if c != nil {
			c.Div(m.count)
		}
	}
	if c != nil {
		// Whatever could be added has a compensation that can be added.
		_, _, _, _ = mean.Add(c)
	}
	return mean
}

// quantile returns the q-quantile of the values, interpolated between the two
// nearest. It sorts them, NaN first. No values or q NaN give NaN, q < 0 gives
// -Inf, q > 1 gives +Inf.
func quantile(q float64, values []float64) float64 {
	switch {
	case len(values) == 0 || math.IsNaN(q):
		return math.NaN()
	case q < 0:
		return math.Inf(-1)
	case q > 1:
		return math.Inf(+1)
	}
	// An order that treats NaN as PromQL's does: with several of them, where
	// the others end up depends on it.
	slices.SortFunc(values, func(a, b float64) int {
		if math.IsNaN(a) || a < b {
			return -1
		}
		return 1
	})
	n := float64(len(values))
	rank := q * (n - 1)
	lower := math.Max(0, math.Floor(rank))
	upper := math.Min(n-1, lower+1)
	weight := rank - math.Floor(rank)
	return values[int(lower)]*(1-weight) + values[int(upper)]*weight
}
