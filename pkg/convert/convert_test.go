package convert_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/gaugeway/gaugeway/pkg/convert"
	"github.com/gaugeway/gaugeway/pkg/script"
)

func TestFromPromQL(t *testing.T) {
	t.Parallel()
	f := func(promql, want string) {
		t.Helper()
		got, err := convert.FromPromQL(promql)
		if err != nil {
			t.Errorf("%s: %v", promql, err)
		} else if got != want {
			t.Errorf("%s\n got %s\nwant %s", promql, got, want)
		}
	}

	// Selectors.
	f(`up`, `up`)
	f(`up{}`, `up`)
	f(`{__name__="up"}`, `up`)
	f(`up{job="a", code=~"5..", zone!="b", pod!~"c.*"}`, `up{job="a", code=re"5..", zone=neq"b", pod=nre"c.*"}`)
	f(`up{code=~"5..", job="a", code!="503"}`, `up{code={re"5..", neq"503"}, job="a"}`)
	f(`up{code="500", code="500"}`, `up{code="500"}`)
	f(`up{end="x", "with.dot"="y"}`, `up{["end"]="x", ["with.dot"]="y"}`)
	f(`up{path="\\d\"\n\t\x00é"}`, `up{path="\\d\"\n\t\000é"}`)
	f(`max_over_time(job:latency[5m])`, `max_over_time(job:latency{}["5m"])`)
	f(`job:latency{a="b"}`, `job:latency{a="b"}`)
	f(`a:b:c`, `series"a:b:c"{}`)
	f(`:a`, `series":a"{}`)
	f(`{"gen_ai.requests", model="x"}`, `series"gen_ai.requests"{model="x"}`)
	f(`count_values_total`, `count_values_total`)
	f(`{"sum"} + {"end"} + now + value`, `series"sum"{} + series"end"{} + series"now"{} + series"value"{}`)
	f(`rate(x[90s])`, `rate(x["1m30s"])`)
	f(`rate(x[90])`, `rate(x["1m30s"])`)
	f(`rate(x[5m] offset 1w)`, `rate(offset(x["5m"], "1w"))`)
	f(`x{a="b"} offset 1h`, `offset(x{a="b"}, "1h")`)
	f(`x offset 0s`, `x`)

	// Aggregations are numbers where numbers do.
	f(`sum(rate(x[1m]))`, `sum(rate(x["1m"]))`)
	f(`sum by () (x)`, `sum(x)`)
	f(`sum by (a, b) (x)`, `sum(x, by("a", "b"))`)
	f(`sum without (a) (x)`, `sum(x, without("a"))`)
	f(`sum without () (x)`, `sum(x, without())`)
	f(`topk(3, x) by (a)`, `topk(3, x, by("a"))`)
	f(`quantile(0.9, x)`, `quantile(0.9, x)`)
	f(`sum(a) / sum(b)`, `sum(a) / sum(b)`)
	f(`sum(a) / on() group_left sum(b)`, `sum(a) / sum(b)`)
	f(`sum(a) / b`, `sum(a, by()) / b`)
	f(`a / sum(b)`, `a / sum(b, by())`)
	f(`max(sum(a))`, `max(sum(a, by()))`)
	f(`absent(sum(a))`, `absent(sum(a, by()))`)
	f(`sum(a) > 5`, `gt(sum(a), 5)`)
	f(`5 > sum(a)`, `lt(sum(a), 5)`)
	f(`5 > a`, `lt(a, 5)`)
	f(`round(sum(a), 0.1)`, `round(sum(a), 0.1)`)
	f(`histogram_quantile(0.9, sum(rate(x[1m])))`, `histogram_quantile(0.9, sum(rate(x["1m"]), by()))`)
	f(`-sum(a)`, `-sum(a)`)
	f(`sum(a) or vector(0)`, `sum(a) or 0`)
	f(`sum(a) or sum(b)`, `sum(a) or sum(b)`)
	f(`sum(a) or sum(label_replace(b, "c", "", "d", ""))`, `vor(sum(a, by()), sum(label_replace(b, "c", "", "d", ""), by()))`)
	f(`(sum(a) or vector(0)) / 2`, `(sum(a) or 0) / 2`)
	f(`vector(0) or sum(a)`, `0`)
	f(`sum(a) and sum(b)`, `vand(sum(a, by()), sum(b, by()))`)
	f(`a or sum(b)`, `vor(a, sum(b, by()))`)
	f(`a unless on (b) c`, `vunless(a, c, on("b"))`)

	// Numbers.
	f(`1`, `1`)
	f(`0x10`, `16`)
	f(`5m`, `300`)
	f(`1e6`, `1000000`)
	f(`1e300`, `1e+300`)
	f(`.5e-7`, `5e-08`)
	f(`Inf - -Inf`, `math.huge - -math.huge`)
	f(`x * NaN`, `x * (0/0)`)
	f(`clamp_max(x, NaN)`, `clamp_max(x, 0/0)`)
	f(`-(-1)`, `-(-1)`)
	f(`1 - -1`, `1 - -1`)
	f(`time() - x`, `now - x`)
	f(`pi()`, `math.pi`)
	f(`vector(1)`, `1`)
	f(`vector(1) + x`, `vector(1) + x`)
	f(`scalar(x)`, `scalar(x) or 0/0`)
	f(`scalar(count(x))`, `count(x) or 0/0`)
	f(`scalar(sum(x))`, `scalar(sum(x, by())) or 0/0`)
	f(`scalar(vector(2))`, `2`)
	f(`x * scalar(y)`, `x * (scalar(y) or 0/0)`)
	f(`max_of(1, scalar(x)) + 1`, `clamp_min(1, scalar(x) or 0/0) + 1`)

	// Operators.
	f(`a + b * c ^ d`, `a + b * c ^ d`)
	f(`(a + b) * c`, `(a + b) * c`)
	f(`a - (b - c)`, `a - (b - c)`)
	f(`(a - b) - c`, `a - b - c`)
	f(`a ^ b ^ c`, `a ^ b ^ c`)
	f(`(a ^ b) ^ c`, `(a ^ b) ^ c`)
	f(`-a ^ 2`, `-a ^ 2`)
	f(`(-a) ^ 2`, `(-a) ^ 2`)
	f(`2 ^ -1`, `2 ^ -1`)
	f(`-(a + b)`, `-(a + b)`)
	f(`a % b % 3`, `fmod(fmod(a, b), 3)`)
	f(`a > b`, `gt(a, b)`)
	f(`a * on (b) group_left (c) d`, `mul(a, d, on("b"), group_left("c"))`)
	f(`a - ignoring (b) d`, `sub(a, d, ignoring("b"))`)
	f(`a ^ on () d`, `pow(a, d, on())`)
	f(`a % ignoring () d`, `fmod(a, d)`)
	f(`a >= on (b) group_right d`, `ge(a, d, on("b"), group_right())`)
	f(`1 > bool 2`, `1 > 2 and 1 or 0`)
	f(`(1 != bool 2) + 1`, `(1 ~= 2 and 1 or 0) + 1`)
	f(`a == bool 1`, `map(a + 0, function(value) return value == 1 and 1 or 0 end)`)
	f(`2 < bool rate(a[1m]) * 3`, `map(rate(a["1m"]) * 3 + 0, function(value) return value > 2 and 1 or 0 end)`)
	f(`count(a) <= bool 1`, `map(count(a, by()), function(value) return value <= 1 and 1 or 0 end)`)

	// Functions that look at how they are written.
	f(`absent(x{a="b", c!="d"})`, `absent(x{a="b", c=neq"d"})`)
	f(`absent((x))`, `absent(x)`)
	f(`absent(+x)`, `absent(x * 1)`)
	f(`absent_over_time(x[1m])`, `absent_over_time(x["1m"])`)
	f(`label_replace(x, "a", "$1", "b", "(.*)-\\d")`, `label_replace(x, "a", "$1", "b", "(.*)-\\d")`)
}

