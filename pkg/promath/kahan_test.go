package promath

import (
	"math"
	"testing"
)

func TestAddCompensated(t *testing.T) {
	t.Parallel()
	f := func(want float64, values ...float64) {
		t.Helper()
		var sum, c float64
		for _, v := range values {
			sum, c = addCompensated(v, sum, c)
		}
		if got := sum + c; got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("sum of %v is %v, want %v", values, got, want)
		}
	}
	inf := math.Inf(1)
	f(0)
	f(2, 1, 1e100, 1, -1e100)
	f(1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1)
	f(inf, math.MaxFloat64, math.MaxFloat64, -1)
	f(inf, 1, inf, -1e300)
	f(math.NaN(), inf, -inf)
	f(math.NaN(), 1, math.NaN(), 1)
}

func TestAlmostEqual(t *testing.T) {
	t.Parallel()
	f := func(a, b float64, want bool) {
		t.Helper()
		if got := almostEqual(a, b); got != want {
			t.Errorf("almostEqual(%v, %v) = %v", a, b, got)
		}
		if got := almostEqual(b, a); got != want {
			t.Errorf("almostEqual(%v, %v) = %v", b, a, got)
		}
	}
	f(1, 1, true)
	f(1, 1+1e-12, true)
	f(1, 1+4e-12, false)
	f(1e300, 1e300*(1+1e-13), true)
	f(0, 1e-300, false)
	f(0, 5e-324, true)
	f(5e-324, 1e-323, true)
	f(1, -1, false)
	f(math.NaN(), math.NaN(), true)
	f(math.NaN(), 1, false)
	f(math.Inf(1), math.Inf(1), true)
	f(math.Inf(1), math.Inf(-1), false)
	f(math.Inf(1), 1, false)
}
