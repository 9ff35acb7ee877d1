package promath_test

import (
	"testing"

	"github.com/gaugeway/gaugeway/pkg/promath"
)

// A range function without parameters.
type rangeFunction func(promath.Range) (promath.Vector, error)

// over evaluates fn over the series x with the window (start, end], in rows of
// 10 s.
func overRows(t *testing.T, fn rangeFunction, start, end float64, rows, want string) {
	t.Helper()
	if want != "" {
		want = "{} " + want
	}
	check(t, text(fn(rangeOf(t, start, end, "x "+rows))), want)
}

func TestRate(t *testing.T) {
	t.Parallel()
	f := func(start, end float64, rows, want string) {
		t.Helper()
		overRows(t, promath.Rate, start, end, rows, want)
	}
	f(0, 3, `0 10 20 30`, "1")      // the row at 0 is outside: the window is open on the left
	f(-1, 3, `0 10 20 30`, "0.75")  // nothing was before 0
	f(-1, 3, `5 15 25 35`, "0.875") // not farther than where the counter was 0
	f(-1, 3, `70 80 90 100`, "1")   // all the way
	f(-3, 3, `70 80 90 100`, "0.5833333333333334")
	f(0, 6, `70 80 90 100`, "0.5833333333333334") // half an interval beyond the last sample
	f(0, 3, `9 10 20 5`, "0.75")                  // a reset: 10 + 5
	f(0, 3, `9 0 0 0`, "0")
	f(0, 3, `9 10 _ 30`, "1")
	f(0, 3, `9 10 ? 30`, "1")
	f(0, 3, `9 10 NaN 30`, "1") // between first and last NaN is no reset
	f(0, 3, `9 10 20 NaN`, "NaN")
	f(0, 3, `9 10 20 Inf`, "+Inf")
	f(0, 3, `9 _ _ 30`, "") // one sample
	f(0, 3, `9 _ _ _`, "")
	f(3, 5, `0 10 20 30`, "")
	f(0, 3, `h0 h10 h20 h30`, "h1")
	f(0, 3, `h0 h10 h20 h5`, "h0.75")
	f(0, 3, `h0 h10 20 h30`, "") // mixed
	f(0, 3, `h0 h10 c20 h30`, "")
	f(0, 3, `h0 c10 h20 h30`, "h1.3333333333333333") // before a reset, any will do
	f(0, 3, `c0 c10 c20 c30`, "c1")
}

func TestIncreaseAndDelta(t *testing.T) {
	t.Parallel()
	f := func(fn rangeFunction, start, end float64, rows, want string) {
		t.Helper()
		overRows(t, fn, start, end, rows, want)
	}
	f(promath.Increase, 0, 3, `0 10 20 30`, "30")
	f(promath.Increase, 0, 3, `0 10 20 5`, "22.5")
	f(promath.Increase, 0, 3, `h0 h10 h20 h30`, "h30")
	f(promath.Increase, 0, 3, `h0 h20 h5 h10`, "h15")
	f(promath.Increase, 0, 3, `0 10`, "")

	f(promath.Delta, 0, 3, `0 10 20 30`, "30")
	f(promath.Delta, 0, 3, `0 10 20 5`, "-7.5")
	f(promath.Delta, -1, 3, `5 15 25 35`, "40") // a gauge may have been negative
	f(promath.Delta, 0, 3, `h0 h10 h20 h5`, "h-7.5")
	f(promath.Delta, 0, 3, `0 10 h20 5`, "")
	f(promath.Delta, 0, 3, `0 _ 10 _`, "")
}

func TestIrateAndIdelta(t *testing.T) {
	t.Parallel()
	f := func(fn rangeFunction, rows, want string) {
		t.Helper()
		overRows(t, fn, 0, 4, rows, want)
	}
	f(promath.Irate, `0 10 20 30 50`, "2")
	f(promath.Irate, `0 10 20 30 _`, "1")
	f(promath.Irate, `0 10 20 _ 50`, "1.5")
	f(promath.Irate, `0 10 20 30 5`, "0.5") // a reset
	f(promath.Irate, `0 10 20 30 NaN`, "NaN")
	f(promath.Irate, `0 _ _ _ 5`, "")
	f(promath.Irate, `0 10 20 h3 h5`, "h0.2")
	f(promath.Irate, `0 10 20 h5 h3`, "h0.3")
	f(promath.Irate, `h0 h5 h6 30 50`, "2")
	f(promath.Irate, `0 10 20 h3 50`, "")
	f(promath.Irate, `0 10 20 30 h5`, "")
	f(promath.Irate, `0 10 20 c3 h5`, "h0.5") // a change of buckets is a reset
	f(promath.Irate, `0 10 20 h3 c5`, "c0.5")

	f(promath.Idelta, `0 10 20 30 50`, "20")
	f(promath.Idelta, `0 10 20 30 5`, "-25")
	f(promath.Idelta, `0 10 20 h5 h3`, "h-2")
	f(promath.Idelta, `0 10 20 c3 h5`, "")
	f(promath.Idelta, `0 _ _ _ 5`, "")
}

func TestResetsAndChanges(t *testing.T) {
	t.Parallel()
	f := func(rows, resets, changes string) {
		t.Helper()
		overRows(t, promath.Resets, 0, 4, rows, resets)
		overRows(t, promath.Changes, 0, 4, rows, changes)
	}
	f(`9 1 2 3 4`, "0", "3")
	f(`9 1 0 0 -1`, "2", "2")
	f(`9 1 1 1 1`, "0", "0")
	f(`9 1 NaN NaN 1`, "0", "2")
	f(`9 1 _ _ 0`, "1", "1")
	f(`9 _ _ _ 0`, "0", "0")
	f(`9 _ _ _ _`, "", "")
	f(`9 1 h1 h1 2`, "2", "2")
	f(`9 h1 h2 h1 h1`, "1", "2")
}
