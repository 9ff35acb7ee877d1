package script

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// shareable are programs that need some of the same values.
var shareable = []string{
	`sum(rate(requests_total["1m"]))`,
	`sum(rate(requests_total["1m"]), by("pod"))`,
	`sum(rate(requests_total["1m"]), by("pod", "code"))`,
	`sum(rate(requests_total["1m"]), without("pod"))`,
	`sum(rate(requests_total["30s"]))`,
	`sum(rate(offset(requests_total["30s"], "10s")))`,
	`ratio(sum(rate(requests_total{code=re"5.."}["1m"])), sum(rate(requests_total["1m"])), 0)`,
	`rps(requests_total["1m"])`,
	`rps(requests_total["1m"], by("pod"))`,
	`rps(requests_total["1m"], by())`,
	`p50(latency_seconds["1m"])`,
	`p95(latency_seconds["1m"])`,
	`p95(latency_seconds_bucket["1m"], by("pod"))`,
	`p95(latency_seconds["1m"], by("pod"), {inflight = in_flight})`,
	`p95(native_seconds["1m"])`,
	`p99(native_seconds["1m"], by("pod"))`,
	`rps(native_seconds["1m"])`,
	`histogram_count(sum(rate(native_seconds["1m"]), by("pod")))`,
	`histogram_quantile(0.9, rate(native_seconds["1m"]))`,
	`histogram_quantile(0.9, sum(rate(latency_seconds_bucket["1m"]), by("le")))`,
	`histogram_quantile(0.99, sum(rate(latency_seconds_bucket["1m"]), by("le")))`,
	`p95(summary_seconds["1m"], by("pod"))`,
	`p95(summary_seconds["1m"])`,
	`p95(fallback(no_such_seconds["1m"], latency_seconds["1m"]), by("pod"))`,
	`p95(fallback(native_seconds["1m"], latency_seconds["1m"]), by("pod"), {inflight = fallback(in_flight, queue_length)})`,
	`rps(fallback(no_such_total["1m"], requests_total["1m"]), by("pod"))`,
	`rps(fallback(requests_total{code="500"}["1m"], requests_total["1m"], upstream_requests["1m"]), by("pod"))`,
	`rps(fallback(requests_total, upstream_requests){code="500"}["1m"])`,
	`sum(fallback(no_such_metric, none_either))`,
	`p95(no_such_seconds["1m"])`,
	`sum(no_such_metric)`,
	`quantile(0.5, queue_length) + quantile(0.9, queue_length)`,
	`topk(1, queue_length) + 0 * queue_length`,
	`vor(topk(1, queue_length), topk(2, queue_length))`,
	`quantile_over_time(0.5, queue_length["1m"])`,
	`quantile_over_time(0.9, queue_length["1m"])`,
	`sum(queue_length) / count(queue_length)`,
	`filter(queue_length, function(x, l) return l.pod == "a" end)`,
	`local s = 0 for _, p in ipairs({"a", "b", "a"}) do s = s + sum(queue_length{pod=p}) end return s`,
	`absent_over_time(queue_length{pod="z"}["1m"])`,
	`max_over_time(self["1m"])`,
	`rate(native_seconds["1m"])`,
	`rate(ambiguous["1m"])`,
	`local ok, e = pcall(function() return rate(ambiguous["1m"]) end) error(e) return 1`,
	`sum(pod_of(sum(upstream_requests, by("upstream")), "upstream"), by("pod"))`,
	`local n = 0 for i = 1, 80 do n = n + sum(queue_length) end return n`,
	`local n = 0 while true do n = n + sum(queue_length) end return n`,
}

// memoWorld is what shareable programs read, a row later in each round.
func memoWorld(round int) Env {
	env := gateway()
	series := append(env.Data.(memory),
		newSeries(`summary_seconds{pod="a",quantile="0.95"}`, flat(13, 0.5)...),
		newSeries(`summary_seconds{pod="b",quantile="0.95"}`, flat(13, math.NaN())...),
		newSeries(`ambiguous{__type__="counter",pod="a"}`, counter(13, 1, 1)...),
		newSeries(`ambiguous{__type__="gauge",pod="a"}`, counter(13, 1, 1)...),
	)
	env.Now += int64(round) * 1000
	env.Data = series
	return env
}

