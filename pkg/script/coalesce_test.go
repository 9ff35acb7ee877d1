package script

import "testing"

func TestCoalesce(t *testing.T) {
	t.Parallel()
	f := func(source, want string) {
		t.Helper()
		if got := run(t, source, gateway()); got != want {
			t.Errorf("%s gives %s, not %s", source, got, want)
		}
	}
	f(`coalesce(1, 2)`, "1")
	f(`coalesce(nil, 2)`, "2")
	f(`coalesce(nil, nil)`, "none")
	f(`coalesce(0, 2)`, "0")
	f(`coalesce(0 / 0, 2)`, "nan") // a number, and not for coalesce to judge
	f(`coalesce(sum(none), sum(queue_length), 9)`, "7")
	f(`coalesce(sum(none), sum(none))`, "none")
	f(`coalesce(rps(none["10s"]), rps(requests_total["1m"]))`, "6.2 over 1m") // both are read
	f(`coalesce(none, queue_length)`, `[{pod="a", source="kong"} 3, {pod="b", source="kong"} 4]`)
	f(`coalesce(queue_length, in_flight)`, `[{pod="a", source="kong"} 3, {pod="b", source="kong"} 4]`)
	f(`coalesce(queue_length{pod="b"}, in_flight)`, `[{pod="b", source="kong"} 4]`)
	f(`coalesce(none, also_none)`, `[]`)
	f(`coalesce(none, nil)`, `[]`)
	f(`coalesce(none, sum(none))`, `[]`)
	f(`coalesce(none, 5)`, "5")
	f(`sum(coalesce(none, up)) + coalesce(sum(none), 1)`, "3")
	f(`coalesce(p95(latency_seconds{pod="b"}["1m"]), p95(latency_seconds{pod="a"}["1m"]))`, `1 over 1m idle {}`)
	f(`coalesce(native_seconds, up)`, "error: the result holds histograms; use histogram_quantile, histogram_count or histogram_sum")
	f(`local t = {} for i = 1, 3 do t[i] = coalesce(nil, i) end return coalesce(t[9], t[2])`, "2")
}

// TestCoalesceIsInferred checks what is known of coalesce before a run.
func TestCoalesceIsInferred(t *testing.T) {
	t.Parallel()
	f := func(source, want string) {
		t.Helper()
		p := compile(t, source)
		got := p.ResultKind().String()
		if p.Quantiles() {
			got += " of percentiles"
		}
		for _, w := range p.Wants() {
			got += " " + w.String()
		}
		if got != want {
			t.Errorf("of %s is known %s, not %s", source, got, want)
		}
	}
	f(`coalesce(sum(a), sum(b))`, "number a b")
	f(`coalesce(a, b, c)`, "vector a b c")
	f(`coalesce(a, sum(b))`, "unknown a b")
	f(`coalesce(nil, sum(b, by("pod")))`, "vector b")
	f(`coalesce(nil, nil)`, "none")
	f(`if coalesce(sum(a), 1) > 0 then return coalesce(b, c) end`, "vector a b c")
	f(`coalesce(p95(a_seconds["1m"], by("pod")), b)`, "vector of percentiles a_seconds a_seconds_bucket a_seconds{quantile=\"0.95\"} b")
}
