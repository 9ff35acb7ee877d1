package exposition

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

// BenchmarkParse reads an exposition of Kong's shape again and again, as a target
// is scraped. x-textparse and x-expfmt are how many times faster it is than
// textparse with a look-up of each series (see plainLoop), and than the parser of
// prometheus/common, which most adapters use: medians of rounds that take turns.
func BenchmarkParse(b *testing.B) {
	body := kongBody()
	tenth := func(l labels.Labels) bool { return strings.HasSuffix(l.Get("route"), "0") }
	steady := func(want func(labels.Labels) bool) func(*testing.B) {
		return func(b *testing.B) {
			p := NewParser(Options{Want: want})
			known := map[string]uint32{}
			race(b, body,
				func() { parse(b, p, body, promText) },
				func() { plainLoop(b, body, promText, known) },
				func() { readExpfmt(b, body) })
		}
	}
	b.Run("steady/all", steady(nil))
	b.Run("steady/tenth", steady(tenth))
	b.Run("steady/none", steady(func(labels.Labels) bool { return false }))

	// In each scrape three lines of 2,500 are of series that nobody ever saw.
	b.Run("changing/thousandth", func(b *testing.B) {
		p := NewParser(Options{})
		known := map[string]uint32{}
		n := 0
		renew := func() []byte {
			lines := bytes.SplitAfter(body, []byte("\n"))
			for _, at := range []int{100, 1000, 1800} {
				n++
				lines[at] = bytes.Replace(lines[at], []byte("route=\"route-"), fmt.Appendf(nil, "route=\"new-%d-", n), 1)
			}
			return bytes.Join(lines, nil)
		}
		next := renew()
		race(b, body,
			func() { parse(b, p, next, promText) },
			func() { plainLoop(b, next, promText, known); next = renew() },
			nil)
	})
	b.Run("cold", func(b *testing.B) {
		race(b, body,
			func() { parse(b, NewParser(Options{}), body, promText) },
			func() { plainLoop(b, body, promText, map[string]uint32{}) },
			nil)
	})
	b.Run("cold/shared", func(b *testing.B) {
		o := Options{Layouts: &Layouts{}}
		first := NewParser(o)
		parse(b, first, body, promText)
		race(b, body,
			func() { parse(b, NewParser(o), body, promText) },
			func() { plainLoop(b, body, promText, map[string]uint32{}) },
			nil)
		runtime.KeepAlive(first)
	})
}

// BenchmarkCaptures reads each recorded exposition again and again. The last
// line has the least of the ratios, and their median.
func BenchmarkCaptures(b *testing.B) {
	var ratios []float64
	for _, name := range captureNames(b) {
		b.Run(name, func(b *testing.B) {
			body := withoutCR(readCapture(b, name)) // which textparse does not read
			contentType := RecordedContentType(body)
			p := NewParser(Options{})
			known := map[string]uint32{}
			ratio := race(b, body,
				func() { parse(b, p, body, contentType) },
				func() { plainLoop(b, body, contentType, known) },
				nil)
			if b.N > 1 {
				ratios = append(ratios, ratio)
			}
		})
	}
	b.Run("all", func(b *testing.B) {
		slices.Sort(ratios)
		for b.Loop() {
		}
		if len(ratios) > 0 {
			b.ReportMetric(ratios[0], "least-x-textparse")
			b.ReportMetric(ratios[len(ratios)/2], "median-x-textparse")
		}
	})
}

// BenchmarkFleet tells what 200 parsers keep in memory after they read
// the same lines, in bytes for each target.
func BenchmarkFleet(b *testing.B) {
	const targets = 200
	body := kongBody()
	for name, layouts := range map[string]*Layouts{"alone": nil, "shared": {}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				parsers := make([]*Parser, targets)
				before := heap()
				for i := range parsers {
					parsers[i] = NewParser(Options{Layouts: layouts})
					parse(b, parsers[i], bytes.Clone(body), promText)
				}
				b.ReportMetric(float64(heap()-before)/targets, "B/target")
				runtime.KeepAlive(parsers)
			}
		})
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// race runs measured, textparse and, now and then, expfmt in turns, and reports
// the ratios of their medians. It returns the first.
func race(b *testing.B, body []byte, measured, textparse, expfmt func()) float64 {
	var times [3][]float64
	run := func(i int, f func()) {
		start := time.Now()
		f()
		times[i] = append(times[i], float64(time.Since(start)))
	}
	// A process keeps more than a benchmark does: without that, the collector
	// never rests.
	heap := make([]byte, 48<<20)
	defer runtime.KeepAlive(heap)
	turns := 1
	switch name := b.Name(); {
	case strings.Contains(name, "/cold"):
	case strings.Contains(name, "/changing"):
		measured()
	default:
		turns = 4 // until it is back in the processor's caches
		measured()
		textparse()
	}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for round := 0; b.Loop(); round++ {
		run(0, measured)
		if round%turns != 0 {
			continue
		}
		b.StopTimer()
		run(1, textparse)
		if expfmt != nil && round%32 == 0 {
			run(2, expfmt)
		}
		b.StartTimer()
	}
	ratio := median(times[1]) / median(times[0])
	b.ReportMetric(ratio, "x-textparse")
	b.ReportMetric(median(times[0])/float64(len(body)), "ns/B")
	if expfmt != nil {
		b.ReportMetric(median(times[2])/median(times[0]), "x-expfmt")
	}
	return ratio
}

func median(times []float64) float64 {
	slices.Sort(times)
	return times[len(times)/2]
}

func parse(b *testing.B, p *Parser, body []byte, contentType string) {
	if _, _, err := p.Parse(body, contentType, 0); err != nil {
		b.Fatal(err)
	}
}

func readExpfmt(b *testing.B, body []byte) {
	p := expfmt.NewTextParser(model.UTF8Validation)
	if _, err := p.TextToMetricFamilies(bytes.NewReader(body)); err != nil {
		b.Fatal(err)
	}
}

// plainLoop is the least that anybody does with textparse: look the text of each
// series up, and take the value.
func plainLoop(tb testing.TB, body []byte, contentType string, known map[string]uint32) (sum float64) {
	p, err := textparse.New(body, contentType, labels.NewSymbolTable(), textparse.ParserOptions{})
	if err != nil {
		tb.Fatal(err)
	}
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