// outcome is all that a run depends on nothing but its input in.
func outcome(p *Program, v Value, err error) string {
	var b strings.Builder
	for _, i := range v.Items {
		fmt.Fprintf(&b, "%s %x; ", i.Labels, math.Float64bits(i.Value))
	}
	steps, memory := -1, -1
	if m := p.machine(); m != nil {
		steps, memory = m.steps, m.memory
	}
	return fmt.Sprintf("%s %s idle %v window %d error %v, %d steps, %d bytes", v.Kind, b.String(), v.Idle, v.Window, err, steps, memory)
}

// TestMemoChangesNothing compares what programs give with and without a Memo, in
// several rounds and orders, and with room for all values, for some or for none.
func TestMemoChangesNothing(t *testing.T) {
	t.Parallel()
	sources := slices.Clone(shareable)
	for _, f := range Reference() {
		sources = append(sources, f.Example)
	}
	for _, limit := range []int{1 << 20, 1500, 0} {
		memo := NewRoom(limit).NewMemo()
		var alone, together []*Program
		for _, s := range sources {
			// Twice, for what is asked for again.
			for range 2 {
				alone, together = append(alone, compile(t, s)), append(together, compile(t, s))
			}
		}
		for round := range 5 {
			env := memoWorld(round)
			var want []string
			for _, p := range alone {
				v, err := p.Run(env)
				want = append(want, outcome(p, v, err))
			}
			memo.Begin(env.Now, env.Lookback)
			env.Memo = memo
			order := permuted(len(together), round)
			for _, i := range order {
				v, err := together[i].Run(env)
				if got := outcome(together[i], v, err); got != want[i] {
					t.Errorf("limit %d, round %d: %s\ngives %s\nalone %s", limit, round, sources[i/2], got, want[i])
				}
			}
			memo.End()
			if memo.room.held != 0 || len(memo.room.of) != 0 {
				t.Errorf("limit %d, round %d: %d bytes are held between rounds by %v", limit, round, memo.room.held, memo.room.of)
			}
		}
		if shared := memo.Shared() > 0; shared != (limit > 0) {
			t.Errorf("limit %d: %d values were shared", limit, memo.Shared())
		}
	}
}

// permuted returns the numbers below n in an order of their own for each round.
func permuted(n, round int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	slices.SortFunc(out, func(a, b int) int { return (a*7919+round*31)%n - (b*7919+round*31)%n })
	return out
}

// TestMemoComputesOnce: from the second round on, nothing that several programs
// need is computed twice, and the series are not even asked for.
func TestMemoComputesOnce(t *testing.T) {
	t.Parallel()
	sources := []string{
		`sum(rate(requests_total["1m"]))`,
		`sum(rate(requests_total["1m"]), by("pod"))`,
		`max(rate(requests_total["1m"]))`,
		`p95(latency_seconds["1m"])`,
		`p99(latency_seconds["1m"])`,
		`p99(latency_seconds["1m"])`,
		`sum(queue_length)`,
	}
	var programs []*Program
	for _, s := range sources {
		programs = append(programs, compile(t, s))
	}
	memo := NewRoom(1 << 20).NewMemo()
	for round, want := range []string{
		"latency_seconds_bucket latency_seconds_bucket latency_seconds_bucket queue_length requests_total requests_total requests_total",
		"latency_seconds_bucket queue_length requests_total",
		"latency_seconds_bucket queue_length requests_total",
	} {
		env := memoWorld(round)
		counted := &countedData{Data: env.Data}
		env.Data, env.Memo = counted, memo
		memo.Begin(env.Now, env.Lookback)
		for _, p := range programs {
			if _, err := p.Run(env); err != nil {
				t.Fatal(err)
			}
		}
		memo.End()
		slices.Sort(counted.given)
		if got := strings.Join(counted.given, " "); got != want {
			t.Errorf("round %d: read %s\nwant %s", round, got, want)
		}
		if counted.counted != len(programs) {
			t.Errorf("round %d: counted %d times", round, counted.counted)
		}
	}
}

// countedData says which series it gave.
type countedData struct {
	Data
	counted int
	given   []string
}

func (d *countedData) Count(sel *metric.Selector) (series, rows int) {
	d.counted++
	for _, s := range d.Select(sel) {
		series++
		rows += len(s.T)
	}
	return series, rows
}

func (d *countedData) Series(sel *metric.Selector) []metric.Series {
	d.given = append(d.given, sel.Name)
	return d.Select(sel)
}

