package script

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

func edgeOptions(t testing.TB) Options {
	return Options{Name: "test", Clock: testClock, Modules: map[string]*Module{"edge": edge(t)}, Gateway: "edge"}
}

// edgeData is what two pods of the gateway edge show.
func edgeData() Env {
	const rows = 13
	request := func(pod, code, service, rule, peer string, step float64) metric.Series {
		name := fmt.Sprintf("edge_requests_total{pod=%q,code=%q,svc=%q,cluster=\"route/%s/rule/%s\",peer=%q}", pod, code, service, service, rule, peer)
		return newSeries(name, counter(rows, 100, step)...)
	}
	env := environment(
		request("g1", "200", "checkout", "0", "10.0.0.7:80", 10),
		request("g1", "500", "checkout", "0", "10.0.0.7:80", 2),
		request("g1", "200", "checkout", "1", "10.0.0.7:81", 5),
		request("g2", "200", "checkout", "0", "10.0.0.9:80", 20),
		request("g2", "200", "cart", "0", "10.0.0.66:80", 40),
		newSeries(`edge_requests_total{pod="g2",code="200",svc="",cluster="health",peer="-"}`, counter(rows, 0, 5)...),
		newSeries(`edge_latency_ms_bucket{pod="g1",svc="checkout",le="100"}`, counter(rows, 0, 5)...),
		newSeries(`edge_latency_ms_bucket{pod="g1",svc="checkout",le="+Inf"}`, counter(rows, 0, 5)...),
		newSeries(`edge_latency_ms_bucket{pod="g1",svc="cart",le="100"}`, flat(rows, 5)...),
		newSeries(`edge_latency_ms_bucket{pod="g1",svc="cart",le="+Inf"}`, flat(rows, 5)...),
		newSeries(`edge.upstream_bucket{host="*",le="1"}`, counter(rows, 0, 9)...),
		newSeries(`edge.upstream_bucket{host="*",le="+Inf"}`, counter(rows, 0, 10)...),
		newSeries(`edge.upstream_bucket{host="shop",le="1"}`, counter(rows, 0, 10)...),
		newSeries(`edge.upstream_bucket{host="shop",le="+Inf"}`, counter(rows, 0, 10)...),
		newSeries(`edge:connections{pod="g1"}`, flat(rows, 7)...),
		newSeries(`edge:connections{pod="g2"}`, flat(rows, 4)...),
		newSeries(`edge_queue{pod="g1",engine="0",rank="0",model_name="llama"}`, flat(rows, 3)...),
		newSeries(`edge_queue{pod="g1",engine="0",rank="1",model_name="llama"}`, flat(rows, 3)...),
		newSeries(`edge_queue{pod="g1",engine="1",rank="0",model_name="llama"}`, flat(rows, 4)...),
		newSeries(`edge_queue{pod="g2",engine="0",rank="0",model_name="gemma"}`, flat(rows, 8)...),
	)
	env.PodOf, env.Namespace = Addresses{"10.0.0.7": "checkout-0", "10.0.0.9": "checkout-1"}.Pod, "shop"
	return env
}

// runUse compiles and runs a program with uses, and checks that it reads what it
// announced.
func runUse(t *testing.T, source string, env Env) string {
	t.Helper()
	p, err := Compile(source, edgeOptions(t))
	if err != nil {
		t.Errorf("Compile(%s): %v", source, err)
		return "refused"
	}
	first := ""
	for range 3 { // what a run remembers changes nothing
		v, err := checkWants(t, p, env)
		got := formatAll(v)
		if err != nil {
			got = "error: " + err.Error()
		}
		if first == "" {
			first = got
		}
		if got != first {
			t.Errorf("%s gives %s, then %s", source, first, got)
		}
		if err == nil && v.Kind != None && p.ResultKind() != v.Kind {
			t.Errorf("%s gives a %s, and a %s was expected", source, v.Kind, p.ResultKind())
		}
	}
	return first
}

