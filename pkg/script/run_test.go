package script

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// TestRunErrors checks that errors of a run carry the line that they are of,
// also where the checker would have refused the program.
func TestRunErrors(t *testing.T) {
	t.Parallel()
	f := func(source, want string) {
		t.Helper()
		p, _, err := regardless(source, &library, Options{Name: "test"})
		if err != nil {
			t.Errorf("%s: %v", source, err)
			return
		}
		v, err := p.Run(gateway())
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s\ngives %s %v, not %s", source, format(v), err, want)
		}
	}
	f("local t = {1}\nlocal n = t[2]\n\nreturn n.x.y", "line 4: attempt to index a nil value; nil is what has no data")
	f("local t = {1}\nreturn t[1] +\n  t\n[1](2)", "line 3: attempt to call a number value")
	f("local t = {1, f = 5}\nreturn 1 +\n\n  t.f()", "line 4: attempt to call a number value")
	f("local t = {{}}\nreturn 1\n + t[1]", "line 3: attempt to perform arithmetic on a table value")
	f("local t = {true}\nreturn\n t[1] < 5", "line 3: attempt to compare 'boolean' with 'number'")
	f("local t = {'x'}\nif t[1] <\n 5 then return 1 end", "line 3: attempt to compare 'string' with 'number'")
	f("local function f(x)\n  return x.y\nend\nreturn 1 + f(sum(none))", "line 2: attempt to index a nil value; nil is what has no data")
	f("local t = {}\nt[sum(none)] = 1\nreturn 1", "line 2: the index of a table is nil; nil is what has no data")
	f("local t = {}\nt[0/0] = 1\nreturn 1", "line 2: the index of a table is NaN")
	f("local t = {}\nt[t] = 1\nreturn 1", "line 2: a key of a table is of another kind; use numbers, strings or booleans")
	f("local t = {1}\n t[1].x = 1\nreturn 1", "line 2: attempt to index a number")
	f("local t = {queue_length}\nreturn 1 +\n sum(t[1] / t)", "line 3: arithmetic on a table; operators take numbers and vectors")
	f("local t = {queue_length}\nreturn sum(rate(t[1]))", "line 2: argument 1 of rate is a vector, and a range is due; give the selector a range: rate(name[\"1m\"])")
	f("return sum(rate(queue_length[\"1m\"]).x)", "line 1: a vector has no fields; scalar(v) gives the value of a single element, filter and each see all")
	f("local t = {}\nt.x = queue_length[\"1m\"]\nreturn t.x * 2", "line 3: queue_length[\"1m\"] is a range and has no value; apply a function that reads ranges: rate(queue_length[\"1m\"]), avg_over_time(queue_length[\"1m\"])")
	f("local t = {by('a')}\nreturn t[1].x", "line 2: it has no fields")
	f("local t = {by('a')}\nt[1].x = 1", "line 2: attempt to index a grouping")
	f("local t = {by('a')}\nt[1]()", "line 2: it cannot be called")
	f("local t = {queue_length}\nreturn t[1] < 5", "line 2: a vector cannot be compared with an operator; use gt, ge, lt or le(v, x) to filter it, or scalar(v)")
	f("local t = {queue_length, up}\nreturn t[1] == t[2]", "line 2: a vector cannot be compared with an operator; use eq or ne(v, x) to filter it, or scalar(v)")
	f("local t = {queue_length}\nreturn #t[1]", "line 2: a vector has no length; count(v) gives the number of elements")
	f("local t = {queue_length}\nreturn t[1](5)", "line 2: a vector cannot be called; a selector takes matchers in braces")
	f("local t = {queue_length}\nreturn t[1][5]", "line 2: a range is a string; write [\"1m\"]")
	f("local t = {queue_length}\nreturn t[1]['x']", "line 2: \"x\" is no duration; write \"30s\", \"5m\" or \"1h30m\"")
	f("local t = {queue_length}\nreturn rate(t[1][concat('1', 'm')])", "line 2: queue_length[\"1m\"] reaches further back than what is kept; write names and durations as constants")
	f("local t = {queue_length}\nlocal s = t[1]{pod=t}\nreturn s", "line 2: the matcher for pod is a vector; write {label=\"value\"}")
	f("local t = {queue_length}\nlocal s = t[1]{pod=5}\nreturn s", "line 2: the matcher for pod is a number; write {label=\"value\"}")
	f("local t = {queue_length}\nlocal s = t[1]{pod=re(concat('('))}\nreturn s", "line 2: the regular expression \"(\" is malformed")
	f("return map(queue_length,\n function(x, l)\n return l[1] end)", "line 3: labels have names; write labels.pod or labels[\"pod\"]")
	f("return map(queue_length,\n function(x, l)\n return {} end)", "line 1: map: the function returned a table; return a number, or nil to leave the element out")
	f("return filter(native_seconds, function(x) return true end)", "line 1: filter: an element is a histogram; use histogram_quantile, histogram_count or histogram_sum first")
	f("return sum(\n  label_replace(queue_length, 'a', 'b', 'c', '('))", "line 2: label_replace: ")
	f("error(string.rep('x', 2000))", "line 1: "+strings.Repeat("x", 1024)+"...")
	f("for i = 1, sum(none) do end", "line 1: 'for' limit must be a number")
	f("add(up, up, on('pod'), ignoring('x'))", "line 1: add: ignoring after on; give one of on(...) and ignoring(...)")
	f("add(up, up, group_left(), group_right())", "line 1: add: group_right after group_left; give one of group_left(...) and group_right(...)")
	f("vor(up, up, group_left())", "line 1: vor: group_left and group_right have no meaning between sets")
	f("tonumber({}, 10)", "line 1: tonumber: a base is for texts, not for a table; leave the base out")
	f("string.char(300)", "line 1: string.char: 300 is no byte")
	f("local t = {} for i = 1, 300 do t[i] = i end return #table.pack(table.unpack(t))", "line 1: table.unpack: more than 200 values")
	f("local s = string.rep('x', 300) return s:byte(1, -1)", "line 1: string.byte: more than 200 bytes")
	f("local ok, m = pcall(error, 'a\\nb')\nerror(m)", "line 2: line 1: a\nb")
	f("local function f(n) return 1 + f(n) end\nlocal ok, m = pcall(f, 1)\nerror(m)", "line 1: the program used up its budget of depth (100 calls)")
	f("table.sort({1, 2}, function(a, b) return pcall(table.sort, {1, {}}) and a < b end) table.sort({1, {}})", "line 1: table.sort: attempt to compare ")
}

