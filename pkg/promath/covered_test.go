package promath_test

import (
	"math"
	"strings"
	"testing"

	"github.com/gaugeway/gaugeway/pkg/promath"
)

func TestCoveredRate(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name       string
		start, end float64 // the window, in rows of 10 s
		series     string
		want       string
	}{
		{"filled window", 0, 3, `x 0 10 20 30`, `{} 1`},
		{"from the newest row before the window", 0.5, 3, `x 0 10 20 30`, `{} 1`},
		{"first scrape", -6, 0, `x 5`, ``},
		{"second scrape", -5, 1, `x 5 15`, `{} 1`},
		{"third scrape", -4, 2, `x 5 15 30`, `{} 1.25`},
		{"rows after the window do not count", 0, 2, `x 0 10 20 90`, `{} 1`},
		{"flat", 0, 3, `x 7 7 7 7`, `{} 0`},
		{"reset", 0, 3, `x 100 110 5 15`, `{} 0.8333333333333334`},
		{"reset right after the base", 0, 3, `x 100 5 5 5`, `{} 0.16666666666666666`},
		{"one sample in the window and an old base", 2, 3, `x 0 _ _ 30`, `{} 1`},
		{"one sample in the window, unknown before", 2, 3, `x ? ? ? 30`, ``},
		{"no sample in the window", 2, 4, `x 0 10 20 _ _`, ``},
		{"no rows in the window", 5, 8, `x 0 10 20`, ``},
		{"no rows", 0, 1, ``, ``},

		{"created in the window", 0, 3, `x _ _ 3 6`, `{} 0.2`},
		{"created in the window, 0 since its start only", 1, 3, `x _ _ 3 6`, `{} 0.3`},
		{"created with the newest row", 0, 3, `x _ _ _ 6`, `{} 0.2`},
		{"created in a window that is not filled", -3, 3, `x _ _ 3 6`, `{} 0.2`},
		{"created after rows of which nothing is known", 0, 3, `x ? _ 3 6`, `{} 0.3`},
		{"created, unknown in between", 0, 3, `x _ ? 3 9`, `{} 0.6`},
		{"kept since the window began", 0, 3, `x ? ? 3 9`, `{} 0.6`},
		{"sibling buckets cover the same time", 0, 3, `x{le="1"} _ _ _ 1
		                                               x{le="2"} 0 0 0 2`, `{le="1"} 0.03333333333333333
		                                                                    {le="2"} 0.06666666666666667`},
		{"each series over what is known of it", 0, 3, `x{code="200"} 0 10 20 60
		                                                x{code="500"} ? _ 3 8
		                                                x{code="503"} ? ? 3 9`, `{code="200"} 2
		                                                                         {code="500"} 0.4
		                                                                         {code="503"} 0.6`},
		{"created before the window", 1, 3, `x _ 0 20 40`, `{} 2`},

		{"absent in between", 0, 3, `x 0 10 _ 30`, `{} 1`},
		{"absent in between and reset", 0, 3, `x 50 60 _ 20`, `{} 1`},
		{"unknown in between", 0, 3, `x 0 10 ? 30`, `{} 1`},
		{"unknown before the window", 1, 3, `x 0 ? 20 30`, `{} 1`},

		{"target gone", 0, 4, `x 0 10 20 _ _`, `{} 1`},
		{"series gone, target answers", 0, 3, `x{pod="a"} 0 10 _ _
		                                  x{pod="b"} 0 10 20 30`, `{pod="a"} 0.3333333333333333
		                                                           {pod="b"} 1`},
		{"series gone, target answers once more", 0, 4, `x{pod="a"} 0 10 _ _ _
		                                                 x{pod="b"} 0 10 20 _ _`, `{pod="a"} 0.5
		                                                                           {pod="b"} 1`},
		{"no longer kept, target answers", 0, 3, `x{pod="a"} 0 10 ? ?
		                                          x{pod="b"} 0 10 20 30`, `{pod="a"} 1
		                                                                   {pod="b"} 1`},

		{"NaN", 0, 3, `x 0 10 20 NaN`, `{} NaN`},
		{"NaN in between", 0, 3, `x 0 NaN 20 30`, `{} 1`},
		{"Inf", 0, 3, `x 0 10 20 Inf`, `{} +Inf`},

		{"native", 0, 3, `x h0 h10 h20 h30`, `{} h1`},
		{"native reset", 0, 3, `x h50 h60 h10 h20`, `{} h1`},
		{"native first scrape", -6, 0, `x h5`, ``},
		{"native second scrape", -5, 1, `x h5 h15`, `{} h1`},
		{"native flat", 0, 3, `x h7 h7 h7 h7`, `{} h0`},
		{"native created in the window", 0, 3, `x _ _ h3 h6`, `{} h0.2`},
		{"native created with the newest row", 0, 3, `x _ _ _ h6`, `{} h0.2`},
		{"native absent in between", 0, 3, `x h0 h10 _ h30`, `{} h1`},
		{"native, target gone", 0, 4, `x h0 h10 h20 _ _`, `{} h1`},
		{"custom buckets", 0, 3, `x c0 c10 c20 c30`, `{} c1`},
		{"custom created in the window", 0, 3, `x _ _ c3 c6`, `{} c0.2`},
		{"custom and exponential", 0, 3, `x c0 c10 h20 h30`, ``},
		{"mixed", 0, 3, `x h0 10 h20 h30`, ``},
		{"mixed the other way", 0, 3, `x 0 10 h20 30`, ``},
		{"once a float, now a histogram", 1, 3, `x 0 h10 h20 h30`, `{} h1`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			check(t, text(promath.CoveredRate(rangeOf(t, tc.start, tc.end, tc.series), promath.Grouping{})), tc.want)
		})
	}
}