// TestUsesAreExpressions compares uses with the expressions that a user would
// have written instead.
func TestUsesAreExpressions(t *testing.T) {
	t.Parallel()
	f := func(use, expression string) {
		t.Helper()
		if got, want := runUse(t, use, edgeData()), runUse(t, expression, edgeData()); got != want || strings.HasPrefix(got, "none") || strings.HasPrefix(got, "error") {
			t.Errorf("%s gives %s\n%s gives %s", use, got, expression, want)
		}
	}
	f(`edge.requests_per_second()`, `rps(edge_requests_total["1m"])`)
	f(`edge.requests_per_second{}`, `rps(edge_requests_total["1m"])`)
	f(`gateway.requests_per_second({}, nil, nil)`, `rps(edge_requests_total["1m"])`)
	f(`edge.requests_per_second{service="checkout"}`, `rps(edge_requests_total{svc="checkout"}["1m"])`)
	f(`edge.requests_per_second({service={re"c.*", neq"cart"}, pod="g1"}, "30s")`, `rps(edge_requests_total{svc={re"c.*", neq"cart"}, pod="g1"}["30s"])`)
	f(`edge.requests_per_second({}, "30s", by("pod"))`, `rps(edge_requests_total["30s"], by("pod"))`)
	f(`edge.error_ratio{service="checkout"}`, `ratio(rps(edge_requests_total{svc="checkout", code=re"5.."}["1m"]), rps(edge_requests_total{svc="checkout"}["1m"]), 0)`)
	f(`edge.error_ratio({service="checkout"}, "20s", by("pod"))`, `ratio(rps(edge_requests_total{svc="checkout", code=re"5.."}["20s"], by("pod")), rps(edge_requests_total{svc="checkout"}["20s"], by("pod")), 0)`)
	f(`edge.latency_p90_seconds{service="checkout"}`, `p90(edge_latency_ms{svc="checkout"}["1m"]) / 1000`)
	f(`edge.latency_p99_seconds()`, `p99(edge_latency_ms["1m"]) / 1000`)
	f(`edge.active_connections{pod="g1"}`, `sum(edge:connections{pod="g1"})`)
	f(`edge.active_connections({}, "30s", by("pod"))`, `sum(edge:connections{}, by("pod"))`)
	f(`edge.upstream_latency_p95_seconds()`, `p95(series"edge.upstream"{host=neq"*"}["1m"])`)
	f(`edge.upstream_latency_p95_seconds{service="shop", route=re"s.*"}`, `p95(series"edge.upstream"{host={neq"*", "shop", re"s.*"}}["1m"])`)
	f(`edge.queue_depth()`, `sum(max(edge_queue, by("engine")))`)

	f("local window = \"30s\"\nlocal group = by(\"pod\")\nlocal which = re\"check.*\"\nreturn edge.requests_per_second({service=which}, window, group)",
		`rps(edge_requests_total{svc=re"check.*"}["30s"], by("pod"))`)
	f("local function load(x)\n  return x * edge.requests_per_second{service=\"cart\"}\nend\nreturn load(2) + edge.requests_per_second{service=\"cart\"}",
		`3 * rps(edge_requests_total{svc="cart"}["1m"])`)
	f("local kong = {error_ratio = 5}\nlocal edge = {}\nedge.error_ratio = 7\nreturn edge.error_ratio + kong.error_ratio + sum(edge_queue) * 0", `12 + sum(edge_queue) * 0`)
}