func TestResultErrors(t *testing.T) {
	t.Parallel()
	f := func(source, want string) {
		t.Helper()
		if got := run(t, source, gateway()); got != "error: "+want {
			t.Errorf("%s gives %s, not error: %s", source, got, want)
		}
	}
	f(`local t = {true} return t[1]`, "the result is a boolean; return a number, a vector, or nil for no data")
	f(`local t = {{}} return t[1]`, "the result is a table; return a number, a vector, or nil for no data")
	f(`local t = {"x"} return t[1]`, "the result is a string; return a number, a vector, or nil for no data")
	f(`local t = {by("x")} return t[1]`, "the result is a grouping; return a number, a vector, or nil for no data")
	f(`local t = {rate} return t[1]`, "the result is a function; return a number, a vector, or nil for no data")
	f(`local t = {up["1m"]} return t[1]`, "the result is a range; return a number, a vector, or nil for no data")
	f(`rate(native_seconds["1m"])`, "the result holds histograms; use histogram_quantile, histogram_count or histogram_sum")
	f(`vor(up, series"queue_length", on("x", "__name__"))`, `the result has two items with the labels {pod="a", source="kong"}; aggregate them, or select one name`)
}

// TestItems checks order, labels and special values of a vector's items.
func TestItems(t *testing.T) {
	t.Parallel()
	env := environment(newSeries(`x{pod="b"}`, 1), newSeries(`x{pod="a"}`, 0), newSeries(`x{}`, -1))
	if got := run(t, `1 / x`, env); got != `[{} -1, {pod="a"} inf, {pod="b"} 1]` {
		t.Error(got)
	}
	if got := run(t, `topk(3, x)`, env); got != `[{} -1, {pod="a"} 0, {pod="b"} 1]` {
		t.Error(got)
	}
	if got := run(t, `x / 0`, env); got != `[{} -inf, {pod="a"} nan, {pod="b"} inf]` {
		t.Error(got)
	}
}

