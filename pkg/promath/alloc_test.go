package promath_test

import (
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/promath"
)

// TestAllocationsDoNotGrowWithSamples: a percentile over a window of many
// samples allocates as often as over one of few.
func TestAllocationsDoNotGrowWithSamples(t *testing.T) {
	allocations := func(rows int) float64 {
		at := make([]int64, rows)
		values := make([]float64, rows)
		for i := range at {
			at[i], values[i] = int64(i)*60_000/int64(rows), float64(i)
		}
		var series []metric.Series
		for _, le := range []string{"+Inf", "0.1", "1"} {
			for _, pod := range []string{"a", "b", "c"} {
				series = append(series, metric.Series{Labels: labels.FromStrings(labels.MetricName, "x_bucket", "le", le, "pod", pod), T: at, F: values})
			}
		}
		return testing.AllocsPerRun(20, func() {
			rates, err := promath.Rate(promath.Range{Series: series, Start: -1, End: 60_000, Now: 60_000})
			if err != nil {
				t.Fatal(err)
			}
			sums, err := promath.Sum(rates, promath.Grouping{Labels: []string{"le"}})
			if err != nil {
				t.Fatal(err)
			}
			if v, err := promath.HistogramQuantile(0.95, sums); err != nil || len(v) != 1 {
				t.Fatal(v, err)
			}
		})
	}
	if few, many := allocations(12), allocations(1200); few != many {
		t.Errorf("%v allocations for 12 samples a series, %v for 1,200", few, many)
	}
}
