package script

import (
	"slices"
	"strings"
	"testing"
)

func TestTotal(t *testing.T) {
	t.Parallel()
	f := func(source, want string) {
		t.Helper()
		if got := run(t, source, gateway()); got != want {
			t.Errorf("%s gives %s, not %s", source, got, want)
		}
	}
	f(`total(1, 2)`, "3")
	f(`total(nil, 2)`, "2")
	f(`total(2, nil, 3)`, "5")
	f(`total(nil, nil)`, "none")
	f(`total(4)`, "4")
	f(`total(0 / 0, 2)`, "nan")
	f(`total(sum(none), sum(queue_length), 9)`, "16")
	f(`total(sum(none), sum(none))`, "none")
	f(`total(rps(none["10s"]), rps(requests_total["1m"]))`, "6.2 over 1m")
	f(`total(rps(requests_total["1m"]), rps(requests_total["1m"]))`, "12.4 over 1m")

	// Elements with the same labels are added, others stay.
	f(`total(queue_length, in_flight)`, `[{pod="a"} 7, {pod="a", source="kong"} 3, {pod="b"} 0, {pod="b", source="kong"} 4]`)
	f(`total(queue_length{pod="a"}, queue_length{pod="b"})`, `[{pod="a", source="kong"} 3, {pod="b", source="kong"} 4]`)
	f(`total(sum(queue_length, by("pod")), sum(queue_length, by("source")))`, `[{pod="a"} 3, {pod="b"} 4, {source="kong"} 7]`)
	f(`total(queue_length, queue_length, queue_length)`, `[{pod="a", source="kong"} 9, {pod="b", source="kong"} 12]`)
	f(`total(queue_length)`, `[{pod="a", source="kong"} 3, {pod="b", source="kong"} 4]`)
	f(`total(none, queue_length{pod="b"}, also_none)`, `[{pod="b", source="kong"} 4]`)
	f(`total(none, also_none)`, `[]`)
	f(`total(none, nil)`, `[]`)
	f(`histogram_count(total(rps(native_seconds["1m"], by("pod")), rps(native_seconds["1m"], by("pod")))) / histogram_count(rps(native_seconds["1m"], by("pod")))`,
		`[{pod="a"} 2, {pod="b"} 2] over 1m`)

	// A number and elements do not add up; a number and no elements do.
	f(`local t = {queue_length, 5} return total(t[1], t[2])`,
		"error: line 1: total: a number and a vector do not add up; aggregate the vector, sum(v), or group the number: sum(v, by(...))")
	f(`local t = {none, 5} return total(t[1], t[2])`, "5")
}

// TestTotalIsInferred checks what is known of total before a run.
func TestTotalIsInferred(t *testing.T) {
	t.Parallel()
	f := func(source, want string, warnings ...string) {
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
		var said []string
		for _, w := range p.Warnings() {
			said = append(said, w.Error())
		}
		if !slices.Equal(said, warnings) {
			t.Errorf("%s is warned of with %s, not %s", source, strings.Join(said, ", "), strings.Join(warnings, ", "))
		}
	}
	f(`total(sum(a), sum(b))`, "number a b")
	f(`total(a, b, c)`, "vector a b c")
	f(`total(nil, sum(b, by("pod")))`, "vector b")
	f(`total(nil, nil, sum(a))`, "number a")
	f(`if total(sum(a), 1) > 0 then return total(b, c) end`, "vector a b c")
	f(`total(p95(a_seconds["1m"], by("pod")), b)`, "vector of percentiles a_seconds a_seconds_bucket a_seconds{quantile=\"0.95\"} b",
		"line 1: the total of percentiles is no percentile; take coalesce(a, b), the first that has data, or max")
}
