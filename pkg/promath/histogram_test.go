package promath_test

import (
	"math"
	"testing"

	"github.com/gaugeway/gaugeway/pkg/promath"
)

func TestHistogramQuantile(t *testing.T) {
	t.Parallel()
	f := func(q float64, vector, want string) {
		t.Helper()
		check(t, text(promath.HistogramQuantile(q, vectorOf(t, vector))), want)
	}
	const even = `x{le="1"} 10; x{le="2"} 20; x{le="4"} 30; x{le="+Inf"} 40`
	f(0.5, even, `{} 2`)
	f(0.25, even, `{} 1`)
	f(0.125, even, `{} 0.5`) // the lowest bucket starts at 0
	f(0.625, even, `{} 3`)
	f(0.9, even, `{} 4`) // the highest has no end
	f(1, even, `{} 4`)
	f(0, even, `{} 0`)
	f(-0.1, even, `{} -Inf`)
	f(1.1, even, `{} +Inf`)
	f(math.NaN(), even, `{} NaN`)

	// le is a number, whatever its spelling and place.
	f(0.5, `x{le="+Inf"} 40; x{le="10"} 30; x{le="1e0"} 10; x{le="2.00"} 20`, `{} 2`)
	f(0.5, `x{le="1"} 5; x{le="1.0"} 5; x{le="2"} 20; x{le="Inf"} 20; x{le="+Inf"} 20`, `{} 2`)
	f(0.5, even+`; x 5; x{le="many"} 7; x{le="1e999"} 7`, `{} 2`)

	// Which bucket there is.
	f(0.5, `x{le="1"} 10; x{le="2"} 20`, `{} NaN`)
	f(0.5, `x{le="+Inf"} 20`, `{} NaN`)
	f(0.5, `x{le="1"} 0; x{le="+Inf"} 0`, `{} NaN`)
	f(0.5, `x{le="1"} 10; x{le="+Inf"} NaN`, `{} 1`)
	f(0.5, `x{le="NaN"} 10; x{le="+Inf"} 20`, `{} NaN`)
	f(0.5, `x{le="-1"} 20; x{le="+Inf"} 20`, `{} -1`) // below a bound that is not positive lies nothing to interpolate
	f(0.5, ``, ``)

	// Buckets that fall, a lot and by a rounding error.
	f(0.9, `x{le="1"} 10; x{le="2"} 5; x{le="4"} 20; x{le="+Inf"} 20`, `{} 3.6`)
	f(0.75, `x{le="1"} 10; x{le="2"} 10.000000000001; x{le="4"} 20; x{le="+Inf"} 20`, `{} 3`)

	// One for each set of other labels, the name dropped.
	f(0.5, `x{le="1", pod="b"} 10; x{le="1", pod="a"} 10; x{le="+Inf", pod="a"} 10; x{le="+Inf", pod="b"} 10`,
		`{pod="b"} 0.5; {pod="a"} 0.5`)

	// Native histograms come first; one that has classic buckets, too, is out.
	f(0.5, `x{le="1", pod="a"} 10; x{le="+Inf", pod="a"} 10; x{pod="b"} h8; x{pod="c"} c8; x{pod="d"} h0`,
		`{pod="b"} 1.414213562373095; {pod="c"} 1.5; {pod="d"} NaN; {pod="a"} 0.5`)
	f(0.5, `x{le="1", pod="a"} 10; x{le="+Inf", pod="a"} 10; x{pod="a"} h8; x{pod="b"} h8`, `{pod="b"} 1.414213562373095`)
	f(0.5, `x{le="1"} 10; x{le="+Inf"} 10; x{le="2"} h8`, `{le="2"} 1.414213562373095; {} 0.5`)
	f(-1, `x h8`, `{} -Inf`)
	f(2, `x h8`, `{} +Inf`)
	f(math.NaN(), `x h8`, `{} NaN`)
	f(1, `x h8; {a="1"} c8`, `{} 2; {a="1"} 2`)
	f(0, `x h8; {a="1"} c8`, `{} 1; {a="1"} 1`)
}

func TestHistogramFraction(t *testing.T) {
	t.Parallel()
	f := func(lower, upper float64, vector, want string) {
		t.Helper()
		check(t, text(promath.HistogramFraction(lower, upper, vectorOf(t, vector))), want)
	}
	const even = `x{le="1"} 10; x{le="2"} 20; x{le="4"} 30; x{le="+Inf"} 40`
	f(1, 2, even, `{} 0.25`)
	f(0, 3, even, `{} 0.625`)
	f(-5, 1, even, `{} 0.25`)
	f(0.5, 1, even, `{} 0.125`)
	f(math.Inf(-1), math.Inf(1), even, `{} 1`)
	f(5, 6, even, `{} 0`)
	f(4, math.Inf(1), even, `{} 0.25`)
	f(2, 1, even, `{} 0`)
	f(2, 2, even, `{} 0`)
	f(math.NaN(), 2, even, `{} NaN`)
	f(1, math.NaN(), even, `{} NaN`)
	f(1, 2, `x{le="1"} 10; x{le="2"} 20`, `{} NaN`)
	f(1, 2, `x{le="1"} 0; x{le="+Inf"} 0`, `{} NaN`)
	f(-2, 0, `x{le="-1"} 10; x{le="1"} 20; x{le="+Inf"} 20`, `{} 0.25`)

	f(1, 2, `x h8; {a="1"} c8; {a="2"} h0`, `{} 1; {a="1"} 1; {a="2"} NaN`)
	f(1, math.Sqrt2, `x h8`, `{} 0.5000000000000001`)
	f(1, 1.25, `x c8`, `{} 0.25`)
	f(2, 1, `x h8`, `{} 0`)
	f(3, 4, `x h8`, `{} 0`)
	f(math.NaN(), 2, `x h8`, `{} NaN`)
}

func TestHistogramStatistics(t *testing.T) {
	t.Parallel()
	f := func(fn func(promath.Vector) (promath.Vector, error), want string) {
		t.Helper()
		check(t, text(fn(vectorOf(t, `x{a="1"} h8; x{a="2"} 5; x{a="3"} c4; x{a="4"} h0`))), want)
	}
	f(promath.HistogramCount, `{a="1"} 8; {a="3"} 4; {a="4"} 0`)
	f(promath.HistogramSum, `{a="1"} 8; {a="3"} 4; {a="4"} 0`)
	f(promath.HistogramAvg, `{a="1"} 1; {a="3"} 1; {a="4"} NaN`)
	f(promath.HistogramStdvar, `{a="1"} 0.17157287525381; {a="3"} 0.25; {a="4"} NaN`)
	f(promath.HistogramStddev, `{a="1"} 0.41421356237309515; {a="3"} 0.5; {a="4"} NaN`)
}
