package gateways_test

import "testing"

// caddyPreset asks Caddy. Each route that a request passes counts it: the one
// with the proxy is chosen.
var caddyPreset = preset{
	name: "caddy",
	questions: []question{
		{metric: "requests_per_second"},
		{metric: "error_ratio"},
		{metric: "latency_p50_seconds"},
		{metric: "latency_p95_seconds"},
		{metric: "in_flight_requests"},
	},
}

func TestCaddyThroughReloadRestartAndLossOfItsBackends(t *testing.T) {
	t.Parallel()
	backends := startBackends(t, 2)
	c := newCaddy(t, addresses(backends)...)
	objects := append(caddyPreset.objects("admin", c.adminURL()), caddyPreset.objects("handler", c.handlerURL())...)
	objects = append(objects,
		metricObject("all-routes", "admin", "Total", `rps(caddy_http_requests_total{server="edge"}["10s"])`),
		metricObject("headers", "admin", "Total", `gateway.requests_per_second({route="headers"}, "10s")`),
	)
	a := startGaugeway(t, objects...)
	release := hold(t, c, 7)
	awaitValue(t, a, "admin_in_flight_requests", 7)
	awaitValue(t, a, "handler_in_flight_requests", 7)
	release()
	awaitValue(t, a, "admin_in_flight_requests", 0)

	l := startLoad(t, 100, c)
	l.awaitSeconds(window.Seconds() + 2)
	p50 := func(tr truth) float64 { return tr.quantile(0.5) }
	p95 := func(tr truth) float64 { return tr.quantile(0.95) }
	truths := []expectation{
		{"admin_requests_per_second", rps, relative, 0.05},
		{"handler_requests_per_second", rps, relative, 0.05},
		{"admin_error_ratio", truth.errorRatio, absolute, 0.01},
		{"handler_error_ratio", truth.errorRatio, absolute, 0.01},
		{"admin_latency_p50_seconds", p50, buckets, 0},
		{"handler_latency_p95_seconds", p95, buckets, 0},
	}
	agree(t, a, l, truths...)
	agree(t, a, l,
		expectation{"all_routes", func(tr truth) float64 { return 2 * rps(tr) }, relative, 0.05},
		// The route of the handler `metrics` begins with headers, too.
		expectation{"headers", func(tr truth) float64 { return rps(tr) + 1 }, relative, 0.05},
	)

	// A configuration has counters of its own: they begin at 0 in the same process.
	const counter, started = `caddy_http_requests_total{handler="reverse_proxy"`, "process_start_time_seconds "
	before, birth := scrapeSum(t, c.adminURL(), counter), scrapeSum(t, c.adminURL(), started)
	stop := a.watch("admin_requests_per_second")
	c.reload()
	if after := scrapeSum(t, c.adminURL(), counter); after >= before {
		t.Errorf("the reload has not reset the counters: %v, then %v", before, after)
	}
	if again := scrapeSum(t, c.adminURL(), started); birth == 0 || birth != again {
		t.Errorf("process_start_time_seconds: %v, then %v, want the same", birth, again)
	}
	l.awaitSeconds(window.Seconds())
	expectBetween(t, l, stop(), 0.8, 1.1, false)

	stop = a.watch("handler_requests_per_second")
	c.stop()
	c.start()
	l.awaitSeconds(window.Seconds() + 3)
	expectBetween(t, l, stop(), 0.7, 1.1, true)
	agree(t, a, l, truths...)

	for _, b := range backends {
		b.stop()
	}
	l.awaitSeconds(window.Seconds() + 3)
	agree(t, a, l, truths[:4]...)
	awaitValue(t, a, "admin_error_ratio", 1)
}