func TestLayout(t *testing.T) {
	t.Parallel()
	f := func(promql string, want ...string) {
		t.Helper()
		got, err := convert.FromPromQL(promql)
		if err != nil {
			t.Errorf("%s: %v", promql, err)
		} else if got != strings.Join(want, "\n") {
			t.Errorf("%s\n got %s\nwant %s", promql, got, strings.Join(want, "\n"))
		}
	}
	f(`sum(rate(kong_http_requests_total{service="checkout",code=~"5.."}[1m])) / sum(rate(kong_http_requests_total{service="checkout"}[1m]))`,
		`sum(rate(kong_http_requests_total{service="checkout", code=re"5.."}["1m"]))`,
		`  / sum(rate(kong_http_requests_total{service="checkout"}["1m"]))`)
	f(`histogram_quantile(0.95, sum by (le, service) (rate(kong_request_latency_ms_bucket{service=~"checkout|cart", workspace="default"}[1m])))`,
		`histogram_quantile(`,
		`  0.95,`,
		`  sum(`,
		`    rate(kong_request_latency_ms_bucket{service=re"checkout|cart", workspace="default"}["1m"]),`,
		`    by("le", "service")`,
		`  )`,
		`)`)
	f(`(sum(a_metric_with_a_rather_long_name_total) + sum(b_metric_with_a_rather_long_name_total)) * 100 - sum(c_metric_with_a_rather_long_name_total)`,
		`(sum(a_metric_with_a_rather_long_name_total) + sum(b_metric_with_a_rather_long_name_total)) * 100`,
		`  - sum(c_metric_with_a_rather_long_name_total)`)
	f(`(sum(a_metric_with_a_rather_long_name_total) + sum(b_metric_with_a_rather_long_name_total) + sum(third_metric)) * 100`,
		`(`,
		`  sum(a_metric_with_a_rather_long_name_total)`,
		`    + sum(b_metric_with_a_rather_long_name_total)`,
		`    + sum(third_metric)`,
		`)`,
		`  * 100`)
	f(`sum(a_metric_with_a_rather_long_name) + sum(b_metric_with_a_rather_long_name) - sum(c_metric_with_a_rather_long_name)`,
		`sum(a_metric_with_a_rather_long_name)`,
		`  + sum(b_metric_with_a_rather_long_name)`,
		`  - sum(c_metric_with_a_rather_long_name)`)
	f(`a_metric_with_a_rather_long_name_total == bool scalar(b_metric_with_a_rather_long_name_total)`,
		`map(`,
		`  a_metric_with_a_rather_long_name_total + 0,`,
		`  function(value)`,
		`    return value == (scalar(b_metric_with_a_rather_long_name_total) or 0/0) and 1 or 0`,
		`  end`,
		`)`)
	f(`x{a_label_of_some_length="and a value of some length", b_label_of_some_length="and a value of some length"} offset 5m`,
		`offset(`,
		`  x{`,
		`    a_label_of_some_length="and a value of some length",`,
		`    b_label_of_some_length="and a value of some length",`,
		`  },`,
		`  "5m"`,
		`)`)
}

