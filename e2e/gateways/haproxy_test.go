package gateways_test

import "testing"

// haproxyPreset asks HAProxy's Prometheus exporter.
var haproxyPreset = preset{name: "haproxy", questions: haproxyQuestions}

// haproxyCSVPreset asks HAProxy's page of statistics.
var haproxyCSVPreset = preset{name: "haproxy_csv", questions: haproxyQuestions}

var haproxyQuestions = []question{
	{metric: "requests_per_second", labels: "{service: app}"},
	{metric: "requests_per_second", labels: "{service: app}", by: "upstream"},
	{metric: "error_ratio", labels: "{service: app}"},
	{metric: "in_flight_requests", labels: "{service: app}"},
	{metric: "queue_depth", labels: "{service: app}"},
}

// startGaugewayFor starts gaugeway, which asks HAProxy in both ways.
func startGaugewayFor(t *testing.T, h *haproxy) *adapter {
	t.Helper()
	return startGaugeway(t, append(haproxyPreset.objects("haproxy", h.metricsURL()), haproxyCSVPreset.objects("csv", h.csvURL())...)...)
}

func TestHAProxyThroughReloadRestartAndLossOfItsBackends(t *testing.T) {
	t.Parallel()
	backends := startBackends(t, 2)
	h := newHAProxy(t, 0, addresses(backends)...)
	a := startGaugewayFor(t, h)
	l := startLoad(t, 100, h)
	l.awaitSeconds(window.Seconds() + 2)
	truths := []expectation{
		{"haproxy_requests_per_second", rps, relative, 0.05},
		{"haproxy_error_ratio", truth.errorRatio, absolute, 0.01},
		{"csv_requests_per_second", rps, relative, 0.05},
		{"csv_error_ratio", truth.errorRatio, absolute, 0.01},
	}
	agree(t, a, l, truths...)
	agreeByUpstream(t, a, l, "haproxy_requests_per_second_by_upstream", map[string]string{"s0": backends[0].address, "s1": backends[1].address})
	agreeByUpstream(t, a, l, "csv_requests_per_second_by_upstream",
		map[string]string{backends[0].address: backends[0].address, backends[1].address: backends[1].address})

	// A new worker begins at 0, and what the old one has still to answer is lost.
	const counter = `haproxy_frontend_http_requests_total{proxy="edge"`
	before := scrapeSum(t, h.metricsURL(), counter)
	stop, stopCSV := a.watch("haproxy_requests_per_second"), a.watch("csv_requests_per_second")
	h.reload()
	if after := scrapeSum(t, h.metricsURL(), counter); after >= before {
		t.Errorf("the reload has not reset the counters: %v, then %v", before, after)
	}
	l.awaitSeconds(window.Seconds())
	expectBetween(t, l, stop(), 0.8, 1.1, false)
	expectBetween(t, l, stopCSV(), 0.8, 1.1, false)

	stop = a.watch("haproxy_requests_per_second")
	h.stop()
	h.start()
	l.awaitSeconds(window.Seconds() + 3)
	expectBetween(t, l, stop(), 0.7, 1.1, true)

	// The other backend takes what the one that is lost refuses.
	backends[0].stop()
	l.awaitSeconds(window.Seconds() + 2)
	agree(t, a, l, truths...)
	backends[1].stop()
	l.awaitSeconds(window.Seconds() + 3)
	agree(t, a, l, truths...)
	awaitValue(t, a, "haproxy_error_ratio", 1)
}

func TestHAProxyTellsWhatWaitsForItsBackend(t *testing.T) {
	t.Parallel()
	h := newHAProxy(t, 1, newBackends(t, 1)...)
	a := startGaugewayFor(t, h)
	for _, source := range []string{"haproxy", "csv"} {
		awaitValue(t, a, source+"_queue_depth", 0)
		release := hold(t, h, 7)
		awaitValue(t, a, source+"_queue_depth", 6)
		awaitValue(t, a, source+"_in_flight_requests", 7)
		release()
		awaitValue(t, a, source+"_queue_depth", 0)
		awaitValue(t, a, source+"_in_flight_requests", 0)
	}
}
