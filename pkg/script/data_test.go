package script

import (
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/window"
)

// A memory is a Data over series that a test made.
type memory []metric.Series

var _ Data = memory(nil)

func (m memory) Select(sel *metric.Selector) []metric.Series {
	var out []metric.Series
	for _, s := range m {
		if sel.Matches(s.Labels) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b metric.Series) int { return labels.Compare(a.Labels, b.Labels) })
	return out
}

// testNow is when the tests' programs are evaluated, in milliseconds: a Wednesday.
const testNow = 1_700_000_000_000 - 1_700_000_000_000%60_000

// interval between the rows of a test's series, in milliseconds.
const interval = 5000

// newSeries makes a series whose last row is at testNow and the others every
// five seconds before it. A name with labels is written as in an exposition.
func newSeries(name string, values ...float64) metric.Series {
	s := metric.Series{Labels: parseLabels(name), F: values}
	for i := range values {
		s.T = append(s.T, testNow-int64(len(values)-1-i)*interval)
	}
	return s
}

func parseLabels(text string) labels.Labels {
	name, rest, _ := strings.Cut(text, "{")
	b := labels.NewBuilder(labels.EmptyLabels())
	b.Set(labels.MetricName, name)
	for _, pair := range strings.Split(strings.TrimSuffix(rest, "}"), ",") {
		if k, v, ok := strings.Cut(pair, "="); ok {
			b.Set(k, strings.Trim(v, `"`))
		}
	}
	return b.Labels()
}

// counter returns n values that grow by step from start.
func counter(n int, start, step float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = start + step*float64(i)
	}
	return out
}

// flat returns n times the same value.
func flat(n int, v float64) []float64 { return counter(n, v, 0) }

// environment returns an Env over series.
func environment(series ...metric.Series) Env {
	return Env{Now: testNow, Lookback: 10_000, Data: memory(series), History: memory(nil)}
}

// compile compiles a program that is expected to be one.
func compile(t testing.TB, source string) *Program {
	t.Helper()
	p, err := Compile(source, Options{Name: "test", Clock: testClock})
	if err != nil {
		t.Fatalf("Compile(%s): %v", source, err)
	}
	return p
}

// format prints a value: "2.5", "none", or the items of a vector.
func format(v Value) string {
	switch v.Kind {
	case None:
		return "none"
	case Number:
		return formatNumber(v.Items[0].Value)
	}
	var parts []string
	for _, i := range v.Items {
		parts = append(parts, i.Labels.String()+" "+formatNumber(i.Value))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// testClock stands still, so that no test depends on how fast it runs.
func testClock() time.Time { return time.UnixMilli(testNow) }

var _ Data = (*window.View)(nil)
