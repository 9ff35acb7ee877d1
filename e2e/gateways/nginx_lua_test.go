package gateways_test

import (
	"strings"
	"testing"
)

// nginxLuaPreset asks nginx with a Lua library that counts.
var nginxLuaPreset = preset{
	name: "nginx_lua",
	questions: []question{
		{metric: "requests_per_second"},
		{metric: "requests_per_second", by: "upstream"},
		{metric: "error_ratio"},
		{metric: "latency_p50_seconds"},
		{metric: "latency_p95_seconds"},
	},
}

// stubStatusPreset asks nginx's own page of a few numbers.
var stubStatusPreset = preset{
	name: "nginx_stub_status",
	questions: []question{
		{metric: "requests_per_second"},
		{metric: "active_connections"},
		{metric: "in_flight_requests"},
	},
}

func TestNginxWithLuaThroughReloadRestartAndLossOfItsBackends(t *testing.T) {
	t.Parallel()
	backends := startBackends(t, 2)
	g := newGatewayWith(t, "testdata/nginx-lua", addresses(backends)...)
	a := startGaugeway(t, nginxLuaPreset.objects("nginx", g.metricsURL())...)
	l := startLoad(t, 100, g)
	l.awaitSeconds(window.Seconds() + 2)
	truths := []expectation{
		{"nginx_requests_per_second", rps, relative, 0.05},
		{"nginx_error_ratio", truth.errorRatio, absolute, 0.01},
		{"nginx_latency_p50_seconds", func(tr truth) float64 { return tr.quantile(0.5) }, buckets, 0},
		{"nginx_latency_p95_seconds", func(tr truth) float64 { return tr.quantile(0.95) }, buckets, 0},
	}
	agree(t, a, l, truths...)
	// No request was that fast, and the bucket does not exist.
	if _, body, _, err := fetch(t, g.metricsURL()); err != nil || strings.Contains(body, `le="0.05"`) {
		t.Errorf("want no bucket below the fastest request (error %v):\n%s", err, body)
	}

	// A reload keeps the counters, a restart loses them.
	stop := a.watch("nginx_requests_per_second")
	g.reload()
	l.awaitSeconds(5)
	expectBetween(t, l, stop(), 0.9, 1.1, false)
	stop = a.watch("nginx_requests_per_second")
	g.stop()
	g.start()
	l.awaitSeconds(window.Seconds() + 3)
	expectBetween(t, l, stop(), 0.7, 1.1, true)

	// A request that was tried twice is one request, of two upstreams.
	backends[0].stop()
	l.awaitSeconds(window.Seconds() + 2)
	agree(t, a, l, truths...)
	retried := backends[0].address + ", " + backends[1].address
	var sum float64
	addresses := map[string]bool{}
	for _, item := range a.get("nginx_requests_per_second_by_upstream").Items {
		sum += item.Value.AsApproximateFloat64()
		for _, upstream := range item.MetricLabels {
			addresses[upstream] = true
		}
	}
	if want, _ := a.value("nginx_requests_per_second"); relative(sum, want) > 0.1 {
		t.Errorf("the upstreams add up to %v requests per second, want %v", sum, want)
	}
	if !addresses[retried] || !addresses[backends[1].address] {
		t.Errorf("got upstreams %v, want %q and %q among them", addresses, retried, backends[1].address)
	}

	backends[1].stop()
	l.awaitSeconds(window.Seconds() + 3)
	agree(t, a, l, truths[:2]...)
	awaitValue(t, a, "nginx_error_ratio", 1)
	backends[0].start()
	l.awaitSeconds(window.Seconds() + 3)
	agree(t, a, l, truths...)
}

func TestStubStatusThroughReloadAndRestart(t *testing.T) {
	t.Parallel()
	g := newGateway(t, newBackends(t, 1)...)
	a := startGaugeway(t, stubStatusPreset.objects("nginx", g.stubStatusURL())...)
	// The scrape is a request itself.
	awaitValue(t, a, "nginx_in_flight_requests", 1)
	release := hold(t, g, 7)
	awaitValue(t, a, "nginx_in_flight_requests", 8)
	awaitValue(t, a, "nginx_active_connections", 8)
	release()
	awaitValue(t, a, "nginx_in_flight_requests", 1)

	l := startLoad(t, 100, g)
	l.awaitSeconds(window.Seconds() + 2)
	withScrape := func(tr truth) float64 { return rps(tr) + 1 }
	agree(t, a, l, expectation{"nginx_requests_per_second", withScrape, relative, 0.05})
	stop := a.watch("nginx_requests_per_second")
	g.reload()
	l.awaitSeconds(5)
	expectBetween(t, l, stop(), 0.9, 1.1, false)
	stop = a.watch("nginx_requests_per_second")
	g.stop()
	g.start()
	l.awaitSeconds(window.Seconds() + 3)
	expectBetween(t, l, stop(), 0.7, 1.1, true)
	agree(t, a, l, expectation{"nginx_requests_per_second", withScrape, relative, 0.05})
}