// TestCoveredRateOfTargetsThatComeAndGo: a target counts for the share of the
// window in which it was there, so that the sum over a rollout stays.
func TestCoveredRateOfTargetsThatComeAndGo(t *testing.T) {
	t.Parallel()
	f := func(name string, start, end float64, g promath.Grouping, want string, targets ...string) {
		t.Helper()
		var r promath.Range
		for _, series := range targets {
			part := rangeOf(t, start, end, strings.ReplaceAll(series, ".", "_"))
			// Rows written as a dot are before the target's first.
			first := strings.Count(series, ".")
			for i := range part.Series {
				s := &part.Series[i]
				s.T, s.F = s.T[first:], s.F[first:]
				if s.H != nil {
					s.H = s.H[first:]
				}
			}
			r.Start, r.End, r.Now = part.Start, part.End, part.Now
			r.Series = append(r.Series, part.Series...)
		}
		v, err := promath.CoveredRate(r, g)
		if got := strings.TrimSpace(text(v, err)); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	all, byPod := promath.Grouping{}, promath.Grouping{Labels: []string{"pod"}}
	f("one goes", 0, 4, all, "{pod=\"a\"} 0.5\n{pod=\"b\"} 1", `x{pod="a"} 0 10 _ _ _`, `x{pod="b"} 0 10 20 30 40`)
	f("the last one to go", 0, 4, all, "{pod=\"a\"} 1", `x{pod="a"} 0 10 _ _ _`)
	f("one comes", 0, 4, all, "{pod=\"a\"} 1\n{pod=\"b\"} 0.5", `x{pod="a"} 0 10 20 30 40`, `x{pod="b"} . . 0 10 20`)
	f("a new group is right at once", 0, 4, byPod, "{pod=\"a\"} 1\n{pod=\"b\"} 1", `x{pod="a"} 0 10 20 30 40`, `x{pod="b"} . . 0 10 20`)
	f("one replaces another", 0, 4, all, "{pod=\"a\"} 0.5\n{pod=\"b\"} 0.5", `x{pod="a"} 0 10 _ _ _`, `x{pod="b"} . . 0 10 20`)
	f("all are new", -6, 2, all, "{pod=\"a\"} 1\n{pod=\"b\"} 1", `x{pod="a"} 0 10 20`, `x{pod="b"} 0 10 20`)
	f("not kept before", 0, 4, all, "{pod=\"a\"} 1\n{pod=\"b\"} 1", `x{pod="a"} 0 10 20 30 40`, `x{pod="b"} ? ? 0 10 20`)
	f("a histogram", 0, 4, all, "{pod=\"a\"} h0.5\n{pod=\"b\"} h1", `x{pod="a"} h0 h10 _ _ _`, `x{pod="b"} h0 h10 h20 h30 h40`)
}

// TestCoveredRateOfSteadyCounter: a counter that rises evenly has one rate,
// extrapolated or not.
func TestCoveredRateOfSteadyCounter(t *testing.T) {
	t.Parallel()
	r := rangeOf(t, 1, 7, `x 100 110 120 130 140 150 160 170`)
	covered, err := promath.CoveredRate(r, promath.Grouping{})
	if err != nil {
		t.Fatal(err)
	}
	rate, err := promath.Rate(r)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(covered[0].F-rate[0].F) > 1e-15 {
		t.Errorf("got %v, rate is %v", covered[0].F, rate[0].F)
	}
}
