package engine

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
)

// newAssorted returns a plant of 10 targets and so many metrics, no two of which
// compute the same, and any stretch of which costs the same.
func newAssorted(tb testing.TB, metrics int) *plant {
	tb.Helper()
	p, src := emptyPlant()
	const sets, windows = 15, 11
	route := func(i int) string { return fmt.Sprintf("order-%02d", i) }
	all := make([]*v1alpha1.GatewayMetric, metrics)
	for i := range all {
		var chosen []string
		for bit, code := range plantCodes {
			if (i%sets+1)&(1<<bit) != 0 {
				chosen = append(chosen, code)
			}
		}
		all[i] = plantMetric(fmt.Sprintf("assorted-%05d", i),
			fmt.Sprintf(`rps(kong_http_requests_total{route=%q,code=re%q}["%ds"])`, route(i/(sets*windows)), strings.Join(chosen, "|"), 40+i%windows), v1alpha1.TypeTotal)
	}
	for i := range 80 {
		for _, code := range plantCodes {
			p.table.Series = append(p.table.Series, labels.FromStrings(labels.MetricName, "kong_http_requests_total", "code", code, "route", route(i)))
		}
	}
	p.start(tb, 10, src, all)
	for range 14 {
		p.scrape(tb)
	}
	p.evaluate()
	return p
}

// BenchmarkMetrics evaluates few and many metrics. It reports the time and the
// live heap of each.
func BenchmarkMetrics(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			none := heap()
			p := newAssorted(b, n)
			p.scrape(b)
			p.evaluate()
			live := heap() - none
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				p.scrape(b)
				b.StartTimer()
				p.evaluate()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/metric")
			b.ReportMetric(float64(live)/float64(n), "heap-B/metric")
			runtime.KeepAlive(p)
		})
	}
}

// heap returns the bytes of the heap that are in use.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
