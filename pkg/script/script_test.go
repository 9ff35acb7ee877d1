package script

import "testing"

func TestFirst(t *testing.T) {
	env := environment(
		newSeries(`requests_total{pod="a",code="200"}`, counter(13, 0, 10)...),
		newSeries(`requests_total{pod="b",code="200"}`, counter(13, 0, 20)...),
		newSeries(`requests_total{pod="b",code="500"}`, counter(13, 0, 1)...),
		newSeries(`queue{pod="a"}`, flat(13, 3)...),
		newSeries(`queue{pod="b"}`, flat(13, 4)...),
		newSeries(`vllm:waiting{pod="b"}`, flat(13, 4)...),
		newSeries(`lat_bucket{pod="b",le="1"}`, counter(13, 0, 10)...),
		newSeries(`lat_bucket{pod="b",le="+Inf"}`, counter(13, 0, 20)...),
	)
	for _, src := range []string{
		`1`, `sum(queue)`, `queue`, `queue*2`, `sum(rate(requests_total["1m"]))`, `sum(rate(requests_total{code="500"}["1m"])) / sum(rate(requests_total["1m"]))`,
		`rps(requests_total["1m"], by("pod"))`, `p50(lat["1m"])`, `vllm:waiting{}`, `nope`, `sum(nope)/1000`, `sum(nope) or 0`,
		`gt(queue, 3)`, `p95(lat["1m"], by("pod"))`,
		`local ok = sum(rate(requests_total{code=re"2.."}["1m"]))
local all = sum(rate(requests_total["1m"]))
if all > 0 then return 1 - ok / all end`,
		`filter(queue, function(x, l) return l.pod == "a" end)`,
		`local function f(s, w) return sum(rate(s[w])) end return f(requests_total, "1m") + f(requests_total{code="500"}, "30s")`,
		`within("Mon-Fri 00:00-24:00","UTC") and 1 or 2`,
	} {
		p, err := Compile(src, Options{Name: "x"})
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		v, err := p.Run(env)
		t.Logf("%s -> %v %v wants %v %q", src, format(v), err, p.Wants(), p.source)
	}
}