// TestUsesGroup checks that the labels of a grouping are the vocabulary's, and
// that what the gateway tells apart by more is merged.
func TestUsesGroup(t *testing.T) {
	t.Parallel()
	f := func(use, want string) {
		t.Helper()
		if got := runUse(t, use, edgeData()); got != want {
			t.Errorf("%s gives %s\nnot %s", use, got, want)
		}
	}
	f(`edge.requests_per_second({}, nil, by("service"))`, `[{} 1, {service="cart"} 8, {service="checkout"} 7.4] over 1m`)
	f(`edge.requests_per_second({service="checkout"}, nil, by("service", "pod"))`, `[{pod="g1", service="checkout"} 3.4, {pod="g2", service="checkout"} 4] over 1m`)
	f(`edge.requests_per_second({}, nil, by("route"))`, `[{} 1, {route="cart"} 8, {route="checkout"} 7.4] over 1m`)
	f(`edge.requests_per_second({route="checkout"}, nil, by("upstream"))`, `[{upstream="10.0.0.7:80"} 2.4, {upstream="10.0.0.7:81"} 1, {upstream="10.0.0.9:80"} 4] over 1m`)
	f(`edge.requests_per_second({}, nil, by("upstream_pod"))`, `[{pod="checkout-0"} 3.4, {pod="checkout-1"} 4] over 1m`)
	f(`edge.requests_per_second({}, nil, by("service", "upstream_pod"))`, `[{pod="checkout-0", service="checkout"} 3.4, {pod="checkout-1", service="checkout"} 4] over 1m`)
	f(`edge.requests_per_second({route=""})`, `1 over 1m`)
	f(`edge.requests_per_second({route=neq""})`, `15.4 over 1m`)
	f(`edge.requests_per_second({route=neq"cart"})`, `8.4 over 1m`)
	f(`edge.requests_per_second({route=re"c[a-b].t|x"})`, `8 over 1m`)
	f(`edge.requests_per_second({route=nre"ca.*"})`, `8.4 over 1m`)
	f(`edge.requests_per_second({route=nre"(ca.*)?"})`, `7.4 over 1m`)
	f(`edge.requests_per_second({route="c.rt"})`, `none over 1m`)
	f(`edge.error_ratio({}, nil, by("service"))`, `[{} 0, {service="cart"} 0, {service="checkout"} 0.054054054054054] over 1m`)
	f(`edge.latency_p50_seconds({}, nil, by("service"))`, `[{service="checkout"} 0.05] over 1m idle {service="cart"}`)
	f(`edge.latency_p50_seconds{service="cart"}`, `none over 1m idle {}`)
	f(`edge.queue_depth({}, nil, by("model"))`, `[{model="gemma"} 8, {model="llama"} 7]`)
	f(`edge.queue_depth({model="llama"}, nil, by("model", "pod"))`, `[{model="llama", pod="g1"} 7]`)
}

// TestUsesReadOlderNames checks that what has no data gives way.
func TestUsesReadOlderNames(t *testing.T) {
	t.Parallel()
	env := environment(newSeries(`edge_old_requests{pod="g1",svc="checkout"}`, counter(13, 0, 10)...))
	if got := runUse(t, `edge.requests_per_second{service="checkout"}`, env); got != "2 over 1m" {
		t.Errorf("the rate by the older name is %s", got)
	}
	if got := runUse(t, `edge.requests_per_second({}, nil, by("service"))`, env); got != `[{service="checkout"} 2] over 1m` {
		t.Errorf("the rates by the older name are %s", got)
	}
}

// TestRelabelKeepsLabels checks that a label that is in the way does not merge
// series, and that what is remembered of a run follows the series.
func TestRelabelKeepsLabels(t *testing.T) {
	t.Parallel()
	p, err := Compile(`edge.requests_per_second({}, nil, by("service"))`, edgeOptions(t))
	if err != nil {
		t.Fatal(err)
	}
	one := newSeries(`edge_requests_total{service="a",svc="x"}`, counter(13, 0, 5)...)
	other := newSeries(`edge_requests_total{exported_service="a",service="b",svc="x"}`, counter(13, 0, 10)...)
	first := newSeries(`edge_requests_total{svc="w"}`, counter(13, 0, 15)...)
	for _, c := range []struct {
		env  Env
		want string
	}{
		{environment(one, other), `[{service="x"} 3] over 1m`},
		{environment(one, other, first), `[{service="w"} 3, {service="x"} 3] over 1m`},
		{environment(first, other), `[{service="w"} 3, {service="x"} 2] over 1m`},
		{environment(), `[] over 1m`},
		{environment(one), `[{service="x"} 1] over 1m`},
	} {
		v, err := p.Run(c.env)
		if got := formatAll(v); err != nil || got != c.want {
			t.Errorf("it gives %s %v, not %s", got, err, c.want)
		}
	}
}

