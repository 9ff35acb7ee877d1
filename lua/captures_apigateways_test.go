package lua_test

import (
	"strings"
	"testing"

	"github.com/gaugeway/gaugeway/pkg/script"
)

// TestPresetsReadWhatWasRecorded: each value was computed by hand from the
// numbers in the recordings. Counters of a single recording are those since the
// start, which is taken to be the time of the first scrape.
func TestPresetsReadWhatWasRecorded(t *testing.T) {
	t.Parallel()
	needRecordings(t)
	const (
		haproxy = "haproxy/local/local__"
		krakend = "krakend/DataDog__integrations-core__metrics.prom"
		traefik = "traefik/DataDog__integrations-core__mesh_proxy.prom"
	)
	tests := []recordedTest{
		{
			name: "KrakenD since its start", gateway: "krakend",
			scrapes: []recordedScrape{{"0s", krakend, true}, {"20s", krakend, false}},
			values: []recordedValue{
				// 3 + 4 + 1 + 6 + 3 + 3 requests in 20 s
				{"requests_per_second", "{value: 1}"},
				{"requests_per_second, labels: {route: /api/valid}", "{value: 0.2}"},
				// 6 + 3 + 3 of 20
				{"error_ratio", "{value: 0.6}"},
				{"error_ratio, labels: {route: /api/invalid}", "{value: 1}"},
				// 8 up to 0.075 s, 9 to 0.1, 11 to 0.125, 14 to 0.25 and to 2, 20 to 3.5
				{"latency_p50_seconds", "{value: 0.1125}"}, // 0.1 + 0.025*(10-9)/2
				{"latency_p90_seconds", "{value: 3}"},      // 2 + 1.5*(18-14)/6
				{"latency_p95_seconds", "{value: 3.25}"},   // 2 + 1.5*(19-14)/6
				{"latency_p99_seconds", "{value: 3.45}"},   // 2 + 1.5*(19.8-14)/6
				// 19 requests to the backends: 13 up to 2 s, 19 to 3.5
				{"upstream_latency_p95_seconds, by: [upstream]", "{labels: {upstream: api}, value: 3.2625}"},        // 2 + 1.5*(18.05-13)/6
				{"upstream_latency_p95_seconds, labels: {route: /api/timeout}", "{value: 3.425, tolerance: 0.001}"}, // 2 + 1.5*2.85/3
			},
		},
		{
			name: "Traefik 2 since its start", gateway: "traefik",
			scrapes: []recordedScrape{{"0s", traefik, true}, {"60s", traefik, false}},
			values: []recordedValue{
				// 70424 in 60 s; its entry points have 70439 and 77468
				{"requests_per_second, by: [service]", "{labels: {service: readiness@http}, value: 1173.7333333333333}"},
				{"error_ratio", "{value: 0}"},
				{"latency_p95_seconds", "{value: 0.095}"}, // all of them up to 0.1 s
				{"upstream_latency_p95_seconds, labels: {service: readiness@http}", "{value: 0.095}"},
				{"in_flight_requests", "{value: 0}"},
			},
		},
		{
			name: "HAProxy under load", gateway: "haproxy",
			scrapes: []recordedScrape{{"0s", haproxy + "t0.prom", false}, {"20.275s", haproxy + "t1.prom", false}},
			values: []recordedValue{
				// (3880 + 1263 + 160) - (1599 + 541 + 59) responses in 20.275 s
				{"requests_per_second", "{value: 153.09494451294697}"},
				{"requests_per_second, by: [upstream]", "{labels: {upstream: pod-a}, value: 121.43033292231813}, {labels: {upstream: pod-b}, value: 31.664611590628855}"}, // 2462 and 642
				{"error_ratio", "{value: 0.032538659793814436}"}, // (160 - 59)/3104
				{"error_ratio, by: [upstream]", "{labels: {upstream: pod-a}, value: 0.030869212022745736}, {labels: {upstream: pod-b}, value: 0.03894080996884735}"},
				{"in_flight_requests, by: [service]", "{labels: {service: be_api}, value: 24}"},
				{"in_flight_requests, by: [upstream]", "{labels: {upstream: pod-a}, value: 4}, {labels: {upstream: pod-b}, value: 4}"},
				{"queue_depth", "{value: 16}"},
				{"active_connections, labels: {route: fe_api}", "{value: 24}"},
			},
		},
		{
			name: "HAProxy stopped and started", gateway: "haproxy",
			scrapes: []recordedScrape{{"0s", haproxy + "t3_backend_b_gone.prom", false}, {"18.425s", haproxy + "t4_after_restart.prom", false}},
			values: []recordedValue{
				{"requests_per_second", "{value: 60.461329715061057}"}, // 823 + 260 + 31 since the start
				{"error_ratio", "{value: 0.0278276481149013}"},         // 31/1114
			},
		},
		{
			name: "HAProxy's CSV under load", gateway: "haproxy_csv",
			scrapes: []recordedScrape{{"0s", haproxy + "stats_csv_t1.csv.txt", false}, {"5.415s", haproxy + "stats_csv_t2_after_nginx_reload.csv.txt", false}},
			values: []recordedValue{
				// (4490 + 1440 + 198) - (3891 + 1266 + 160) responses in 5.415 s
				{"requests_per_second, by: [service]", "{labels: {service: be_api}, value: 149.76915974145893}"},
				{"error_ratio", "{value: 0.04685573366214550}"}, // (198 - 160)/811
				{"in_flight_requests", "{value: 23}"},
				{"queue_depth", "{value: 15}"},
				{"active_connections, by: [route]", "{labels: {route: fe_api}, value: 23}, {labels: {route: stats}, value: 1}"},
			},
		},
		{
			name: "an older HAProxy's CSV, with servers that are down", gateway: "haproxy_csv",
			scrapes: []recordedScrape{{"0s", "haproxy/DataDog__integrations-core__stats_csv.csv.txt", false}},
			values: []recordedValue{
				{"in_flight_requests, by: [service]", "{labels: {service: b}, value: 1}, {labels: {service: be_edge_http_sre-production_elk-kibana}, value: 1}"},
				{"queue_depth", "{value: 0}"},
				{"active_connections", "{value: 2}"},
			},
		},
	}
	readRecorded(t, tests)
}

