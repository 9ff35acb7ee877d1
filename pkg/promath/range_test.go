package promath_test

import (
	"testing"

	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/promath"
)

func TestInstant(t *testing.T) {
	t.Parallel()
	f := func(series string, at, lookback int64, want string) {
		t.Helper()
		check(t, text(promath.Instant(seriesOf(t, series), at, lookback), nil), want)
	}
	f(`x 1 2 3`, 20_000, 5000, `{__name__="x"} 3`)
	f(`x 1 2 3`, 24_999, 5000, `{__name__="x"} 3`)
	f(`x 1 2 3`, 25_000, 5000, ``) // the lookback is open on the left
	f(`x 1 2 3`, 19_999, 15_000, `{__name__="x"} 2`)
	f(`x 1 2 3`, 0, 1, `{__name__="x"} 1`)
	f(`x 1 2 3`, -1, 5000, ``)
	f(`x 1 NaN`, 10_000, 5000, `{__name__="x"} NaN`)
	f(`x 1 +Inf`, 10_000, 5000, `{__name__="x"} +Inf`)
	f(`x 1 _`, 10_000, 15_000, ``) // a marker ends the series
	f(`x 1 ?`, 10_000, 15_000, ``)
	f(`x 1 _ 3`, 20_000, 5000, `{__name__="x"} 3`)
	f(`x h1 h2`, 10_000, 5000, `{__name__="x"} h2`)
	f(`x h1 2`, 10_000, 5000, `{__name__="x"} 2`)
	f(`x h1 _`, 10_000, 15_000, ``)
	f(`x{a="1"} 1 2
	   x{a="2"} 3 _
	   x{a="3"} 5 h6`, 10_000, 5000, `{__name__="x", a="1"} 2
	                                  {__name__="x", a="3"} h6`)
	f(``, 0, 5000, ``)

	if got := promath.Instant([]metric.Series{{}}, 0, 5000); got != nil {
		t.Errorf("a series without rows: got %v", got)
	}
}

func TestScalarOfAndVectorOf(t *testing.T) {
	t.Parallel()
	f := func(vector, want string) {
		t.Helper()
		check(t, text(promath.VectorOf(promath.ScalarOf(vectorOf(t, vector))), nil), "{} "+want)
	}
	f(`x{a="1"} 5`, "5")
	f(`x{a="1"} -Inf`, "-Inf")
	f(``, "NaN")
	f(`x{a="1"} 5
	   x{a="2"} 6`, "NaN")
	f(`x{a="1"} h5`, "NaN")
	f(`x{a="1"} h5
	   x{a="2"} 6`, "6")
}

// TestDuplicates: whatever drops the metric name may make elements alike.
func TestDuplicates(t *testing.T) {
	t.Parallel()
	const sameLabels = `error: vector cannot contain metrics with the same labelset: {a="1"} is there twice; ` +
		`keep a label that tells the two apart, or aggregate them`
	f := func(v promath.Vector, err error) {
		t.Helper()
		check(t, text(v, err), sameLabels)
	}
	f(promath.Rate(rangeOf(t, 0, 2, `x{a="1"} 1 2 3
	                                 y{a="1"} 1 2 3`)))
	f(promath.CoveredRate(rangeOf(t, 0, 2, `x{a="1"} 1 2 3
	                                        y{a="1"} 1 2 3`), promath.Grouping{}))
	f(promath.Rate(rangeOf(t, 0, 2, `x{__unit__="s", a="1"} 1 2 3
	                                 x{a="1"} 1 2 3`)))
	f(promath.Rate(rangeOf(t, 0, 2, `x{a="1"} 1 2 3
	                                 x{a="1"} 1 2 3`)))
	const vector = `x{a="1"} 1
	                y{a="1"} 1`
	f(promath.Abs(vectorOf(t, vector)))
	f(promath.Neg(vectorOf(t, vector)))
	f(promath.BinaryScalar(promath.OpAdd, vectorOf(t, vector), 1, false))
	f(promath.HistogramCount(vectorOf(t, `x{a="1"} h1
	                                      y{a="1"} h1`)))
	f(promath.HistogramQuantile(0.5, vectorOf(t, `x{a="1"} h1
	                                              y{a="1", le="+Inf"} 1`)))
	f(promath.LabelReplace(vectorOf(t, `{a="1"} 1
	                                    {a="2"} 1`), "a", "1", "a", ".*"))
	f(promath.LabelJoin(vectorOf(t, `{a="1"} 1
	                                 {a="2", b="1"} 1
	                                 {a="1", b="1"} 1`), "b", ""))

	check(t, text(promath.LastOverTime(rangeOf(t, 0, 2, `x{a="1"} 1 2 3
	                                                     y{a="1"} 1 2 3`))), `{__name__="x", a="1"} 3
	                                                                          {__name__="y", a="1"} 3`)
	check(t, text(promath.BinaryScalar(promath.OpGe, vectorOf(t, vector), 1, false)), `{__name__="x", a="1"} 1
	                                                                                  {__name__="y", a="1"} 1`)
}