// TestUpstreamPodsMove checks that addresses are looked up in each run.
func TestUpstreamPodsMove(t *testing.T) {
	t.Parallel()
	p, err := Compile(`edge.requests_per_second({}, nil, by("upstream_pod"))`, edgeOptions(t))
	if err != nil {
		t.Fatal(err)
	}
	if !p.MapsPods() {
		t.Error("the program does not say that it maps addresses to pods")
	}
	env := edgeData()
	for _, c := range []struct {
		pods Addresses
		want string
	}{
		{Addresses{"10.0.0.7": "a"}, `[{pod="a"} 3.4] over 1m`},
		{Addresses{"10.0.0.9": "a", "10.0.0.7:81": "b"}, `[{pod="a"} 4, {pod="b"} 1] over 1m`},
		{nil, `[] over 1m`},
	} {
		env.PodOf = c.pods.Pod
		if v, err := p.Run(env); err != nil || formatAll(v) != c.want {
			t.Errorf("it gives %s %v, not %s", formatAll(v), err, c.want)
		}
	}
	env.PodOf = nil
	if v, err := p.Run(env); err != nil || formatAll(v) != `[] over 1m` {
		t.Errorf("without a cluster it gives %s %v", formatAll(v), err)
	}
}

// TestUses checks what is known of the uses of a program.
func TestUses(t *testing.T) {
	t.Parallel()
	p, err := Compile("local x = sum(edge_queue{model_name=\"gemma\"})\nreturn x +\n  gateway.queue_depth{model=\"llama\", pod=\"g1\"} + edge.error_ratio({}, \"30s\") * max(edge.latency_p95_seconds({},\n \"2m\", by(\"service\")))", edgeOptions(t))
	if err != nil {
		t.Fatal(err)
	}
	want := []Use{
		{Name: "gateway.queue_depth", Preset: "edge", Metric: "queue_depth", Line: 3, Column: 3, Window: 60_000, Labels: []string{"model", "pod"}},
		{Name: "edge.error_ratio", Preset: "edge", Metric: "error_ratio", Line: 3, Column: 50, Window: 30_000},
		{Name: "edge.latency_p95_seconds", Preset: "edge", Metric: "latency_p95_seconds", Line: 3, Column: 84, Window: 120_000, Grouped: true, By: []string{"service"}},
	}
	got := p.Uses()
	if !slices.EqualFunc(got, want, func(a, b Use) bool {
		return a.Name == b.Name && a.Preset == b.Preset && a.Metric == b.Metric && a.Line == b.Line && a.Column == b.Column &&
			a.Window == b.Window && a.Grouped == b.Grouped && slices.Equal(a.Labels, b.Labels) && slices.Equal(a.By, b.By)
	}) {
		t.Errorf("the uses are\n%+v\nnot\n%+v", got, want)
	}
	of := map[string]string{}
	for _, w := range p.Wants() {
		u, ok := p.UseOf(&w)
		if !ok {
			u.Name = "the program"
		}
		of[w.String()] = u.Name
	}
	for selector, use := range map[string]string{
		`edge_queue{model_name="gemma"}`:          "the program",
		`edge_queue{model_name="llama",pod="g1"}`: "gateway.queue_depth",
		`edge_old_requests`:                       "edge.error_ratio",
		`edge_latency_ms_bucket`:                  "edge.latency_p95_seconds",
		`edge_in_flight`:                          "edge.latency_p95_seconds",
		`edge_requests_total{code=~"5.."}`:        "edge.error_ratio",
	} {
		if of[selector] != use {
			t.Errorf("%s is of %q, not of %q", selector, of[selector], use)
		}
	}
}