// TestWhatAGatewayCannotSayIsRefused: with why, and what can be had instead.
func TestWhatAGatewayCannotSayIsRefused(t *testing.T) {
	t.Parallel()
	set := load(t)
	tests := []struct{ source, want string }{
		// Averages are no percentiles.
		{`haproxy.latency_p95_seconds()`, "averages of the last 1024 requests, which stand still without traffic; use queue_depth"},
		{`haproxy_csv.latency_p50_seconds()`, "averages of the last 1024 requests, which stand still without traffic; use queue_depth"},
		// Bodies are the same for a while.
		{`apisix.requests_per_second({}, "15s")`, "30s is the least"},
		{`tyk.requests_per_second({}, "10s")`, "30s is the least"},
		// HTTP requests are no tokens.
		{`traefik.tokens_per_second()`, "Traefik counts no tokens; use requests_per_second"},
		{`apinto.tokens_per_second()`, "InfluxDB output only; use requests_per_second"},
		{`caddy.active_connections()`, "Caddy does not count connections; use in_flight_requests"},
		{`krakend.in_flight_requests()`, "KrakenD counts finished requests only; use requests_per_second"},
		{`krakend.requests_per_second{service="checkout"}`, "cannot be selected by service"},
	}
	for _, test := range tests {
		_, err := script.Compile(test.source, script.Options{Name: "m", Modules: set.Modules()})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want an error with %q", test.source, err, test.want)
		}
	}
}