// TestMemoIsOfOneTime: a Memo that was begun for another time, or that has
// ended, is not used.
func TestMemoIsOfOneTime(t *testing.T) {
	t.Parallel()
	p, q := compile(t, `sum(queue_length)`), compile(t, `sum(queue_length)`)
	memo := NewRoom(1 << 20).NewMemo()
	for range 3 {
		env := memoWorld(0)
		memo.Begin(env.Now, env.Lookback)
		env.Memo = memo
		env.Now += 1000
		for _, p := range []*Program{p, q} {
			if _, err := p.Run(env); err != nil {
				t.Fatal(err)
			}
		}
		memo.End()
		env.Now -= 1000
		if _, err := p.Run(env); err != nil {
			t.Fatal(err)
		}
	}
	if memo.Shared() != 0 || memo.selections.count != 0 {
		t.Errorf("%d values were shared", memo.Shared())
	}
}

// TestMemoForgets: what is held is dropped when the series change.
func TestMemoForgets(t *testing.T) {
	t.Parallel()
	p, q := compile(t, `sum(queue_length)`), compile(t, `sum(queue_length)`)
	memo := NewRoom(1 << 20).NewMemo()
	for round := range 3 {
		env := environment(newSeries(`queue_length{}`, 1))
		env.Memo = memo
		memo.Begin(env.Now, env.Lookback)
		if v, err := p.Run(env); err != nil || format(v) != "1" {
			t.Error(format(v), err)
		}
		if held := memo.room.held > 0; held != (round > 0) {
			t.Errorf("round %d: %d bytes are held", round, memo.room.held)
		}
		memo.Forget()
		env.Data = memory{newSeries(`queue_length{}`, 2)}
		if v, err := q.Run(env); err != nil || format(v) != "2" {
			t.Error(format(v), err)
		}
		memo.End()
	}
}

// TestMemoIsBounded: neither names nor values of one program, or of one
// namespace, take all the room.
func TestMemoIsBounded(t *testing.T) {
	t.Parallel()
	var series []metric.Series
	for i := range 100 {
		series = append(series, newSeries(fmt.Sprintf(`x{i="%d"}`, i), 1))
	}
	const limit = 4 * heldSample * 101
	memo := NewRoom(limit).NewMemo()
	greedy := `local t = {} for i = 1, 100 do t[i] = x{i=re(concat(".*|", i))} + 0 end return 1`
	modest := `sum(x + 0) + sum(x)`
	programs := map[string][]*Program{"greedy": {compile(t, greedy), compile(t, greedy)}, "modest": {compile(t, modest), compile(t, modest)}}
	for range 3 {
		env := environment(series...)
		env.Memo = memo
		memo.Begin(env.Now, env.Lookback)
		before := memo.Shared()
		for i := range 2 {
			for _, namespace := range []string{"greedy", "modest"} {
				env.Namespace = namespace
				if _, err := programs[namespace][i].Run(env); err != nil {
					t.Fatal(err)
				}
				if memo.room.of["greedy"] > limit/2 || memo.room.held > limit {
					t.Errorf("greedy holds %d of %d bytes, all hold %d", memo.room.of["greedy"], limit, memo.room.held)
				}
				if n := memo.selections.count; n > maxNodes+1 {
					t.Errorf("there are %d selections", n)
				}
			}
		}
		memo.End()
		if memo.round == 3 && memo.Shared()-before < 3 {
			t.Error("modest does not share beside greedy")
		}
	}
}

// TestKeysDiffer: selectors that read different series have different keys,
// whatever characters names and values have.
func TestKeysDiffer(t *testing.T) {
	t.Parallel()
	equal := func(name, value string) *labels.Matcher { return labels.MustNewMatcher(labels.MatchEqual, name, value) }
	seen := map[string]int{}
	for i, s := range []metric.Selector{
		{Name: "a"},
		{Name: "a", Range: 1},
		{Name: "a", Offset: 1},
		{Name: `a{b="c"}`},
		{Name: "a", Matchers: []*labels.Matcher{equal("b", "c")}},
		{Name: "a", Matchers: []*labels.Matcher{equal(`b="c",d`, "e")}},
		{Name: "a", Matchers: []*labels.Matcher{equal("b", "c"), equal("d", "e")}},
		{Name: "a", Matchers: []*labels.Matcher{equal("b", `c",d="e`)}},
	} {
		key := (&selector{Selector: s}).key()
		if j, ok := seen[key]; ok {
			t.Errorf("%d and %d have the key %s", i, j, key)
		}
		seen[key] = i
	}
}