// TestUsesOfPercentiles checks that a vector of percentiles is known as one.
func TestUsesOfPercentiles(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]bool{
		`edge.latency_p95_seconds({}, nil, by("pod"))`: true,
		`edge.latency_p95_seconds()`:                   false,
		`edge.requests_per_second({}, nil, by("pod"))`: false,
	} {
		p, err := Compile(source, edgeOptions(t))
		if err != nil || p.Quantiles() != want {
			t.Errorf("%s: percentiles %t, %v", source, p != nil && p.Quantiles(), err)
		}
	}
	p, err := Compile(`sum(edge.latency_p95_seconds({}, nil, by("pod")))`, edgeOptions(t))
	if err != nil || len(p.Warnings()) != 1 || p.Warnings()[0].Message != "the sum of percentiles is no percentile" {
		t.Errorf("the sum of percentiles is warned of with %v, %v", p.Warnings(), err)
	}
}

func TestUseRefusals(t *testing.T) {
	t.Parallel()
	const file, mark = "testdata/uses.txt", "! "
	heading, blocks := readBlocks(t, file, mark)
	for i, b := range blocks {
		_, err := Compile(b.source, edgeOptions(t))
		got := mistakesOf(t, err)
		if len(got) == 0 {
			t.Errorf("%s\nis accepted", b.source)
		}
		if update {
			blocks[i].want = got
			continue
		}
		if !slices.Equal(got, b.want) {
			t.Errorf("%s\nis refused with\n%s\nnot\n%s", b.source, strings.Join(got, "\n"), strings.Join(b.want, "\n"))
		}
	}
	if update {
		writeBlocks(t, file, mark, heading, blocks)
	}
}

// TestGatewayIsNotKnown checks what is said where no preset is named.
func TestGatewayIsNotKnown(t *testing.T) {
	t.Parallel()
	f := func(source string, o Options, want string) {
		t.Helper()
		if _, err := Compile(source, o); err == nil || err.Error() != want {
			t.Errorf("%s gives %v, not %s", source, err, want)
		}
	}
	o := edgeOptions(t)
	o.Gateway = ""
	f(`gateway.queue_depth()`, o, "line 1: it is not known which gateway is meant: the sources of the metric name no preset; write spec.preset in the GatewaySource, or the name of a preset in place of gateway")
	o.Gateway = "kong"
	f(`gateway.queue_depth()`, o, "line 1: there is no preset kong; there are edge")
	f(`kong.queue_depth()`, Options{}, "line 1: there is no preset kong; there are none")
	f(`kong.no_metric()`, Options{}, `line 1: a name with a dot is written in quotes; write series"kong.no_metric"{}`)
}

// TestNamesLikeModules checks that series may be called as modules are.
func TestNamesLikeModules(t *testing.T) {
	t.Parallel()
	env := environment(newSeries("edge", 3), newSeries(`gateway{x="y"}`, 4))
	if got := runUse(t, `sum(edge) + sum(gateway{x="y"}) + max(max_over_time(edge["1m"]))`, env); got != "10 over 1m" {
		t.Errorf("the series give %s", got)
	}
}