func TestUnsupported(t *testing.T) {
	t.Parallel()
	f := func(promql, part, reason string) {
		t.Helper()
		lua, err := convert.FromPromQL(promql)
		var u *convert.Unsupported
		if !errors.As(err, &u) {
			t.Errorf("%s: got %q, %v", promql, lua, err)
		} else if u.Part != part || !strings.HasPrefix(u.Reason, reason) {
			t.Errorf("%s: got\n%s: %s\nwant\n%s: %s", promql, u.Part, u.Reason, part, reason)
		}
	}
	f(`max_over_time(rate(x[1m])[5m:30s])`, `rate(x[1m])[5m:30s]`, "subqueries are not supported")
	f(`x @ 0`, `x @ 0.000`, "the modifier @ is not supported")
	f(`rate(x[5m] @ end())`, `x[5m] @ end()`, "the modifier @ is not supported")
	f(`rate(x[5m] anchored)`, `x[5m] anchored`, "the modifier anchored is not supported")
	f(`rate(x[5m] smoothed)`, `x[5m] smoothed`, "the modifier smoothed is not supported")
	f(`rate(x[2*1m])`, `x[2 * 1m]`, "computed durations are not supported")
	f(`x offset (1m+1m)`, `x offset (1m + 1m)`, "computed durations are not supported")
	f(`x offset -1m`, `x offset -1m`, "a negative offset is not supported")
	f(`{job="a"}`, `{job="a"}`, "a selector without a metric's name is not supported")
	f(`{__name__=~"a|b"}`, `{__name__=~"a|b"}`, "a metric's name can only be matched with \"=\"")
	f(`x + ignoring(a) fill(0) y`, `x + ignoring (a) fill (0) y`, "the modifier fill is not supported")
	f(`a atan2 b`, `a atan2 b`, "the operator atan2 is not supported")
	f(`a </ 5`, `a </ 5`, "the operator </ is not supported")
	f(`a == bool b`, `a == bool b`, "the modifier bool between two vectors is not supported")
	f(`a == bool scalar(b == bool 1)`, `a == bool scalar(b == bool 1)`, "the modifier bool within")
	f(`count_values("v", x)`, `count_values("v", x)`, "count_values is not supported")
	f(`limitk(2, x)`, `limitk(2, x)`, "limitk is not supported")
	f(`sort(x) + 1`, `sort(x)`, "sort is not supported")
	f(`hour()`, `hour()`, "hour is not supported")
	f(`sin(x)`, `sin(x)`, "sin is not supported")
	f(`info(x)`, `info(x)`, "the function info is not supported")
	f(`timestamp(x)`, `timestamp(x)`, "the function timestamp is not supported")
	f(`x[5m]`, `x[5m]`, "a range is no result")
	f(`"text"`, `"text"`, "a string is no result")
	f(`absent(x{a="1", a!="2"})`, `x{a!="2",a="1"}`, "several matchers on one label")
	f(`quantile(95, x)`, `quantile(95, x)`, "the translation is refused: line 1: a quantile is between 0 and 1")
}

