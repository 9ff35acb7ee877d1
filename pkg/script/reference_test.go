package script

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/histogram"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// gateway returns the series that the examples of the reference read: two pods
// of a gateway, scraped every five seconds for a minute.
func gateway() Env {
	const rows = 13
	env := environment(
		newSeries(`up{pod="a",source="kong"}`, flat(rows, 1)...),
		newSeries(`up{pod="b",source="kong"}`, flat(rows, 1)...),
		newSeries(`queue_length{pod="a",source="kong"}`, 2, 3, 4, 3, 2, 1, 2, 3, 4, 5, 4, 3, 3),
		newSeries(`queue_length{pod="b",source="kong"}`, counter(rows, 1, 0.25)...),
		newSeries(`upstream_requests{pod="a",upstream="10.0.0.7:8000"}`, flat(rows, 3)...),
		newSeries(`upstream_requests{pod="a",upstream="10.0.0.9:8000"}`, flat(rows, 5)...),
		newSeries(`upstream_requests{pod="b",upstream="10.0.0.7:8000"}`, flat(rows, 4)...),
		newSeries(`upstream_requests{pod="b",upstream="192.0.2.1:8000"}`, flat(rows, 9)...),
		newSeries(`in_flight{pod="a"}`, flat(rows, 7)...),
		newSeries(`in_flight{pod="b"}`, flat(rows, 0)...),
		newSeries(`requests_total{pod="a",code="200"}`, counter(rows, 100, 10)...),
		newSeries(`requests_total{pod="a",code="503"}`, counter(rows, 10, 1)...),
		newSeries(`requests_total{pod="b",code="200"}`, counter(rows, 7, 20)...),
		newSeries(`latency_seconds_bucket{pod="a",le="0.1"}`, counter(rows, 5, 5)...),
		newSeries(`latency_seconds_bucket{pod="a",le="1"}`, counter(rows, 10, 9)...),
		newSeries(`latency_seconds_bucket{pod="a",le="+Inf"}`, counter(rows, 10, 10)...),
		newSeries(`latency_seconds_bucket{pod="b",le="0.1"}`, flat(rows, 5)...),
		newSeries(`latency_seconds_bucket{pod="b",le="1"}`, flat(rows, 9)...),
		newSeries(`latency_seconds_bucket{pod="b",le="+Inf"}`, flat(rows, 9)...),
		nativeSeries(`native_seconds{pod="a"}`, rows),
		nativeSeries(`native_seconds{pod="b"}`, rows),
	)
	env.PodOf, env.Namespace = Addresses{"10.0.0.7": "checkout-0", "10.0.0.9:8000": "checkout-1"}.Pod, "shop"
	env.History = memory{
		newSeries(`test`, counter(rows, 1, 1)...),
		newSeries(`checkout-rps`, counter(rows, 10, 1)...),
	}
	return env
}

// nativeSeries makes a series of native histograms that grow by eight
// observations, evenly spread over four buckets, in each row.
func nativeSeries(name string, rows int) metric.Series {
	s := newSeries(name, flat(rows, 0)...)
	for i := range rows {
		n := float64(i + 1)
		s.H = append(s.H, &histogram.FloatHistogram{
			Schema: 0, Count: 8 * n, Sum: 20 * n, ZeroThreshold: 1e-128,
			PositiveSpans:   []histogram.Span{{Offset: 0, Length: 4}},
			PositiveBuckets: []float64{2 * n, 2 * n, 2 * n, 2 * n},
		})
	}
	return s
}

// TestReference runs the example of every function and compares the whole
// reference with a file.
func TestReference(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	family := ""
	for _, f := range Reference() {
		if f.Family != family {
			family = f.Family
			fmt.Fprintf(&b, "# %s\n\n", family)
		}
		if f.Doc == "" || f.Example == "" || !strings.HasSuffix(f.Doc, ".") || !strings.Contains(f.Example, strings.TrimPrefix(f.Name, "string.")) {
			t.Errorf("%s is badly documented: %q, %q", f.Name, f.Doc, f.Example)
		}
		fmt.Fprintf(&b, "%s\n%s\n%s\n%s\n\n", f.Signature, f.Doc, indent(f.Example, "    "), indent(run(t, f.Example, gateway()), "    => "))
	}
	const file = "testdata/reference.txt"
	if update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want := read(t, file); b.String() != want {
		t.Errorf("the reference differs from %s:\n%s", file, difference(b.String(), want))
	}
}

func indent(text, by string) string {
	return by + strings.ReplaceAll(text, "\n", "\n"+by)
}

// difference returns the first lines in which two texts differ.
func difference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			return fmt.Sprintf("line %d is %s\nnot %s", i+1, a[i], strings.Join(b[min(i, len(b)):min(i+1, len(b))], ""))
		}
	}
	return "lines are missing"
}

// run compiles and runs a program and prints what it gives.
func run(t testing.TB, source string, env Env) string {
	t.Helper()
	p, err := Compile(source, Options{Name: "test", Clock: testClock})
	if err != nil {
		t.Errorf("Compile(%s): %v", source, err)
		return "refused"
	}
	v, err := p.Run(env)
	if err != nil {
		return "error: " + err.Error()
	}
	return formatAll(v)
}

// formatAll prints a value with its window and what is idle.
func formatAll(v Value) string {
	out := format(v)
	if v.Window > 0 {
		out += " over " + formatDuration(v.Window)
	}
	for _, l := range v.Idle {
		out += " idle " + l.String()
	}
	return out
}

// TestReferenceIsComplete checks that the reference and what is compiled agree.
func TestReferenceIsComplete(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, f := range Reference() {
		if seen[f.Name] {
			t.Errorf("%s is there twice", f.Name)
		}
		seen[f.Name] = true
	}
	for _, b := range library.ordered {
		if b.run == nil && !b.static && !b.variable {
			t.Errorf("%s does nothing", b.name)
		}
		if least, most := b.arity(); most >= 0 && least > most {
			t.Errorf("%s takes %d to %d arguments", b.name, least, most)
		}
	}
	for _, name := range []string{"rate", "histogram_quantile", "p95", "within", "now", "self", "metric", "series", "concat", "mod", "vand", "filter"} {
		if !seen[name] {
			t.Errorf("%s is missing", name)
		}
	}
}
