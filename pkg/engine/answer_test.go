package engine

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/script"
)

const minute = int64(60_000)

func level() *rules {
	return &rules{minCoverage: 50, maxAge: 30 * time.Second, idleAfter: 5 * minute, policy: v1alpha1.MissingError, interval: 5000}
}

func total() *rules {
	r := level()
	r.total = true
	return r
}

func external() *rules {
	r := level()
	r.externalOnly = true
	return r
}

func number(v float64) script.Value {
	return script.Value{Kind: script.Number, Items: []metric.Item{{Value: v}}}
}

// show prints a result on one line: the items, what scales them, and why.
func show(r *metric.Result) string {
	var b strings.Builder
	b.WriteString(string(r.State))
	for _, i := range r.Items {
		fmt.Fprintf(&b, " %s=%g", i.Labels, i.Value)
	}
	if r.Scale != 1 || r.PodScale != 1 {
		fmt.Fprintf(&b, " x%g, of pods x%g", r.Scale, r.PodScale)
	}
	if r.Undefined != "" {
		fmt.Fprintf(&b, " [%s]", r.Undefined)
	}
	if r.Reason != "" {
		fmt.Fprintf(&b, " (%s)", r.Reason)
	}
	return b.String()
}

func TestAnswer(t *testing.T) {
	t.Parallel()
	f := func(name string, r *rules, o observation, want string) {
		t.Helper()
		o.now = 10 * minute
		if got := show(new(memory).answer(r, o)); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
	byPod := script.Value{Kind: script.Vector, Items: []metric.Item{
		{Labels: labels.FromStrings("pod", "a"), Value: 1},
		{Labels: labels.FromStrings("pod", "b"), Value: 2},
	}}
	f("all answer", level(), observation{covered: 3, expected: 3, value: number(7)}, "Fresh {}=7")
	f("a vector", level(), observation{covered: 3, expected: 3, value: byPod}, `Fresh {pod="a"}=1 {pod="b"}=2`)
	f("a level is not scaled", level(), observation{covered: 2, expected: 3, value: number(7), failures: []string{"c: refused"}},
		"Partial {}=7 (2 of 3 targets answer: c: refused)")
	f("a total is scaled", total(), observation{covered: 2, expected: 3, value: number(8)},
		"Partial {}=8 x1.5, of pods x1 (2 of 3 targets answer)")
	f("what other targets saw of pods is scaled, too", total(), observation{covered: 2, expected: 3, value: number(8), mapsPods: true},
		"Partial {}=8 x1.5, of pods x1.5 (2 of 3 targets answer)")
	f("none was ever Ready", total(), observation{targets: 2, failures: []string{"a: refused (its pod was never Ready)"}},
		"Missing (none of its 2 targets was ever Ready: a: refused (its pod was never Ready))")
	f("no targets, and why", total(), observation{failures: []string{"Service ns/kong does not exist"}},
		"Missing (its sources have no targets: Service ns/kong does not exist)")
	f("too few", total(), observation{covered: 1, expected: 3, value: number(8), failures: []string{"b: refused", "c: refused"}},
		"Missing (1 of 3 targets answer, fewer than minCoveragePercent 50: b: refused; c: refused)")
	f("exactly enough", level(), observation{covered: 1, expected: 2, value: number(8)},
		"Partial {}=8 (1 of 2 targets answer)")
	f("none answers", level(), observation{expected: 2}, "Missing (none of 2 targets answers)")
	f("many fail", level(), observation{expected: 4, failures: []string{"a", "b", "c", "d"}},
		"Missing (none of 4 targets answers: a; b; c; and 1 more)")
	f("no target is missing, not idle", level(), observation{}, "Missing (its sources have no targets)")
	f("warming", level(), observation{covered: 1, expected: 1, warming: 42_000}, "Warming (its window is not filled yet: 42s to go)")
	f("a failing program", level(), observation{covered: 1, expected: 1, err: fmt.Errorf("line 1: x")},
		"Missing (its expression failed: line 1: x)")
	f("no data", level(), observation{covered: 1, expected: 1, empty: []string{`x{a="b"}`}},
		`Missing (its expression has no data: no series matches x{a="b"})`)
	f("nil", level(), observation{covered: 1, expected: 1}, "Missing (its expression has no data)")
	const cure = ": guard divisions with ratio(a, b, default)"
	some := script.Value{Items: append(slices.Clone(byPod.Items), metric.Item{Labels: labels.FromStrings("pod", "c"), Value: math.NaN()},
		metric.Item{Labels: labels.FromStrings("pod", "d"), Value: math.Inf(1)})}
	f("undefined elements of an external metric", external(), observation{covered: 1, expected: 1, value: some},
		`Missing (its expression gave NaN for {pod="c"}; +Inf for {pod="d"}`+cure+")")
	f("undefined elements of other metrics", level(), observation{covered: 1, expected: 1, value: some},
		`Fresh {pod="a"}=1 {pod="b"}=2 [its expression gave NaN for {pod="c"}; +Inf for {pod="d"}`+cure+"]")
	f("no element is defined", level(), observation{covered: 1, expected: 1, value: script.Value{Items: some.Items[2:]}},
		`Missing (its expression gave NaN for {pod="c"}; +Inf for {pod="d"}`+cure+")")
	f("beyond what scaling allows", total(), observation{covered: 1, expected: 2, value: number(math.MaxFloat64)},
		"Missing (its expression gave +Inf for {}"+cure+")")
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		f("not a number", level(), observation{covered: 1, expected: 1, value: number(v)},
			fmt.Sprintf("Missing (its expression gave %g for {}: guard divisions with ratio(a, b, default))", v))
	}
}

