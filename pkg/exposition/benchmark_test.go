package exposition

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

// BenchmarkParse reads a body again and again, as a target is scraped: all
// series are known. The metric x-textparse is how many times faster it is than
// the loop that it is built on (see plainLoop), run in turns with it.
func BenchmarkParse(b *testing.B) {
	haproxy, err := os.ReadFile("testdata/haproxy.prom")
	if err != nil {
		b.Fatal(err)
	}
	for _, bm := range []struct {
		name string
		body []byte
		want func(labels.Labels) bool
	}{
		{"kong/all", kongBody(), nil},
		{"kong/one", kongBody(), named("kong_http_requests_total")},
		{"haproxy/all", haproxy, nil},
	} {
		b.Run(bm.name, func(b *testing.B) {
			p := NewParser(Options{Want: bm.want})
			known := map[string]uint32{}
			var plain, parser time.Duration
			b.SetBytes(int64(len(bm.body)))
			b.ReportAllocs()
			for b.Loop() {
				start := time.Now()
				if _, _, err := p.Parse(bm.body, promText, 0); err != nil {
					b.Fatal(err)
				}
				parser += time.Since(start)

				b.StopTimer()
				start = time.Now()
				plainLoop(b, bm.body, known)
				plain += time.Since(start)
				b.StartTimer()
			}
			b.ReportMetric(float64(plain)/float64(parser), "x-textparse")
		})
	}
}

// plainLoop is the least that anybody does with textparse: look the text of each
// series up, and take the value.
func plainLoop(tb testing.TB, body []byte, known map[string]uint32) (sum float64) {
	p := textparse.NewPromParser(body, labels.NewSymbolTable(), false)
	for {
		entry, err := p.Next()
		if errors.Is(err, io.EOF) {
			return sum
		}
		if err != nil {
			tb.Fatal(err)
		}
		if entry != textparse.EntrySeries {
			continue
		}
		text, _, v := p.Series()
		if _, ok := known[string(text)]; !ok {
			var lset labels.Labels
			p.Labels(&lset)
			known[string(text)] = uint32(len(known))
		}
		sum += v
	}
}

// kongBody is an exposition of Kong's shape: 100 routes, two latencies each.
func kongBody() []byte {
	var b strings.Builder
	b.WriteString("# HELP kong_http_requests_total HTTP status codes per consumer/service/route in Kong\n# TYPE kong_http_requests_total counter\n")
	for route := range 100 {
		for i, code := range []string{"200", "404", "500"} {
			fmt.Fprintf(&b, "kong_http_requests_total{service=\"service-%d\",route=\"route-%d\",code=\"%s\",source=\"service\",workspace=\"default\",consumer=\"\"} %d\n",
				route/4, route, code, 1000*route+i)
		}
	}
	bounds := []string{"25.0", "50.0", "80.0", "100.0", "250.0", "400.0", "700.0", "1000.0", "+Inf"}
	for _, name := range []string{"kong_request_latency_ms", "kong_upstream_latency_ms"} {
		fmt.Fprintf(&b, "# HELP %s latency\n# TYPE %s histogram\n", name, name)
		for route := range 100 {
			series := fmt.Sprintf("service=\"service-%d\",route=\"route-%d\",workspace=\"default\"", route/4, route)
			for i, le := range bounds {
				fmt.Fprintf(&b, "%s_bucket{%s,le=\"%s\"} %d\n", name, series, le, 17*i*route)
			}
			fmt.Fprintf(&b, "%s_count{%s} %d\n%s_sum{%s} %d.5\n", name, series, 17*8*route, name, series, 9000*route)
		}
	}
	return []byte(b.String())
}
