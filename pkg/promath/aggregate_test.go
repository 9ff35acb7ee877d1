package promath_test

import (
	"math"
	"testing"

	"github.com/gaugeway/gaugeway/pkg/promath"
)

// An aggregation without parameters.
type aggregation func(promath.Vector, promath.Grouping) (promath.Vector, error)

func by(names ...string) promath.Grouping { return promath.Grouping{Labels: names} }
func without(names ...string) promath.Grouping {
	return promath.Grouping{Without: true, Labels: names}
}

func TestGrouping(t *testing.T) {
	t.Parallel()
	const vector = `x{pod="b", code="200"} 1
	                x{pod="a", code="200"} 2
	                x{pod="b", code="500"} 3
	                y{code="200"} 4`
	f := func(g promath.Grouping, want string) {
		t.Helper()
		check(t, text(promath.Count(vectorOf(t, vector), g)), want)
	}
	f(by(), `{} 4`)
	f(by("pod"), `{pod="b"} 2
	              {pod="a"} 1
	              {} 1`) // in order of first appearance
	f(by("pod", "code"), `{code="200", pod="b"} 1
	                      {code="200", pod="a"} 1
	                      {code="500", pod="b"} 1
	                      {code="200"} 1`)
	f(by("code", "code"), `{code="200"} 3
	                       {code="500"} 1`)
	f(by("none"), `{} 4`)
	f(by("__name__"), `{__name__="x"} 3
	                   {__name__="y"} 1`)
	f(without("code"), `{pod="b"} 2
	                    {pod="a"} 1
	                    {} 1`) // and without the name
	f(without(), `{code="200", pod="b"} 1
	              {code="200", pod="a"} 1
	              {code="500", pod="b"} 1
	              {code="200"} 1`)
	f(without("pod", "code"), `{} 4`)

	g := by("z", "a")
	if _, err := promath.Sum(vectorOf(t, vector), g); err != nil || g.Labels[0] != "z" {
		t.Errorf("the grouping has become %v, %v", g, err)
	}
	check(t, text(promath.Sum(nil, by("pod"))), "")
}

