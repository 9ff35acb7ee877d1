package script

import (
	"fmt"
	"testing"
	"time"

	"github.com/Shopify/go-lua"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// bare returns how long a call of `return 1` takes without this package.
func bare(b *testing.B) time.Duration {
	b.Helper()
	l := lua.NewState()
	if err := lua.LoadString(l, "return 1"); err != nil {
		b.Fatal(err)
	}
	const calls = 20_000
	best := time.Hour
	for range 5 {
		start := time.Now()
		for range calls {
			l.PushValue(1)
			if err := l.ProtectedCall(0, 1, 0); err != nil {
				b.Fatal(err)
			}
			l.Pop(1)
		}
		best = min(best, time.Since(start))
	}
	return best / calls
}

func benchmarkRun(b *testing.B, source string, env Env) {
	p, err := Compile(source, Options{Name: "test"})
	if err != nil {
		b.Fatal(err)
	}
	unit := bare(b)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if _, err := p.Run(env); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(unit), "x-bare-call")
}

func tenCounters() Env {
	env := environment()
	var data memory
	for i := range 10 {
		data = append(data, newSeries(fmt.Sprintf(`requests_total{pod="%d"}`, i), counter(13, 0, float64(i))...))
	}
	env.Data = selected(data)
	return env
}

// selected gives all its series for any selector, as a window does whose
// selections are cached.
type selected memory

func (s selected) Select(*metric.Selector) []metric.Series { return s }

func BenchmarkConstant(b *testing.B) { benchmarkRun(b, `1`, environment()) }
func BenchmarkArithmetic(b *testing.B) {
	benchmarkRun(b, `local a = now return a * 2 + 1`, environment())
}
func BenchmarkSumRate(b *testing.B) {
	benchmarkRun(b, `sum(rate(requests_total["1m"]))`, tenCounters())
}
func BenchmarkSumInstant(b *testing.B) { benchmarkRun(b, `sum(requests_total)`, tenCounters()) }
func BenchmarkOperators(b *testing.B) {
	benchmarkRun(b, `requests_total * 2 + requests_total / 3`, tenCounters())
}
func BenchmarkDynamicSelector(b *testing.B) {
	benchmarkRun(b, `local s = 0 for _, p in ipairs({"1", "2"}) do s = s + sum(requests_total{pod=p}) end return s`, tenCounters())
}
func BenchmarkPercentile(b *testing.B) { benchmarkRun(b, `p95(latency_seconds["1m"])`, gateway()) }
func BenchmarkFilter(b *testing.B) {
	benchmarkRun(b, `filter(requests_total, function(x, l) return x > 10 and l.pod ~= "3" end)`, tenCounters())
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for range b.N {
		if _, err := Compile(`sum(rate(requests_total{code=re"5.."}["1m"])) / sum(rate(requests_total["1m"]))`, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRebuild(b *testing.B) {
	p := compile(b, `sum(rate(requests_total{code=re"5.."}["1m"])) / sum(rate(requests_total["1m"]))`)
	b.ReportAllocs()
	for range b.N {
		if _, err := newMachine().load(p); err != nil {
			b.Fatal(err)
		}
	}
}
