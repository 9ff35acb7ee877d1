package promath_test

import (
	"context"
	"fmt"
	"math"
	"math/rand"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"github.com/gaugeway/gaugeway/pkg/promath"
)

// casesVariable is the environment variable that says how many expressions
// TestAgainstPrometheus evaluates in each of its worlds.
const casesVariable = "PROMATH_CASES"

// TestAgainstPrometheus evaluates random expressions over random series with
// promath and with Prometheus's engine, and compares the results bit by bit.
func TestAgainstPrometheus(t *testing.T) {
	t.Parallel()
	cases := 2000
	if s := os.Getenv(casesVariable); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatalf("%s: %v", casesVariable, err)
		}
		cases = n
	}
	var (
		mu     sync.Mutex
		counts = map[string]int{} // comparisons of results that are not empty, by function
	)
	t.Run("worlds", func(t *testing.T) {
		for seed := range int64(6) {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				engine := newEngine(t)
				rnd := rand.New(rand.NewSource(seed))
				w := newWorld(t, rnd)
				for range cases {
					calls := compare(t, engine, w, rnd)
					mu.Lock()
					for _, c := range calls {
						counts[c]++
					}
					mu.Unlock()
				}
			})
		}
	})
	if t.Failed() {
		return
	}
	for _, call := range functionsUnderTest() {
		t.Logf("%6d %s", counts[call], call)
		if counts[call] < cases/300 {
			t.Errorf("%s was compared %d times only", call, counts[call])
		}
	}
}

// functionsUnderTest lists what the expressions are made of.
func functionsUnderTest() []string {
	names := []string{
		"instant", "quantile_over_time", "predict_linear", "double_exponential_smoothing", "absent_over_time", "absent",
		"sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "topk", "bottomk", "quantile",
		"abs", "ceil", "floor", "sqrt", "exp", "ln", "log2", "log10", "sgn", "unary -", "round", "clamp", "clamp_min", "clamp_max", "vector",
		"histogram_quantile", "histogram_fraction", "histogram_count", "histogram_sum", "histogram_avg",
		"histogram_stddev", "histogram_stdvar", "label_replace", "label_join", "and", "or", "unless", "scalars",
	}
	for _, f := range rangeFunctions {
		names = append(names, f.name)
	}
	for _, op := range operators {
		names = append(names, op.String(), "scalar "+op.String())
	}
	return names
}

// FuzzAgainstPrometheus is TestAgainstPrometheus for one expression over one of
// a few worlds.
func FuzzAgainstPrometheus(f *testing.F) {
	engine := newEngine(f)
	var worlds []*world
	for seed := range int64(3) {
		worlds = append(worlds, newWorld(f, rand.New(rand.NewSource(100+seed))))
		f.Add(byte(seed), seed)
	}
	f.Fuzz(func(t *testing.T, world byte, expression int64) {
		compare(t, engine, worlds[int(world)%len(worlds)], rand.New(rand.NewSource(expression)))
	})
}

// compare evaluates a random expression in both ways. It returns the functions
// it calls if the result is not empty.
func compare(t *testing.T, engine *promql.Engine, w *world, rnd *rand.Rand) []string {
	t.Helper()
	a := newAuthor(w, rnd)
	e := a.expression()
	opts := promql.NewPrometheusQueryOpts(false, time.Duration(a.lookback)*time.Millisecond)
	query, err := engine.NewInstantQuery(context.Background(), w.db, opts, e.query, time.UnixMilli(a.at))
	if err != nil {
		if strings.Contains(err.Error(), "must not occur in ON and GROUP clause at once") {
			return nil
		}
		t.Fatalf("%s: %v", e.query, err)
	}
	defer query.Close()
	result := query.Exec(context.Background())
	got, gotErr := e.eval()
	if result.Err != nil || gotErr != nil {
		if class(result.Err) != class(gotErr) && !(e.mergesTypes() && result.Err == nil && class(gotErr) == "same labelset") {
			t.Fatalf("%s at %d\n got error %v\nwant error %v", e.query, a.at, gotErr, result.Err)
		}
		return nil
	}
	want, err := result.Vector()
	if err != nil {
		t.Fatal(err)
	}
	if diff := difference(got, want, e.unordered); diff != "" {
		t.Fatalf("%s at %d, lookback %d ms: %s\n got %s\nwant %s", e.query, a.at, a.lookback, diff, show(got), want)
	}
	if len(got) == 0 {
		return nil
	}
	return e.calls
}

