package promath_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/util/teststorage"

	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/promath"
)

// fleet returns the buckets of 40 pods with 18 routes each, 10,080 series in
// label order, scraped every 5 s for 5 minutes.
func fleet() []metric.Series {
	bounds := []string{"0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "30", "60", "+Inf"}
	const rows = 60
	var series []metric.Series
	for pod := range 40 {
		t := make([]int64, rows)
		for i := range t {
			t[i] = epoch + int64(i)*5000 + int64(pod)*17
		}
		for route := range 18 {
			for b, le := range bounds {
				f := make([]float64, rows)
				for i := range f {
					f[i] = float64(i * (b + 1) * (route + 3))
				}
				series = append(series, metric.Series{
					Labels: labels.FromStrings(labels.MetricName, "request_duration_seconds_bucket", "le", le,
						"namespace", "gateways", "pod", fmt.Sprintf("kong-7d9c6b5f4-%05d", pod),
						"route", fmt.Sprintf("checkout-route-%02d", route), "service", "checkout"),
					T: t, F: f,
				})
			}
		}
	}
	slices.SortFunc(series, func(a, b metric.Series) int { return labels.Compare(a.Labels, b.Labels) })
	return series
}

const (
	benchmarkAt    = epoch + 290_000
	benchmarkQuery = `histogram_quantile(0.95, sum by (le) (rate(request_duration_seconds_bucket[1m])))`
)

func p95(tb testing.TB, series []metric.Series) float64 {
	v, err := promath.Rate(promath.Range{Series: series, Start: benchmarkAt - 60_000, End: benchmarkAt, Now: benchmarkAt})
	if err == nil {
		v, err = promath.Sum(v, promath.Grouping{Labels: []string{"le"}})
	}
	if err == nil {
		v, err = promath.HistogramQuantile(0.95, v)
	}
	if err != nil || len(v) != 1 {
		tb.Fatalf("got %v, %v", v, err)
	}
	return v[0].F
}

func p95ByPromQL(tb testing.TB, engine *promql.Engine, db *teststorage.TestStorage) float64 {
	q, err := engine.NewInstantQuery(context.Background(), db, nil, benchmarkQuery, time.UnixMilli(benchmarkAt))
	if err != nil {
		tb.Fatal(err)
	}
	defer q.Close()
	v, err := q.Exec(context.Background()).Vector()
	if err != nil || len(v) != 1 {
		tb.Fatalf("got %v, %v", v, err)
	}
	return v[0].F
}

// BenchmarkP95 computes a percentile over 10,080 series. The metric
// promql/promath says how many times longer Prometheus's engine takes over its
// own storage.
func BenchmarkP95(b *testing.B) {
	series := fleet()
	db := teststorage.New(b)
	app := db.Appender(context.Background())
	for _, s := range series {
		for i, at := range s.T {
			if _, err := app.Append(0, s.Labels, at, s.F[i]); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := app.Commit(); err != nil {
		b.Fatal(err)
	}
	engine := newEngine(b)
	if got, want := p95(b, series), p95ByPromQL(b, engine, db); got != want {
		b.Fatalf("got %v, want %v", got, want)
	}

	b.ReportAllocs()
	runs := 0
	for b.Loop() {
		p95(b, series)
		runs++
	}
	ours := b.Elapsed() / time.Duration(runs)

	const times = 10
	start := time.Now()
	for range times {
		p95ByPromQL(b, engine, db)
	}
	b.ReportMetric(float64(time.Since(start)/times)/float64(ours), "promql/promath")
}

// BenchmarkFunctions measures the parts that a tick is made of, over 10,080
// series.
func BenchmarkFunctions(b *testing.B) {
	series := fleet()
	r := promath.Range{Series: series, Start: benchmarkAt - 60_000, End: benchmarkAt, Now: benchmarkAt}
	rated, err := promath.Rate(r)
	if err != nil {
		b.Fatal(err)
	}
	for _, bm := range []struct {
		name string
		f    func() (promath.Vector, error)
	}{
		{"Instant", func() (promath.Vector, error) { return promath.Instant(series, benchmarkAt, 10_000), nil }},
		{"Rate", func() (promath.Vector, error) { return promath.Rate(r) }},
		{"CoveredRate", func() (promath.Vector, error) { return promath.CoveredRate(r, promath.Grouping{}) }},
		{"AvgOverTime", func() (promath.Vector, error) { return promath.AvgOverTime(r) }},
		{"Sum", func() (promath.Vector, error) { return promath.Sum(rated, promath.Grouping{}) }},
		{"SumByLe", func() (promath.Vector, error) {
			return promath.Sum(rated, promath.Grouping{Labels: []string{"le"}})
		}},
		{"SumByPodAndLe", func() (promath.Vector, error) {
			return promath.Sum(rated, promath.Grouping{Labels: []string{"pod", "le"}})
		}},
		{"SumWithoutRoute", func() (promath.Vector, error) {
			return promath.Sum(rated, promath.Grouping{Without: true, Labels: []string{"route"}})
		}},
		{"Topk", func() (promath.Vector, error) { return promath.Topk(5, rated, promath.Grouping{}) }},
		{"HistogramQuantile", func() (promath.Vector, error) { return promath.HistogramQuantile(0.95, rated) }},
		{"Abs", func() (promath.Vector, error) { return promath.Abs(rated) }},
		{"Binary", func() (promath.Vector, error) {
			return promath.Binary(promath.OpDiv, rated, rated, promath.Matching{})
		}},
		{"LabelReplace", func() (promath.Vector, error) {
			return promath.LabelReplace(rated, "pod", "$1", "pod", "kong-(.*)")
		}},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := bm.f(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
