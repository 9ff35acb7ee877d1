package promath_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/promath"
)

// crowd returns series of several pods that came and went within the window.
func crowd(r *rand.Rand) []metric.Series {
	var series []metric.Series
	for pod := range 6 {
		times := make([]int64, 14)
		for i := range times {
			times[i] = int64(i) * 5000
		}
		for _, le := range []string{"+Inf", "0.1", "1"} {
			f := make([]float64, len(times))
			value := 0.0
			for i := range f {
				value += r.Float64()
				f[i] = value
			}
			if pod%3 == 1 { // it came later
				fill(f[:5+pod], metric.Absent)
			}
			if pod%3 == 2 { // it went
				fill(f[9+pod/2:], metric.Absent)
			}
			series = append(series, metric.Series{Labels: labels.FromStrings(labels.MetricName, "x_bucket", "le", le, "pod", fmt.Sprint(pod)), T: times, F: f})
		}
	}
	slices.SortFunc(series, func(a, b metric.Series) int { return labels.Compare(a.Labels, b.Labels) })
	return series
}

func fill(f []float64, v float64) {
	for i := range f {
		f[i] = v
	}
}

// knownGroups returns the groups of series by a label, numbered in an odd order,
// and with one that has no series.
func knownGroups(series []metric.Series, of []int32, label string, r *rand.Rand) promath.Groups {
	values := map[string]int32{}
	var groups promath.Groups
	for _, i := range r.Perm(len(series)) {
		v := series[i].Labels.Get(label)
		if _, ok := values[v]; !ok {
			values[v] = int32(len(groups.Labels))
			groups.Labels = append(groups.Labels, labels.FromStrings(label, v))
		}
	}
	groups.Labels = append(groups.Labels, labels.FromStrings(label, "nobody"))
	for _, i := range of {
		groups.Of = append(groups.Of, values[series[i].Labels.Get(label)])
	}
	return groups
}

// TestKnownGroups: aggregations of vectors without labels, whose groups are
// known, give what they give of vectors with labels, to the bit and in the same
// order.
func TestKnownGroups(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 3))
		series := crowd(r)
		window := promath.Range{Series: series, Start: 5000, End: 65_000, Now: 65_000}
		without := make([]metric.Series, len(series))
		for i, s := range series {
			s.Labels = labels.EmptyLabels()
			without[i] = s
		}
		for _, label := range []string{"pod", "le"} {
			g := promath.Grouping{Labels: []string{label}}
			for name, rate := range map[string]func(promath.Range, promath.Grouping) (promath.Vector, error){
				"Rate":        func(r promath.Range, _ promath.Grouping) (promath.Vector, error) { return promath.Rate(r) },
				"MaxOverTime": func(r promath.Range, _ promath.Grouping) (promath.Vector, error) { return promath.MaxOverTime(r) },
				"CoveredRate": promath.CoveredRate,
			} {
				labelled, err := rate(window, g)
				if err != nil {
					t.Fatal(err)
				}
				var of []int32
				bare := window
				bare.Series, bare.Of = without, &of
				known := g
				known.Known = func() promath.Groups { return knownGroups(series, of, label, r) }
				values, err := rate(bare, known)
				if err != nil {
					t.Fatal(err)
				}
				for i := range values {
					if !values[i].Labels.IsEmpty() || !labels.Equal(series[of[i]].Labels.DropReserved(func(string) bool { return true }), labelled[i].Labels) {
						t.Fatalf("%s: element %d has the labels %s and is of %s", name, i, values[i].Labels, series[of[i]].Labels)
					}
				}
				for aggregation, f := range map[string]func(promath.Vector, promath.Grouping) (promath.Vector, error){
					"Sum": promath.Sum, "Avg": promath.Avg, "Max": promath.Max, "Count": promath.Count, "Stddev": promath.Stddev,
				} {
					want, err := f(labelled, g)
					if err != nil {
						t.Fatal(err)
					}
					got, err := f(values, known)
					if err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(want, got, cmp.Comparer(labels.Equal)); diff != "" {
						t.Errorf("seed %d: %s of %s by %s: -want +got:\n%s", seed, aggregation, name, label, diff)
					}
				}
			}
		}
	}
}

// TestCoveredIsComputedOnce: the rates of one Covered for several groupings are
// those of CoveredRate, and computing one leaves the others.
func TestCoveredIsComputedOnce(t *testing.T) {
	t.Parallel()
	series := crowd(rand.New(rand.NewPCG(1, 3)))
	r := promath.Range{Series: series, Start: 5000, End: 65_000, Now: 65_000}
	covered := promath.Increases(r)
	if !covered.Partial() || covered.Len() == 0 {
		t.Fatal("nobody came or went")
	}
	for range 2 {
		for _, g := range []promath.Grouping{{}, {Labels: []string{"pod"}}, {Without: true, Labels: []string{"le"}}} {
			want, err := promath.CoveredRate(r, g)
			if err != nil {
				t.Fatal(err)
			}
			got, err := covered.Rate(g)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmp.Comparer(labels.Equal)); diff != "" {
				t.Errorf("by %v: -want +got:\n%s", g.Labels, diff)
			}
		}
	}
}