func TestNoPromQL(t *testing.T) {
	t.Parallel()
	for _, text := range []string{``, `sum(`, `rate(x)`, `x{a=b}`} {
		if lua, err := convert.FromPromQL(text); err == nil || convert.IsUnsupported(err) {
			t.Errorf("%s: got %q, %v", text, lua, err)
		}
	}
}

// A metric may have any name; its translation must mean that metric.
func TestNamesThatMeanSomethingElse(t *testing.T) {
	t.Parallel()
	names := strings.Fields(`and break do else elseif end false for function goto if in local nil not or repeat
		return then true until while _ENV _G _VERSION _Now _F _Fsum _K1 __ _a assert bit32 collectgarbage coroutine debug
		dofile error getmetatable io ipairs load loadfile loadstring math module next null os package pairs pcall print
		rawequal rawget rawlen rawset require select setmetatable string table tonumber tostring type unpack xpcall
		math.pi a.b a-b 1a a:b a:b:c :a a: value self metric series é`)
	for _, f := range script.Reference() {
		names = append(names, f.Name)
	}
	for _, name := range names {
		promql := fmt.Sprintf("{%q}", name)
		for _, query := range []string{promql, "rate(" + promql + "[1m])", promql + " offset 1m"} {
			lua, err := convert.FromPromQL(query)
			if err != nil {
				t.Errorf("%s: %v", query, err)
				continue
			}
			program, err := script.Compile(lua, script.Options{})
			if err != nil {
				t.Errorf("%s: %s: %v", query, lua, err)
			} else if wants := program.Wants(); len(wants) != 1 || wants[0].Name != name {
				t.Errorf("%s: %s reads %v", query, lua, wants)
			}
		}
	}
}

// What the grammar of the differential test does not make, FromPromQL must not
// translate.
func TestGrammarCoversTheSurface(t *testing.T) {
	t.Parallel()
	p := newParser()
	seen := map[string]bool{}
	g := grammar{rand.New(rand.NewPCG(1, 2))}
	for range 20_000 {
		tree, err := p.ParseExpr(g.query(3))
		if err != nil {
			continue
		}
		parser.Inspect(tree, func(n parser.Node, _ []parser.Node) error {
			switch n := n.(type) {
			case *parser.Call:
				seen[n.Func.Name] = true
			case *parser.AggregateExpr:
				seen[n.Op.String()] = true
			case *parser.BinaryExpr:
				seen[n.Op.String()] = true
			}
			return nil
		})
	}
	arguments := map[parser.ValueType]string{
		parser.ValueTypeVector: "x", parser.ValueTypeMatrix: "x[1m]", parser.ValueTypeScalar: "0.5", parser.ValueTypeString: `"a"`,
	}
	check := func(name, query string) {
		t.Helper()
		if _, err := convert.FromPromQL(query); !seen[name] && !convert.IsUnsupported(err) {
			t.Errorf("%s is translated and not tested: %v", query, err)
		}
	}
	for name, f := range parser.Functions {
		if name == "info" {
			continue // its second argument is no vector
		}
		args := make([]string, len(f.ArgTypes))
		for i, kind := range f.ArgTypes {
			args[i] = arguments[kind]
		}
		check(name, name+"("+strings.Join(args, ", ")+")")
	}
	for item := range parser.ItemTypeStr {
		name := item.String()
		switch {
		case item.IsAggregatorWithParam():
			param := "0.5"
			if item == parser.COUNT_VALUES {
				param = `"v"`
			}
			check(name, name+"("+param+", x)")
		case item.IsAggregator():
			check(name, name+"(x)")
		case item.IsOperator() && !slices.Contains([]parser.ItemType{parser.AT, parser.TRIM_UPPER, parser.TRIM_LOWER, parser.EQL_REGEX, parser.NEQ_REGEX}, item):
			check(name, "x "+name+" y")
		}
	}
}

// FuzzFromPromQL looks for PromQL that breaks the translator: what it gives must
// compile, and what Prometheus prints of an expression must be translated, too.
func FuzzFromPromQL(f *testing.F) {
	g := grammar{rand.New(rand.NewPCG(3, 4))}
	for range 200 {
		f.Add(g.query(3))
	}
	p := newParser()
	f.Fuzz(func(t *testing.T, promql string) {
		lua, err := convert.FromPromQL(promql)
		if err != nil {
			return
		}
		if _, err := script.Compile(lua, script.Options{Clock: stopped}); err != nil {
			t.Fatalf("%s\n%s\n%v", promql, lua, err)
		}
		tree, err := p.ParseExpr(promql)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := convert.FromPromQL(tree.String()); err != nil {
			t.Fatalf("%s\n%s\n%v", promql, tree, err)
		}
	})
}
