package main

import (
	"math"
	"slices"
	"testing"
	"time"
)

func TestPercentile(t *testing.T) {
	t.Parallel()
	f := func(q float64, want float64, values ...float64) {
		t.Helper()
		if got := percentile(values, q); got != want {
			t.Errorf("percentile(%v, %v) = %v, want %v", values, q, got, want)
		}
	}
	f(0.5, 7, 7)
	f(0.5, 2, 3, 1, 2)
	f(0.5, 2, 4, 3, 2, 1)
	f(0.99, 4, 4, 3, 2, 1)
	f(0, 1, 4, 3, 2, 1)
	f(1, 4, 4, 3, 2, 1)
	if got := percentile(nil, 0.5); !math.IsNaN(got) {
		t.Errorf("percentile of nothing = %v, want NaN", got)
	}
}

func TestPairedIsTheMedianOfTheRoundsRatios(t *testing.T) {
	t.Parallel()
	// The machine is ten times slower in the second round, and hiccups in the third.
	if got := paired([]float64{2, 20, 50, 2, 2}, []float64{1, 10, 1, 1, 1}); got != 2 {
		t.Errorf("got %v, want 2", got)
	}
}

func TestGrowthIsOneWhereEachUnitCostsTheSame(t *testing.T) {
	t.Parallel()
	f := func(want float64, small, middle, large float64) {
		t.Helper()
		if got := growth(cost{10, small}, cost{100, middle}, cost{1000, large}); math.Abs(got-want) > 1e-9 {
			t.Errorf("growth of %v, %v, %v = %v, want %v", small, middle, large, got, want)
		}
	}
	f(1, 10, 100, 1000)
	f(1, 510, 600, 1500) // whatever the base is
	f(2, 10, 100, 1900)
	f(0.5, 10, 100, 550)
}

func TestDelaysReachFromTheExpositionToTheOneBefore(t *testing.T) {
	t.Parallel()
	ms := time.Millisecond
	got := delays([]sight{{at: 5 * ms, shown: 2 * ms}, {at: 9 * ms, shown: 5 * ms}, {at: 20 * ms, shown: 6 * ms}})
	if want := []float64{6, 5, 4, 14}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
