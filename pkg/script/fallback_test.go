package script

import (
	"slices"
	"strings"
	"testing"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// updating is a gateway of three pods in the middle of an update: a shows the
// newer names, b the older ones, and both shows the older ones, too.
func updating() Env {
	return environment(
		newSeries(`new_total{pod="a",code="200"}`, counter(13, 0, 10)...),
		newSeries(`old_total{pod="b",code="200"}`, counter(13, 0, 20)...),
		newSeries(`old_total{pod="b",code="500"}`, counter(13, 0, 5)...),
		newSeries(`new_total{pod="both",code="200"}`, counter(13, 0, 40)...),
		newSeries(`old_total{pod="both",code="200"}`, counter(13, 0, 40)...),
		newSeries(`old_total{pod="both",code="500"}`, counter(13, 0, 15)...),
		newSeries(`new_in_flight{pod="a"}`, 1),
		newSeries(`old_in_flight{pod="b"}`, 2),
		newSeries(`new_in_flight{pod="both"}`, 4),
		newSeries(`old_in_flight{pod="both"}`, 4),
		newSeries(`new_seconds_bucket{pod="a",le="1"}`, counter(13, 0, 10)...),
		newSeries(`new_seconds_bucket{pod="a",le="2"}`, counter(13, 0, 10)...),
		newSeries(`new_seconds_bucket{pod="a",le="+Inf"}`, counter(13, 0, 10)...),
		newSeries(`old_seconds_bucket{pod="b",le="1"}`, flat(13, 0)...),
		newSeries(`old_seconds_bucket{pod="b",le="2"}`, counter(13, 0, 10)...),
		newSeries(`old_seconds_bucket{pod="b",le="+Inf"}`, counter(13, 0, 10)...),
		newSeries(`old_summary{pod="a",quantile="0.5"}`, 3),
		newSeries(`new_native{pod="a"}`, flat(13, 1)...), // no histogram
		nativeSeries(`old_native`, 13),
	)
}

func TestFallback(t *testing.T) {
	t.Parallel()
	f := func(source, want string) {
		t.Helper()
		if got := run(t, source, updating()); got != want {
			t.Errorf("%s gives %s, not %s", source, got, want)
		}
	}
	f(`rps(fallback(new_total["1m"], old_total["1m"]))`, "15 over 1m") // (10 + 20 + 5 + 40)/5
	f(`rps(fallback(new_total, old_total)["1m"], by("pod"))`, `[{pod="a"} 2, {pod="b"} 5, {pod="both"} 8] over 1m`)
	f(`rps(fallback(old_total, new_total)["1m"], by("pod"))`, `[{pod="a"} 2, {pod="b"} 5, {pod="both"} 11] over 1m`)
	f(`rps(fallback(new_total, old_total){code="500"}["1m"])`, "1 over 1m") // of b: both has none by its newer name
	f(`rps(fallback(new_total{code="500"}, old_total{code="500"})["1m"])`, "4 over 1m")
	f(`rps(fallback(new_total{code="500"}, old_total)["1m"])`, "16 over 1m") // of b and both
	f(`sum(rate(fallback(none["1m"], old_total["1m"])), by("pod"))`, `[{pod="b"} 5, {pod="both"} 11] over 1m`)
	f(`rps(fallback(none["1m"], also_none["1m"]))`, "none over 1m")
	f(`sum(fallback(new_in_flight, old_in_flight))`, "7")
	f(`fallback(none, old_in_flight, new_in_flight)`,
		`[{pod="a"} 1, {pod="b"} 2, {pod="both"} 4]`)
	f(`fallback(new_in_flight, old_in_flight) * 2`, `[{pod="a"} 2, {pod="b"} 4, {pod="both"} 8]`)
	f(`fallback(fallback(none, new_in_flight), old_in_flight)`,
		`[{pod="a"} 1, {pod="b"} 2, {pod="both"} 4]`)

	// Percentiles are those of all observations, whatever they are called.
	f(`p50(fallback(new_seconds["1m"], old_seconds["1m"]))`, "1 over 1m")
	f(`p95(fallback(new_seconds["1m"], old_seconds["1m"]))`, "1.9 over 1m")
	f(`p50(fallback(new_seconds_bucket, old_seconds_bucket)["1m"], by("pod"))`, `[{pod="a"} 0.5, {pod="b"} 1.5] over 1m`)
	f(`p50(fallback(none["1m"], old_summary["1m"]))`, "3 over 1m")
	f(`p50(fallback(new_native["1m"], old_native["1m"])) == p50(old_native["1m"]) and 1`, "1 over 1m")
	f(`local new, old = new_total{code="200"}, old_total{code="200"} return rps(offset(fallback(new, old), "5s")["30s"])`, "14 over 30s")
}

// TestFallbackAlignsBuckets: versions have other bounds, and the percentile of both
// is that of all observations, which lie evenly between bounds.
func TestFallbackAlignsBuckets(t *testing.T) {
	t.Parallel()
	var series []metric.Series
	histogram := func(name, pod string, counts map[string]float64) {
		for le, step := range counts {
			series = append(series, newSeries(name+`_bucket{pod="`+pod+`",le="`+le+`"}`, counter(13, 0, step)...))
		}
	}
	histogram("old", "a", map[string]float64{"0001.0": 0, "2": 10, "+Inf": 20}) // from 1 to 2, and above
	histogram("new", "b", map[string]float64{"0.5": 10, "1": 10, "1.5": 20, "5": 20, "+Inf": 20})
	env := environment(series...)
	f := func(source, want string) {
		t.Helper()
		if got := run(t, source, env); got != want {
			t.Errorf("%s gives %s, not %s", source, got, want)
		}
	}
	f(`p50(fallback(new["1m"], old["1m"]))`, "1.3333333333333 over 1m") // 10 up to 1, 25 to 1.5: 1 + 0.5*10/15
	f(`p50(fallback(new["1m"], old["1m"]), by("pod"))`, `[{pod="a"} 2, {pod="b"} 0.5] over 1m`)
	f(`p99(fallback(new["1m"], old["1m"]), by("pod"))`, `[{pod="a"} 4.94, {pod="b"} 1.49] over 1m`) // above 2, up to 5
	f(`p99(fallback(old["1m"], none["1m"]))`, "2 over 1m")
}

// TestFallbackOverTime shows which name of a target counts that has shown both,
// one after the other.
func TestFallbackOverTime(t *testing.T) {
	t.Parallel()
	older := newSeries(`old_in_flight{pod="a"}`, 1, 2, 3)
	newer := newSeries(`new_in_flight{pod="a"}`, 10, 20, 30)
	ended := func(s string, values ...float64) Env {
		gone := newSeries(s, values...)
		for i := range gone.T {
			gone.T[i] -= 2 * interval
		}
		if strings.HasPrefix(s, "old") {
			return environment(gone, newer)
		}
		return environment(gone, older)
	}
	f := func(env Env, want string) {
		t.Helper()
		const source = `max_over_time(fallback(new_in_flight["1m"], old_in_flight["1m"]))`
		if got := run(t, source, env); got != want {
			t.Errorf("it gives %s, not %s", got, want)
		}
	}
	f(ended(`old_in_flight{pod="a"}`, 4, 5), `[{pod="a"} 30] over 1m`)
	f(ended(`new_in_flight{pod="a"}`, 4, 5), `[{pod="a"} 3] over 1m`) // the update was taken back
}

func TestFallbackWants(t *testing.T) {
	t.Parallel()
	f := func(source, want string) {
		t.Helper()
		var got []string
		for _, w := range compile(t, source).Wants() {
			got = append(got, w.String())
		}
		if said := strings.Join(got, " "); said != want {
			t.Errorf("%s wants %s, not %s", source, said, want)
		}
	}
	f(`sum(fallback(a{x="1"}, b))`, `a{x="1"} b`)
	f(`rps(fallback(b, a)["1m"]) + sum(a)`, `a a b`)
	f(`p95(fallback(a_bucket["1m"], b["1m"]))`, `a a_bucket a{quantile="0.95"} b b_bucket b{quantile="0.95"}`)
}

func TestFallbackRefuses(t *testing.T) {
	t.Parallel()
	f := func(source string, want ...string) {
		t.Helper()
		_, err := Compile(source, Options{Name: "test", Clock: testClock})
		var got []string
		if err != nil {
			got = strings.Split(err.Error(), "\n")
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s is refused with %q, not %q", source, got, want)
		}
	}
	const cure = `; write rps(fallback(http_requests_total["1m"], requests_total["1m"])), or the same without ranges`
	f(`sum(fallback(a))`, "line 1: fallback takes at least 2 arguments, not 1; write fallback(s: selector or range, s, ...) -> vector or range")
	f(`sum(fallback(a, sum(b, by("pod"))))`, "line 1: argument 2 of fallback is no selector or range that is constant"+cure)
	f(`sum(fallback(a, nil))`, "line 1: argument 2 of fallback is no selector or range that is constant"+cure)
	f(`rps(fallback(a["1m"], b["30s"]))`, "line 1: argument 2 of fallback has another range or offset than the first; give all of them the same")
	f(`rps(fallback(a["1m"], b))`, "line 1: argument 2 of fallback has another range or offset than the first; give all of them the same")
	f(`sum(fallback(self, b))`, "line 1: self falls back to nothing; name series that are scraped")
	f(`sum(fallback(a{x=1}, b))`, `line 1: the values of labels are strings; write "1"`)
	f(`local f = fallback return f(a, b)`, `line 1: fallback is no value; write rps(fallback(http_requests_total["1m"], requests_total["1m"]))`)
}
