package promath_test

import (
	"math"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/promath"
)

func TestOverTime(t *testing.T) {
	t.Parallel()
	// Each row of the table is one series; the first row's value lies outside
	// the window.
	series := map[string]string{
		"numbers":    `99 4 1 _ 3`,
		"one":        `99 _ 2 _ _`,
		"none":       `99 _ ? _ _`,
		"NaN":        `99 4 NaN 1 _`,
		"all NaN":    `99 NaN NaN _ _`,
		"infinite":   `99 Inf 1 Inf 1`,
		"opposite":   `99 Inf 1 -Inf 1`,
		"overflow":   `99 1.7e308 1.7e308 1.7e308 _`,
		"cancelling": `99 1 1e100 1 -1e100`,
		"native":     `99 h4 h1 _ h3`,
		"custom":     `99 c4 c1 _ c3`,
		"both kinds": `99 h4 c1 _ h3`,
		"mixed":      `99 h4 1 _ 3`,
	}
	quantile := func(q float64) rangeFunction {
		return func(r promath.Range) (promath.Vector, error) { return promath.QuantileOverTime(q, r) }
	}
	for _, tc := range []struct {
		name string
		f    rangeFunction
		want map[string]string
	}{
		{"sum", promath.SumOverTime, map[string]string{
			"numbers": "8", "one": "2", "NaN": "NaN", "all NaN": "NaN", "infinite": "+Inf", "opposite": "NaN",
			"overflow": "+Inf", "cancelling": "2", "native": "h8", "custom": "c8",
		}},
		{"avg", promath.AvgOverTime, map[string]string{
			"numbers": "2.6666666666666665", "one": "2", "NaN": "NaN", "all NaN": "NaN", "infinite": "+Inf", "opposite": "NaN",
			"overflow": "1.7e+308", "cancelling": "0.5", "native": "h2.6666666666666665", "custom": "c2.6666666666666665",
		}},
		{"min", promath.MinOverTime, map[string]string{
			"numbers": "1", "one": "2", "NaN": "1", "all NaN": "NaN", "infinite": "1", "opposite": "-Inf",
			"overflow": "1.7e+308", "cancelling": "-1e+100", "mixed": "1",
		}},
		{"max", promath.MaxOverTime, map[string]string{
			"numbers": "4", "one": "2", "NaN": "4", "all NaN": "NaN", "infinite": "+Inf", "opposite": "+Inf",
			"overflow": "1.7e+308", "cancelling": "1e+100", "mixed": "3",
		}},
		{"count", promath.CountOverTime, map[string]string{
			"numbers": "3", "one": "1", "NaN": "3", "all NaN": "2", "infinite": "4", "opposite": "4",
			"overflow": "3", "cancelling": "4", "native": "3", "custom": "3", "both kinds": "3", "mixed": "3",
		}},
		{"present", promath.PresentOverTime, map[string]string{
			"numbers": "1", "one": "1", "NaN": "1", "all NaN": "1", "infinite": "1", "opposite": "1",
			"overflow": "1", "cancelling": "1", "native": "1", "custom": "1", "both kinds": "1", "mixed": "1",
		}},
		{"stdvar", promath.StdvarOverTime, map[string]string{
			"numbers": "1.5555555555555556", "one": "0", "NaN": "NaN", "all NaN": "NaN", "infinite": "NaN", "opposite": "NaN",
			"overflow": "0", "cancelling": "5.000000000000001e+199", "mixed": "1",
		}},
		{"stddev", promath.StddevOverTime, map[string]string{
			"numbers": "1.247219128924647", "one": "0", "NaN": "NaN", "all NaN": "NaN", "infinite": "NaN", "opposite": "NaN",
			"overflow": "0", "cancelling": "7.071067811865476e+99", "mixed": "1",
		}},
		{"mad", promath.MadOverTime, map[string]string{
			"numbers": "1", "one": "0", "NaN": "NaN", "all NaN": "NaN", "infinite": "NaN", "opposite": "+Inf",
			"overflow": "0", "cancelling": "5e+99", "mixed": "1",
		}},
		{"median", quantile(0.5), map[string]string{
			"numbers": "3", "one": "2", "NaN": "1", "all NaN": "NaN", "infinite": "+Inf", "opposite": "1",
			"overflow": "1.7e+308", "cancelling": "1", "mixed": "2",
		}},
		{"quantile below 0", quantile(-0.1), map[string]string{
			"numbers": "-Inf", "one": "-Inf", "NaN": "-Inf", "all NaN": "-Inf", "infinite": "-Inf", "opposite": "-Inf",
			"overflow": "-Inf", "cancelling": "-Inf", "mixed": "-Inf",
		}},
		{"quantile above 1", quantile(1.1), map[string]string{
			"numbers": "+Inf", "one": "+Inf", "NaN": "+Inf", "all NaN": "+Inf", "infinite": "+Inf", "opposite": "+Inf",
			"overflow": "+Inf", "cancelling": "+Inf", "mixed": "+Inf",
		}},
		{"quantile NaN", quantile(math.NaN()), map[string]string{
			"numbers": "NaN", "one": "NaN", "NaN": "NaN", "all NaN": "NaN", "infinite": "NaN", "opposite": "NaN",
			"overflow": "NaN", "cancelling": "NaN", "mixed": "NaN",
		}},
		{"ts_of_first", promath.TsOfFirstOverTime, map[string]string{
			"numbers": "10", "one": "20", "NaN": "10", "all NaN": "10", "infinite": "10", "opposite": "10",
			"overflow": "10", "cancelling": "10", "native": "10", "custom": "10", "both kinds": "10", "mixed": "10",
		}},
		{"ts_of_last", promath.TsOfLastOverTime, map[string]string{
			"numbers": "40", "one": "20", "NaN": "30", "all NaN": "20", "infinite": "40", "opposite": "40",
			"overflow": "30", "cancelling": "40", "native": "40", "custom": "40", "both kinds": "40", "mixed": "40",
		}},
		{"ts_of_min", promath.TsOfMinOverTime, map[string]string{
			"numbers": "20", "one": "20", "NaN": "30", "all NaN": "20", "infinite": "40", "opposite": "30",
			"overflow": "30", "cancelling": "40", "mixed": "20",
		}},
		{"ts_of_max", promath.TsOfMaxOverTime, map[string]string{
			"numbers": "10", "one": "20", "NaN": "10", "all NaN": "20", "infinite": "30", "opposite": "10",
			"overflow": "30", "cancelling": "20", "mixed": "40",
		}},
	} {
		for name, rows := range series {
			t.Run(tc.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				overRows(t, tc.f, 0, 4, rows, tc.want[name])
			})
		}
	}
}