func TestAggregations(t *testing.T) {
	t.Parallel()
	vectors := map[string]string{
		"numbers":    `{a="1"} 4; {a="2"} 1; {a="3"} 3`,
		"one":        `{a="1"} 2`,
		"none":       ``,
		"NaN":        `{a="1"} 4; {a="2"} NaN; {a="3"} 1`,
		"all NaN":    `{a="1"} NaN; {a="2"} NaN`,
		"infinite":   `{a="1"} Inf; {a="2"} 1`,
		"opposite":   `{a="1"} Inf; {a="2"} -Inf`,
		"overflow":   `{a="1"} 1.7e308; {a="2"} 1.7e308`,
		"cancelling": `{a="1"} 1; {a="2"} 1e100; {a="3"} 1; {a="4"} -1e100`,
		"native":     `{a="1"} h4; {a="2"} h1; {a="3"} h3`,
		"custom":     `{a="1"} c4; {a="2"} c1`,
		"both kinds": `{a="1"} h4; {a="2"} c1; {a="3"} h1`,
		"mixed":      `{a="1"} h4; {a="2"} 1; {a="3"} 3`,
	}
	quantile := func(q float64) aggregation {
		return func(v promath.Vector, g promath.Grouping) (promath.Vector, error) { return promath.Quantile(q, v, g) }
	}
	for _, tc := range []struct {
		name string
		f    aggregation
		want map[string]string
	}{
		{"sum", promath.Sum, map[string]string{
			"numbers": "8", "one": "2", "NaN": "NaN", "all NaN": "NaN", "infinite": "+Inf", "opposite": "NaN",
			"overflow": "+Inf", "cancelling": "2", "native": "h8", "custom": "c5",
		}},
		{"avg", promath.Avg, map[string]string{
			"numbers": "2.6666666666666665", "one": "2", "NaN": "NaN", "all NaN": "NaN", "infinite": "+Inf", "opposite": "NaN",
			"overflow": "1.7e+308", "cancelling": "0.5", "native": "h2.6666666666666665", "custom": "c2.5",
		}},
		{"min", promath.Min, map[string]string{
			"numbers": "1", "one": "2", "NaN": "1", "all NaN": "NaN", "infinite": "1", "opposite": "-Inf",
			"overflow": "1.7e+308", "cancelling": "-1e+100", "mixed": "1",
		}},
		{"max", promath.Max, map[string]string{
			"numbers": "4", "one": "2", "NaN": "4", "all NaN": "NaN", "infinite": "+Inf", "opposite": "+Inf",
			"overflow": "1.7e+308", "cancelling": "1e+100", "mixed": "3",
		}},
		{"count", promath.Count, map[string]string{
			"numbers": "3", "one": "1", "NaN": "3", "all NaN": "2", "infinite": "2", "opposite": "2",
			"overflow": "2", "cancelling": "4", "native": "3", "custom": "2", "both kinds": "3", "mixed": "3",
		}},
		{"group", promath.Group, map[string]string{
			"numbers": "1", "one": "1", "NaN": "1", "all NaN": "1", "infinite": "1", "opposite": "1",
			"overflow": "1", "cancelling": "1", "native": "1", "custom": "1", "both kinds": "1", "mixed": "1",
		}},
		{"stdvar", promath.Stdvar, map[string]string{
			"numbers": "1.5555555555555556", "one": "0", "NaN": "NaN", "all NaN": "NaN", "infinite": "NaN", "opposite": "NaN",
			"overflow": "0", "cancelling": "5.000000000000001e+199", "mixed": "1",
		}},
		{"stddev", promath.Stddev, map[string]string{
			"numbers": "1.247219128924647", "one": "0", "NaN": "NaN", "all NaN": "NaN", "infinite": "NaN", "opposite": "NaN",
			"overflow": "0", "cancelling": "7.071067811865476e+99", "mixed": "1",
		}},
		{"median", quantile(0.5), map[string]string{
			"numbers": "3", "one": "2", "NaN": "1", "all NaN": "NaN", "infinite": "+Inf", "opposite": "NaN",
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
	} {
		for name, vector := range vectors {
			t.Run(tc.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				want := tc.want[name]
				if want != "" {
					want = "{} " + want
				}
				check(t, text(tc.f(vectorOf(t, vector), by())), want)
			})
		}
	}
}

func TestTopkAndBottomk(t *testing.T) {
	t.Parallel()
	f := func(k float64, g promath.Grouping, vector, top, bottom string) {
		t.Helper()
		check(t, text(promath.Topk(k, vectorOf(t, vector), g)), top)
		check(t, text(promath.Bottomk(k, vectorOf(t, vector), g)), bottom)
	}
	const numbers = `x{a="1"} 4; x{a="2"} 1; x{a="3"} 3; x{a="4"} NaN; x{a="5"} h9`
	f(1, by(), numbers, `{__name__="x", a="1"} 4`, `{__name__="x", a="2"} 1`)
	f(2.9, by(), numbers,
		`{__name__="x", a="1"} 4; {__name__="x", a="3"} 3`,
		`{__name__="x", a="2"} 1; {__name__="x", a="3"} 3`)
	f(math.MaxInt32, by(), numbers,
		`{__name__="x", a="1"} 4; {__name__="x", a="3"} 3; {__name__="x", a="2"} 1; {__name__="x", a="4"} NaN`,
		`{__name__="x", a="2"} 1; {__name__="x", a="3"} 3; {__name__="x", a="1"} 4; {__name__="x", a="4"} NaN`)
	f(0.9, by(), numbers, ``, ``)
	f(-1, by(), numbers, ``, ``)
	f(math.Inf(-1), by(), numbers, ``, ``)
	f(1, by("b"), `x{a="1", b="1"} 4; x{a="2", b="2"} 1; x{a="3", b="1"} 5; x{a="4", b="3"} h1`,
		`{__name__="x", a="3", b="1"} 5; {__name__="x", a="2", b="2"} 1`,
		`{__name__="x", a="1", b="1"} 4; {__name__="x", a="2", b="2"} 1`)
	f(3, by(), ``, ``, ``)

	const nan = `error: parameter k is NaN: give a number`
	f(math.NaN(), by(), numbers, nan, nan)
	const overflow = `error: parameter k is 1e+19, which overflows int64: give a smaller number`
	f(1e19, by(), numbers, overflow, overflow)
}