func TestAPercentileOfNothingHoldsThenIsZero(t *testing.T) {
	t.Parallel()
	idle := script.Value{Idle: []labels.Labels{labels.EmptyLabels()}}
	var m memory
	f := func(at int64, v script.Value, want string) {
		t.Helper()
		o := observation{now: at, covered: 1, expected: 1, value: v}
		if got := show(m.answer(level(), o)); got != want {
			t.Errorf("at %d ms:\n%s\nwant\n%s", at, got, want)
		}
	}
	const held = " (nothing was observed in the window: the last value stands for 5m0s, then 0)"
	f(minute, idle, "Missing (nothing was observed since the start, so there is no percentile yet)")
	f(2*minute, number(0.4), "Fresh {}=0.4")
	f(3*minute, idle, "Idle {}=0.4"+held)
	f(7*minute-1, idle, "Idle {}=0.4"+held)
	f(7*minute, idle, "Idle {}=0"+held)
	f(9*minute, number(0.2), "Fresh {}=0.2")
	f(10*minute, idle, "Idle {}=0.2"+held)
}

func TestAPercentileThatNeverWasIsZeroAfterTheIdleTime(t *testing.T) {
	t.Parallel()
	idle := script.Value{Idle: []labels.Labels{labels.EmptyLabels()}}
	var m memory
	m.answer(level(), observation{now: minute, covered: 1, expected: 1, value: idle})
	got := m.answer(level(), observation{now: 6 * minute, covered: 1, expected: 1, value: idle})
	if got.State != metric.StateIdle || len(got.Items) != 1 || got.Items[0].Value != 0 {
		t.Errorf("got %s", show(got))
	}
}

func TestIdleGroupsStandBesideOthers(t *testing.T) {
	t.Parallel()
	a, b := labels.FromStrings("pod", "a"), labels.FromStrings("pod", "b")
	var m memory
	o := observation{now: minute, covered: 1, expected: 1, value: script.Value{Items: []metric.Item{{Labels: a, Value: 1}, {Labels: b, Value: 2}}}}
	m.answer(level(), o)
	o.now = 2 * minute
	o.value = script.Value{Items: []metric.Item{{Labels: a, Value: 3}}, Idle: []labels.Labels{b}}
	if got, want := show(m.answer(level(), o)), `Fresh {pod="a"}=3 {pod="b"}=2`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestMissingPolicies(t *testing.T) {
	t.Parallel()
	hold, value := level(), level()
	hold.policy, hold.holdFor = v1alpha1.MissingHold, 2*minute
	value.policy, value.substitute = v1alpha1.MissingValue, 10
	good := observation{now: minute, covered: 1, expected: 1, value: number(7), oldest: minute - 100}
	bad := observation{now: 2 * minute, expected: 1}

	var m memory
	if got := m.answer(hold, bad); got.State != metric.StateMissing {
		t.Errorf("nothing to hold yet: %s", show(got))
	}
	m.answer(hold, good)
	got := m.answer(hold, bad)
	if want := "Held {}=7 (held since 1970-01-01T00:01:00Z: none of 1 targets answers)"; show(got) != want {
		t.Errorf("got %s, want %s", show(got), want)
	}
	if got.Time != minute-100 || got.Evaluated != 2*minute || got.Covered != 0 || got.Expected != 1 {
		t.Errorf("a held result has the value's time and the state of now, got %+v", got)
	}
	bad.now = 3*minute + 1
	if got := m.answer(hold, bad); got.State != metric.StateMissing {
		t.Errorf("held for too long: %s", show(got))
	}
	if got, want := show(m.answer(value, bad)), "Substituted {}=10 (missing.value stands in: none of 1 targets answers)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestWarmingIsNotReplacedByThePolicy(t *testing.T) {
	t.Parallel()
	value := level()
	value.policy, value.substitute = v1alpha1.MissingValue, 10
	o := observation{now: minute, covered: 1, expected: 1, warming: 1000}
	if got := new(memory).answer(value, o); got.State != metric.StateWarming || got.Items != nil {
		t.Errorf("got %s", show(got))
	}
}