func TestFirstAndLastOverTime(t *testing.T) {
	t.Parallel()
	f := func(rows, first, last string) {
		t.Helper()
		r := rangeOf(t, 0, 4, "x "+rows)
		check(t, text(promath.FirstOverTime(r)), first)
		check(t, text(promath.LastOverTime(r)), last)
	}
	const x = `{__name__="x"} ` // the name stays
	f(`99 4 1 _ 3`, x+"4", x+"3")
	f(`99 _ 1 _ _`, x+"1", x+"1") // unlike an instant, markers or not
	f(`99 _ _ _ _`, "", "")
	f(`99 h4 1 _ 3`, x+"h4", x+"3")
	f(`99 4 1 _ h3`, x+"4", x+"h3")
	f(`99 h4 c1 _ c3`, x+"h4", x+"c3")
	f(`99 NaN 1 _ Inf`, x+"NaN", x+"+Inf")
}

func TestAbsent(t *testing.T) {
	t.Parallel()
	eq := func(name, value string) *labels.Matcher { return labels.MustNewMatcher(labels.MatchEqual, name, value) }
	f := func(sel *metric.Selector, want string) {
		t.Helper()
		check(t, text(promath.Absent(nil, sel), nil), want)
		check(t, text(promath.Absent(vectorOf(t, `x NaN`), sel), nil), "")
		check(t, text(promath.AbsentOverTime(rangeOf(t, 0, 1, ``), sel)), want)
		check(t, text(promath.AbsentOverTime(rangeOf(t, 0, 1, `x 1 _`), sel)), want)
		check(t, text(promath.AbsentOverTime(rangeOf(t, 0, 1, `x 1 h1`), sel)), "")
		check(t, text(promath.AbsentOverTime(rangeOf(t, 0, 1, `x{a="1"} _ _
		                                                       x{a="2"} _ 2`), sel)), "")
	}
	f(nil, "{} 1")
	f(&metric.Selector{Name: "x"}, "{} 1")
	f(&metric.Selector{Name: "x", Matchers: []*labels.Matcher{
		eq("pod", "a"), labels.MustNewMatcher(labels.MatchRegexp, "code", "5.."),
	}}, `{pod="a"} 1`)
	f(&metric.Selector{Name: "x", Matchers: []*labels.Matcher{
		eq("pod", "a"), eq("code", "1"), eq("code", "2"), eq(labels.MetricName, "x"),
	}}, `{pod="a"} 1`)
	f(&metric.Selector{Name: "x", Matchers: []*labels.Matcher{eq("pod", "")}}, `{} 1`)
}