// TestNoHistory checks that a program with a memory fails without one.
func TestNoHistory(t *testing.T) {
	t.Parallel()
	p := compile(t, `max_over_time(self["1m"])`)
	if _, err := p.Run(Env{Now: testNow, Data: memory(nil)}); err == nil || err.Error() != "line 1: max_over_time: there is no history to read" {
		t.Error(err)
	}
}

// TestAddresses checks that equal selectors are asked for under one address,
// also those that runs make.
func TestAddresses(t *testing.T) {
	t.Parallel()
	p := compile(t, `local s = 0
for _, p in ipairs({"a", "b", "a"}) do s = s + sum(up{pod=p}) + sum(up) + sum(rate(up["1m"])) end
return s + p95(latency_seconds["1m"]) + p95(latency_seconds["1m"])`)
	addresses := map[*metric.Selector]bool{}
	env := gateway()
	data := env.Data
	env.Data = selectFunc(func(s *metric.Selector) []metric.Series {
		addresses[s] = true
		return data.Select(s)
	})
	for range 50 {
		if _, err := p.Run(env); err != nil {
			t.Fatal(err)
		}
	}
	if len(addresses) != 5 {
		t.Errorf("%d addresses, not 5", len(addresses))
	}
}

type selectFunc func(*metric.Selector) []metric.Series

func (f selectFunc) Select(s *metric.Selector) []metric.Series { return f(s) }

// TestConcurrentPrograms runs many programs at once: they share nothing.
func TestConcurrentPrograms(t *testing.T) {
	t.Parallel()
	sources := []string{
		`sum(rate(requests_total["1m"]))`,
		`p95(latency_seconds["1m"], by("pod"), {inflight = in_flight})`,
		`local n = 0 each(queue_length, function(x) n = n + x end) return n`,
		`local t = {} for i = 1, 50 do t[i] = i end table.sort(t, function(a, b) return a > b end) return t[1]`,
		`error(concat("a", "b"))`,
		`while true do end return 1`,
		`filter(queue_length, function(x, l) return l.pod == "a" end)`,
	}
	var wait sync.WaitGroup
	for i := range 4 * len(sources) {
		source := sources[i%len(sources)]
		wait.Go(func() {
			p, err := Compile(source, Options{Name: "test", Clock: testClock})
			if err != nil {
				t.Error(err)
				return
			}
			first := ""
			for range 20 {
				v, err := p.Run(gateway())
				got := fmt.Sprint(formatAll(v), err)
				if first == "" {
					first = got
				}
				if got != first {
					t.Errorf("%s gives %s, then %s", source, first, got)
				}
			}
		})
	}
	wait.Wait()
}

// TestPanickingData checks that a defect outside does not spread.
func TestPanickingData(t *testing.T) {
	t.Parallel()
	p := compile(t, `local ok = pcall(sum, x) return sum(x)`)
	env := environment()
	env.Data = selectFunc(func(*metric.Selector) []metric.Series { panic("defect") })
	_, err := p.Run(env)
	var internal *InternalError
	if !errors.As(err, &internal) {
		t.Fatalf("Run gives %T %v, not an internal error", err, err)
	}
	if v, err := p.Run(environment(newSeries("x", 3))); err != nil || format(v) != "3" {
		t.Errorf("after it Run gives %s %v", format(v), err)
	}
}

// TestDistinctNames checks that names are no labels of items.
func TestDistinctNames(t *testing.T) {
	t.Parallel()
	p := compile(t, "up")
	v, err := p.Run(gateway())
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range v.Items {
		if i.Labels.Has(labels.MetricName) {
			t.Errorf("%s has a name", i.Labels)
		}
	}
}