// mergesTypes reports whether the engine may return a float and a histogram
// with the same labels, where promath returns an error.
func (e expression) mergesTypes() bool {
	return slices.Contains(e.calls, "label_replace") || slices.Contains(e.calls, "label_join") || slices.Contains(e.calls, "unary -")
}

// class sorts errors by what they are about.
func class(err error) string {
	if err == nil {
		return "none"
	}
	for _, c := range []struct{ class, theirs, ours string }{
		{"same labelset", "same labelset", "same labelset"},
		{"many to one", "many-to-one matching must be explicit", "say group_left(...), else"},
		{"one side", "duplicate series for the match group", "match the same"},
		{"grouping", "grouping labels must ensure unique", "have the same labels"},
		{"parameter", "Parameter value is NaN", "parameter k is NaN"},
		{"parameter", "overflows int64", "overflows int64"},
	} {
		if strings.Contains(err.Error(), c.theirs) || strings.Contains(err.Error(), c.ours) {
			return c.class
		}
	}
	return err.Error()
}

// difference says where two vectors differ; NaN may have any payload.
func difference(got promath.Vector, want promql.Vector, unordered bool) string {
	if len(got) != len(want) {
		return fmt.Sprintf("%d elements instead of %d", len(got), len(want))
	}
	if unordered {
		slices.SortFunc(got, func(a, b promath.Sample) int { return labels.Compare(a.Labels, b.Labels) })
		slices.SortFunc(want, func(a, b promql.Sample) int { return labels.Compare(a.Metric, b.Metric) })
	}
	for i := range got {
		g, w := got[i], want[i]
		switch {
		case !labels.Equal(g.Labels, w.Metric):
			return fmt.Sprintf("element %d has labels %s instead of %s", i, g.Labels, w.Metric)
		case (g.H == nil) != (w.H == nil):
			return fmt.Sprintf("element %d is a histogram in one only", i)
		case g.H != nil:
			if gh, wh := canonical(g.H), canonical(w.H); !gh.Equals(wh) {
				return fmt.Sprintf("element %d is %s instead of %s", i, gh, wh)
			}
		case math.Float64bits(number(g.F)) != math.Float64bits(number(w.F)):
			return fmt.Sprintf("element %d is %v (%x) instead of %v (%x)", i,
				g.F, math.Float64bits(g.F), w.F, math.Float64bits(w.F))
		}
	}
	return ""
}

// canonical returns h compacted, each NaN with the same payload.
func canonical(h *histogram.FloatHistogram) *histogram.FloatHistogram {
	h = h.Copy().Compact(0)
	for _, f := range []*float64{&h.Sum, &h.Count, &h.ZeroCount} {
		*f = number(*f)
	}
	for _, b := range [][]float64{h.PositiveBuckets, h.NegativeBuckets} {
		for i := range b {
			b[i] = number(b[i])
		}
	}
	return h
}

// number returns f, NaN with the usual payload.
func number(f float64) float64 {
	if math.IsNaN(f) {
		return math.NaN()
	}
	return f
}

func show(v promath.Vector) string {
	var b strings.Builder
	for _, s := range v {
		if s.H != nil {
			fmt.Fprintf(&b, "%s => %s\n", s.Labels, s.H)
		} else {
			fmt.Fprintf(&b, "%s => %v\n", s.Labels, s.F)
		}
	}
	return b.String()
}
