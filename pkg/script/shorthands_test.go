package script

import (
	"math"
	"slices"
	"testing"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// Percentiles of summaries, of several shapes at once, and of what is not
// observed.
func TestPercentiles(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	env := environment(
		newSeries(`rpc{pod="a",quantile="0.5"}`, 1, 2),
		newSeries(`rpc{pod="a",quantile="0.95"}`, 3, 4),
		newSeries(`rpc{pod="b",quantile="0.95"}`, 5, 6),
		newSeries(`idle{pod="a",quantile="0.95"}`, 5, nan),
		newSeries(`idle{pod="b",quantile="0.95"}`, 5, 7),
		newSeries(`both_bucket{le="1"}`, counter(13, 0, 1)...),
		newSeries(`both_bucket{le="+Inf"}`, counter(13, 0, 1)...),
		nativeSeries(`both`, 13),
		newSeries(`once_bucket{le="+Inf"}`, 5),
		newSeries(`odd_bucket{le="1"}`, counter(13, 0, 1)...),
		newSeries(`flat_bucket{pod="a",le="1"}`, flat(13, 5)...),
		newSeries(`flat_bucket{pod="a",le="+Inf"}`, flat(13, 5)...),
		newSeries(`flat_bucket{pod="b",le="1"}`, flat(13, 5)...),
		newSeries(`flat_bucket{pod="b",le="+Inf"}`, flat(13, 5)...),
		newSeries(`flight{pod="a",kind="x"}`, 0, 0),
		newSeries(`flight{pod="a",kind="y"}`, 0, 0),
		newSeries(`flight{pod="b",kind="x"}`, 0, 2),
		newSeries(`unknown_flight`, 0, nan),
		nativeSeries(`gone`, 1),
	)
	f := func(source, want string) {
		t.Helper()
		if got := run(t, source, env); got != want {
			t.Errorf("%s gives %s, not %s", source, got, want)
		}
	}
	f(`p95(rpc["1m"], by("pod"))`, `[{pod="a"} 4, {pod="b"} 6] over 1m`)
	f(`p95(rpc["1m"], without("quantile"))`, `[{pod="a"} 4, {pod="b"} 6] over 1m`)
	f(`p95(rpc["1m"], without("x"))`, `[{pod="a"} 4, {pod="b"} 6] over 1m`)
	f(`p95(rpc{pod="a"}["1m"])`, `4 over 1m`)
	f(`p50(rpc["1m"])`, `2 over 1m`)
	f(`p99(rpc["1m"])`, `none over 1m`)
	f(`p95(rpc["1m"])`, `error: line 1: p95: a group has 2 series of a summary, whose quantiles cannot be merged; select one series, or group so that each group has one: by("pod")`)
	f(`p95(idle["1m"], by("pod"))`, `[{pod="b"} 7] over 1m idle {pod="a"}`)
	f(`p95(idle["1m"], by("pod"), {inflight = flight})`, `[{pod="a"} 0, {pod="b"} 7] over 1m`)

	f(`p50(both["1m"])`, `0.5 over 1m`) // of the classic buckets
	f(`p50(once["1m"])`, `none over 1m`)
	f(`p50(odd["1m"])`, `nan over 1m`) // there is no bucket +Inf
	f(`p50(gone["1m"])`, `none over 1m`)

	f(`p50(flat["1m"])`, `none over 1m idle {}`)
	f(`p50(flat["1m"], by("pod"))`, `[] over 1m idle {pod="a"} idle {pod="b"}`)
	f(`p50(flat["1m"], by("pod"), {inflight = flight})`, `[{pod="a"} 0] over 1m`)
	f(`p50(flat["1m"], without("le"), {inflight = flight})`, `[] over 1m idle {pod="a"} idle {pod="b"}`) // kind tells them apart
	// Another percentile of a group whose requests do not complete does not make it idle.
	f(`coalesce(p50(flat{pod="b"}["1m"], {inflight = flight{pod="b"}}), p50(flat{pod="b"}["1m"], {inflight = none}))`, `none over 1m`)
	f(`coalesce(p50(flat{pod="b"}["1m"], {inflight = none}), p50(flat{pod="b"}["1m"], {inflight = flight{pod="b"}}))`, `none over 1m`)
	f(`coalesce(p50(flat["1m"], by("pod"), {inflight = flight}), p50(flat["1m"], by("pod"), {inflight = none}))`, `[{pod="a"} 0] over 1m idle {pod="a"}`)
	f(`coalesce(p50(flat{pod="a"}["1m"], {inflight = none}), p50(flat{pod="b"}["1m"], {inflight = none}))`, `none over 1m idle {}`)
	f(`p50(flat["1m"], {inflight = flight})`, `none over 1m`)
	f(`p50(flat["1m"], {inflight = unknown_flight})`, `none over 1m idle {}`)
	f(`p50(flat["1m"], {inflight = 0})`, `0 over 1m`)
	f(`p50(flat["1m"], {inflight = nil})`, `none over 1m idle {}`)
	f(`p50(flat["1m"], {inflight = sum(none)})`, `none over 1m idle {}`)
	f(`p50(flat["1m"], by("pod", "le"))`, `[] over 1m idle {pod="a"} idle {pod="b"}`)
	f(`p50(flat["1m"]) + p50(flat["1m"], by("pod"))`, `none over 1m idle {} idle {pod="a"} idle {pod="b"}`)
	f(`p50(flat["1m"], by("pod"), by("x"))`, `error: line 1: p50: it is grouped twice; give one by(...) or without(...)`)
	f(`p50(flat["1m"], {inflight = 1}, {inflight = 1})`, `error: line 1: p50: there are two tables of options; write {inflight = v}`)
}

// TestRPS checks that a covered rate is right before the window is filled.
func TestRPS(t *testing.T) {
	t.Parallel()
	env := environment(
		newSeries(`young{pod="a"}`, 0, 10),
		newSeries(`old{pod="a"}`, counter(13, 0, 10)...),
		newSeries(`single`, 10),
		newSeries(`reset`, 10, 20, 5, 15),
	)
	f := func(source, want string) {
		t.Helper()
		if got := run(t, source, env); got != want {
			t.Errorf("%s gives %s, not %s", source, got, want)
		}
	}
	f(`rps(young["5s"])`, `2 over 5s`)
	f(`rps(old["1m"])`, `2 over 1m`)
	f(`rps(old["5m"])`, `2 over 5m`)
	f(`rps(single["1m"])`, `none over 1m`)
	f(`rps(none["1m"])`, `none over 1m`)
	f(`rps(none["1m"], by("pod"))`, `[] over 1m`)
}

// A recorder remembers what is selected.
type recorder struct {
	Data
	seen []metric.Selector
}

func (r *recorder) Select(sel *metric.Selector) []metric.Series {
	r.seen = append(r.seen, *sel)
	return r.Data.Select(sel)
}

// checkWants checks that a run reads nothing that Wants does not announce.
func checkWants(t testing.TB, p *Program, env Env) (Value, error) {
	t.Helper()
	data, history := &recorder{Data: env.Data}, &recorder{Data: env.History}
	env.Data, env.History = data, history
	v, err := p.Run(env)
	wants := p.Wants()
	for _, s := range data.seen {
		if !announced(wants, s) {
			t.Errorf("%s reads %s [%d] offset %d, which is not in %v", p.source, s.String(), s.Range, s.Offset, wants)
		}
	}
	var past []metric.Selector
	for _, h := range p.History() {
		name := h.Metric
		if name == "" {
			name = p.name
		}
		past = append(past, metric.Selector{Name: name, Range: h.Range})
	}
	for _, s := range history.seen {
		if !announced(past, s) {
			t.Errorf("%s reads the history of %s [%d] offset %d, which is not in %v", p.source, s.String(), s.Range, s.Offset, past)
		}
	}
	return v, err
}

// announced reports whether what a selector reads is kept for these wants:
// another keeps its series, and one of the name reaches as far back.
func announced(wants []metric.Selector, s metric.Selector) bool {
	kept, reach := false, int64(-1)
	for _, w := range wants {
		if w.Name != s.Name {
			continue
		}
		reach = max(reach, w.Range+w.Offset)
		narrower := true
		for _, m := range w.Matchers {
			found := false
			for _, n := range s.Matchers {
				found = found || m.String() == n.String()
			}
			narrower = narrower && found
		}
		kept = kept || narrower
	}
	return kept && reach >= s.Range+s.Offset
}

// TestBlindPercentiles: those that the program itself does not tell what is in
// flight.
func TestBlindPercentiles(t *testing.T) {
	t.Parallel()
	f := func(source string, want ...Percentile) {
		t.Helper()
		p, err := Compile(source, edgeOptions(t))
		if err != nil {
			t.Errorf("Compile(%s): %v", source, err)
			return
		}
		if got := p.BlindPercentiles(); !slices.Equal(got, want) {
			t.Errorf("the blind percentiles of %s are %v, not %v", source, got, want)
		}
	}
	f(`p95(a["1m"])`, Percentile{"p95", 1, 1})
	f("local r = a[\"1m\"]\nreturn p50(r, by(\"pod\")) + p99(r)", Percentile{"p50", 2, 8}, Percentile{"p99", 2, 28})
	f(`p95(a["1m"], {inflight = b})`)
	f(`p95(a["1m"], by("pod"), {inflight = b})`)
	f(`edge.latency_p95_seconds{} * 1000`)
	f(`sum(a)`)
}
