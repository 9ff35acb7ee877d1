package lua_test

import "testing"

// TestKongReadsWhatWasRecorded: each value was computed by hand from the numbers
// in the recordings, which are of nearly idle nodes.
func TestKongReadsWhatWasRecorded(t *testing.T) {
	t.Parallel()
	needRecordings(t)
	const (
		kong2 = "kong/DataDog__integrations-core__v2_prometheus.prom"
		kong3 = "kong/DataDog__integrations-core__v3_prometheus.prom"
	)
	tests := []recordedTest{
		{
			name: "Kong 3 since its start", gateway: "kong",
			scrapes: []recordedScrape{{"0s", kong3, true}, {"20s", kong3, false}},
			values: []recordedValue{
				// 1 request in 20 s, below 25 ms in all and below 25 ms at the upstream
				{"requests_per_second", "{value: 0.05}"},
				{"requests_per_second, by: [service, route]", "{labels: {service: google, route: google.route-1}, value: 0.05}"},
				{"error_ratio, labels: {service: google}", "{value: 0}"},
				{"latency_p50_seconds", "{value: 0.0125}"},
				{"latency_p95_seconds, by: [route]", "{labels: {route: google.route-1}, value: 0.02375}"},
				{"upstream_latency_p95_seconds", "{value: 0.02375}"},
				{"active_connections", "{value: 9}"},
			},
		},
		{
			name: "Kong 2 since its start", gateway: "kong",
			scrapes: []recordedScrape{{"0s", kong2, true}, {"20s", kong2, false}},
			values: []recordedValue{
				// 2 requests in 20 s
				{"requests_per_second, by: [service]", "{labels: {service: google}, value: 0.1}"},
				{"requests_per_second, labels: {consumer: consumer1}", "{value: 259.25}"}, // 5185
				{"error_ratio", "{value: 0}"},
				{"latency_p50_seconds", "{value: 0.3}"},            // the first of 2, at the end of up to 300 ms
				{"latency_p95_seconds", "{value: 0.4}"},            // the other one took longer than the last bucket, 400 ms
				{"upstream_latency_p95_seconds", "{value: 0.285}"}, // 300 * 1.9/2 ms
				{"active_connections", "{value: 1}"},
			},
		},
	}
	readRecorded(t, tests)
}