// TestUsesKeepTheirLines checks that errors of a run have the line of what they
// are of, and say which function where a use is all there is.
func TestUsesKeepTheirLines(t *testing.T) {
	t.Parallel()
	env := environment(newSeries(`edge_latency_ms{pod="a",quantile="0.95"}`, 1), newSeries(`edge_latency_ms{pod="b",quantile="0.95"}`, 2))
	const summaries = `p95: a group has 2 series of a summary, whose quantiles cannot be merged; select one series, or group so that each group has one: by("pod")`
	if got := runUse(t, `edge.latency_p95_seconds()`, env); got != "error: line 1: edge.latency_p95_seconds: "+summaries {
		t.Errorf("a use that is all there is gives %s", got)
	}
	if got := runUse(t, "local a = 1\nlocal b = edge.latency_p95_seconds{\n\n  service=\"\"\n}\nlocal c = 1\nreturn a + b + c", env); got != "error: line 2: "+summaries {
		t.Errorf("a use among others gives %s", got)
	}
}

// TestManyUses checks the bounds of what uses become.
func TestManyUses(t *testing.T) {
	t.Parallel()
	chain, err := ParseModule(`return {name = "chain", metrics = {queue_depth = {value = function(where, window, by)
  return sum(x{where}, by) * (now > 5 and 2 or 3)
end}}}`)
	if err != nil {
		t.Fatal(err)
	}
	f := func(source, want string) {
		t.Helper()
		o := edgeOptions(t)
		o.Limits.SourceBytes = 1 << 20
		o.Modules["chain"] = chain
		_, err := Compile(source, o)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("it gives %q, not %q", got, want)
		}
	}
	f("return "+strings.Repeat("chain.queue_depth{} or ", 60)+"5", "")
	f("return "+strings.Repeat("chain.queue_depth{} or ", 70)+"5", "line 1: the program and the functions of presets that it uses have more than 200 of and and or; split it into several metrics")
	use := `edge.error_ratio{service="checkout"}`
	f("local s = 0\n"+strings.Repeat("s = s + "+use+"\n", 100)+"return s", "")
	f("local s = 0\n"+strings.Repeat("s = s + "+use+"\n", 150)+"return s", "the program compiles to 2253 instructions, more than 2000; split it into several metrics")
	f("local s = 0\n"+strings.Repeat("s = s + "+use+"\n", 500)+"return s", "line 2: the program and the functions of presets that it uses are too large; split it into several metrics")
}

// TestModulesAreShared uses one module in many programs at once.
func TestModulesAreShared(t *testing.T) {
	t.Parallel()
	o := edgeOptions(t)
	var wait sync.WaitGroup
	for i := range 8 {
		source := fmt.Sprintf(`edge.error_ratio({service={re"c.*", neq"x"}}, "%ds", by("service", "pod"))`, 20+i)
		wait.Go(func() {
			for range 5 {
				p, err := Compile(source, o)
				if err != nil {
					t.Error(err)
					return
				}
				if v, err := p.Run(edgeData()); err != nil || len(v.Items) != 3 {
					t.Errorf("%s gives %s %v", source, format(v), err)
				}
			}
		})
	}
	wait.Wait()
}

// TestExtractedFromItself checks a label that is found within the label of the
// same name: what the gateway tells apart by more stays apart until it is
// aggregated.
func TestExtractedFromItself(t *testing.T) {
	t.Parallel()
	m, err := ParseModule(`return {name = "own", metrics = {queue_depth = {
  labels = {upstream = {label = "upstream", before = "https?://"}},
  value = function(where, window, by) return sum(max_over_time(x{where}[window]) + 0, by) end,
}}}`)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Compile(`own.queue_depth({upstream=re"10.*"}, nil, by("upstream"))`, Options{Modules: map[string]*Module{"own": m}, Clock: testClock})
	if err != nil {
		t.Fatal(err)
	}
	env := environment(newSeries(`x{upstream="http://10.0.0.7"}`, 1), newSeries(`x{upstream="https://10.0.0.7"}`, 2), newSeries(`x{upstream="10.0.0.8"}`, 4))
	if v, err := p.Run(env); err != nil || format(v) != `[{upstream="10.0.0.7"} 3]` {
		t.Errorf("it gives %s %v", format(v), err)
	}
}
