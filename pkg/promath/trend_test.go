package promath_test

import (
	"testing"

	"github.com/gaugeway/gaugeway/pkg/promath"
)

func TestDeriv(t *testing.T) {
	t.Parallel()
	f := func(rows, want string) {
		t.Helper()
		overRows(t, promath.Deriv, 0, 4, rows, want)
	}
	f(`9 10 20 30 40`, "1")
	f(`9 40 30 20 10`, "-1")
	f(`9 10 20 10 20`, "0.2")
	f(`9 5 5 5 5`, "0")
	f(`9 _ 5 _ _`, "")
	f(`9 10 _ h1 40`, "1") // histograms are ignored
	f(`9 h1 h2 h3 40`, "")
	f(`9 10 20 NaN 40`, "NaN")
	f(`9 10 20 Inf 40`, "NaN")
	f(`9 Inf Inf Inf Inf`, "NaN")
}

func TestPredictLinear(t *testing.T) {
	t.Parallel()
	f := func(seconds float64, now int64, rows, want string) {
		t.Helper()
		overRows(t, func(r promath.Range) (promath.Vector, error) {
			r.Now = now
			return promath.PredictLinear(r, seconds)
		}, 0, 4, rows, want)
	}
	f(0, 40_000, `9 10 20 30 40`, "40")
	f(60, 40_000, `9 10 20 30 40`, "100")
	f(-60, 40_000, `9 10 20 30 40`, "-20")
	f(0, 140_000, `9 10 20 30 40`, "140") // from Now, not from the end of the window
	f(3600, 40_000, `9 5 5 5 5`, "5")
	f(60, 40_000, `9 _ _ _ 40`, "")
	f(60, 40_000, `9 h1 h2 h3 h4`, "")
	f(60, 40_000, `9 10 20 NaN 40`, "NaN")
}

func TestDoubleExponentialSmoothing(t *testing.T) {
	t.Parallel()
	f := func(sf, tf float64, rows, want string) {
		t.Helper()
		overRows(t, func(r promath.Range) (promath.Vector, error) {
			return promath.DoubleExponentialSmoothing(r, sf, tf)
		}, 0, 4, rows, want)
	}
	f(0.5, 0.5, `9 10 20 30 40`, "40")
	f(0.5, 0.5, `9 10 20 10 20`, "22.5")
	f(0.5, 0.5, `9 5 5 5 5`, "5")
	f(0.5, 0.5, `9 _ _ _ 5`, "")
	f(0.5, 0.5, `9 h1 h2 h3 5`, "")
	f(0.5, 0.5, `9 10 20 NaN 20`, "NaN")

	r := rangeOf(t, 0, 4, `x 1 2 3`)
	check(t, text(promath.DoubleExponentialSmoothing(r, 0, 0.5)),
		"error: invalid smoothing factor 0: give a number between 0 and 1, both excluded")
	check(t, text(promath.DoubleExponentialSmoothing(r, 0.5, 1)),
		"error: invalid trend factor 1: give a number between 0 and 1, both excluded")
}
