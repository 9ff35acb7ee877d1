package gateways_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// window is the range of every expression here.
const window = 10 * time.Second

// truthAt returns what the client saw in the window of an answer. Answers tell
// the second of their samples, and scrapes are sent at the full second.
func truthAt(l *load, timestamp time.Time) truth {
	return l.between(timestamp.Add(-window), timestamp)
}

// rps returns the requests per second of a window's truth.
func rps(tr truth) float64 { return float64(len(tr)) / window.Seconds() }

// How far an answer is off: as a share of the truth, in its own unit, or in
// buckets of the gateway's histogram, which is all that it knows of a latency.
func relative(got, want float64) float64 { return math.Abs(got-want) / math.Abs(want) }
func absolute(got, want float64) float64 { return math.Abs(got - want) }
func buckets(got, want float64) float64  { return math.Abs(float64(bucket(got) - bucket(want))) }

// An expectation says what a metric of one item should be.
type expectation struct {
	metric string
	want   func(truth) float64
	off    func(got, want float64) float64
	within float64
}

// awaitValue waits until a metric of one item is a number that the test knows.
func awaitValue(t *testing.T, a *adapter, metric string, want float64) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s of %v", metric, want), func() error {
		r, err := a.read(metric)
		if err == nil && (r.status != "" || r.value != want) {
			err = fmt.Errorf("it reads %v %s", r.value, r.status)
		}
		return err
	})
}

// awaitNoValue waits until a metric has no answer but a reason.
func awaitNoValue(t *testing.T, a *adapter, metric string) {
	t.Helper()
	eventually(t, "no answer of "+metric, func() error {
		r, err := a.read(metric)
		if err == nil && r.status == "" {
			err = fmt.Errorf("it still answers %v", r.value)
		}
		return err
	})
}

// expectItems waits until a metric has the items that the test knows, by the
// value of their label.
func expectItems(t *testing.T, a *adapter, metric string, want map[string]float64) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s of %v", metric, want), func() error {
		got := map[string]float64{}
		for _, item := range a.get(metric).Items {
			for _, value := range item.MetricLabels {
				got[value] = item.Value.AsApproximateFloat64()
			}
		}
		if !maps.Equal(got, want) {
			return fmt.Errorf("it has %v", got)
		}
		return nil
	})
}

// agree compares metrics with the truth, five times in calm moments of the
// load. The median of the differences must be within the bound.
func agree(t *testing.T, a *adapter, l *load, expectations ...expectation) {
	t.Helper()
	const rounds, most = 5, 30
	differences := make([][]float64, len(expectations))
	readings := make([]strings.Builder, len(expectations))
	for calm, round := 0, 0; calm < rounds; round++ {
		if round == most {
			t.Fatalf("only %d calm moments in %d: the machine is too busy to measure", calm, most)
		}
		l.awaitSeconds(1)
		if !l.between(time.Now().Add(-window-time.Second), time.Now()).calm() {
			continue
		}
		calm++
		for i, e := range expectations {
			got, at := a.value(e.metric)
			want := e.want(truthAt(l, at))
			differences[i] = append(differences[i], e.off(got, want))
			fmt.Fprintf(&readings[i], " %.4g (want %.4g)", got, want)
		}
	}
	for i, e := range expectations {
		slices.Sort(differences[i])
		median := differences[i][rounds/2]
		t.Logf("%s: off by %.4g:%s", e.metric, median, &readings[i])
		if !(median <= e.within) {
			t.Errorf("%s is off by %.4g, more than %v", e.metric, median, e.within)
		}
	}
}

// agreeByUpstream compares requests per second, grouped by upstream, with the
// truth of each backend. Gateways have their own names for the backends.
func agreeByUpstream(t *testing.T, a *adapter, l *load, metric string, backends map[string]string) {
	t.Helper()
	list := a.get(metric)
	if len(list.Items) != len(backends) {
		t.Errorf("%s: got %d items, want one for each of %v: %v", metric, len(list.Items), backends, list.Items)
	}
	for _, item := range list.Items {
		upstream := item.MetricLabels["upstream"]
		got := item.Value.AsApproximateFloat64()
		want := rps(truthAt(l, item.Timestamp.Time).where(func(o outcome) bool { return o.backend == backends[upstream] }))
		if !(relative(got, want) <= 0.1) {
			t.Errorf("%s{upstream=%q}: got %.4g, want %.4g within 10 %%", metric, upstream, got, want)
		}
	}
}

func TestAnswersAgreeWithTheClient(t *testing.T) {
	t.Parallel()
	backends := newBackends(t, 2)
	g := newGateway(t, backends...)
	a := startGaugeway(t,
		sourceObject("edge", "Auto", g.metricsURL()),
		sourceObject("nginx", "StubStatus", g.stubStatusURL()),
		metricObject("edge-rps", "edge", "Total", `rps(nginx_http_requests_total["10s"])`),
		metricObject("edge-rate", "edge", "Total", `sum(rate(nginx_http_requests_total["10s"]))`),
		metricObject("edge-errors", "edge", "Level",
			`ratio(rps(nginx_http_requests_total{status=re"5.."}["10s"]), rps(nginx_http_requests_total["10s"]), 0)`),
		metricObject("edge-p50", "edge", "Level", `p50(nginx_http_request_duration_seconds["10s"])`),
		metricObject("edge-p95", "edge", "Level", `p95(nginx_http_request_duration_seconds["10s"])`),
		metricObject("edge-tokens", "edge", "Total", `rps(nginx_http_tokens_total["10s"])`),
		metricObject("edge-upstreams", "edge", "Total", `rps(nginx_http_requests_total["10s"], by("upstream"))`),
		metricObject("nginx-rps", "nginx", "Total", `rps(nginx_http_requests_total["10s"])`),
		metricObject("nginx-active", "nginx", "Total", `sum(nginx_connections_active)`),
	)
	l := startLoad(t, 150, g)
	l.awaitSeconds(window.Seconds() + 2)

	agree(t, a, l,
		expectation{"edge_rps", rps, relative, 0.05},
		expectation{"edge_rate", rps, relative, 0.05},
		expectation{"edge_errors", truth.errorRatio, absolute, 0.01},
		expectation{"edge_tokens", func(tr truth) float64 { return tr.tokens() / window.Seconds() }, relative, 0.05},
		expectation{"edge_p50", func(tr truth) float64 { return tr.quantile(0.5) }, buckets, 0},
		expectation{"edge_p95", func(tr truth) float64 { return tr.quantile(0.95) }, buckets, 0},
		// stub_status counts the two scrapes a second too.
		expectation{"nginx_rps", func(tr truth) float64 { return rps(tr) + 2 }, relative, 0.05},
		// Beside the client's connections there are gaugeway's two.
		expectation{"nginx_active", func(truth) float64 { return float64(l.connections.Load()) + 2 }, absolute, 3},
	)

	upstreams := map[string]string{}
	for _, b := range backends {
		upstreams[b] = b
	}
	agreeByUpstream(t, a, l, "edge_upstreams", upstreams)
}
