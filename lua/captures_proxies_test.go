package lua_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gaugeway/gaugeway/pkg/script"
)

// TestProxiesReadWhatWasRecorded: each value was computed by hand from the
// numbers in the recordings, which are counted from a start 20 s before.
func TestProxiesReadWhatWasRecorded(t *testing.T) {
	t.Parallel()
	needRecordings(t)
	tests := []recordedTest{
		{
			name: "Envoy in an older layout", gateway: "envoy", scrapes: sinceStart("envoy/DataDog__integrations-core__stats_prometheus.prom"),
			values: []recordedValue{
				// 2 of clients in 20 s, beside 8 of the administration; 1 to each service, 22 to the control plane
				{"requests_per_second", "{value: 0.1}"},
				{"requests_per_second, labels: {service: service1}", "{value: 0.05}"},
				{"requests_per_second, by: [service]", "{labels: {service: service1}, value: 0.05}, {labels: {service: service2}, value: 0.05}, {labels: {service: xds_cluster}, value: 1.1}"},
				{"error_ratio", "{value: 0}"},
				// 2 from 50 to 100 ms; the administration's 5 are shorter
				{"latency_p50_seconds", "{value: 0.075}"},  // 50 + 50 * 1/2 ms
				{"latency_p90_seconds", "{value: 0.095}"},  // 50 + 50 * 1.8/2 ms
				{"latency_p95_seconds", "{value: 0.0975}"}, // 50 + 50 * 1.9/2 ms
				{"latency_p99_seconds", "{value: 0.0995}"}, // 50 + 50 * 1.98/2 ms
				{"latency_p95_seconds, by: [service]", "{labels: {service: service1}, value: 0.0975}, {labels: {service: service2}, value: 0.0975}"},
				{"upstream_latency_p95_seconds, labels: {service: service2}", "{value: 0.0975}"}, // 50 + 50 * 0.95/1 ms
				{"active_connections", "{value: 0}"}, // and 2 of the administration
				{"in_flight_requests", "{value: 0}"}, // and the scrape
				{"in_flight_requests, labels: {service: service1}", "{value: 0}"},
				{"queue_depth, by: [service]", "{labels: {service: service1}, value: 0}, {labels: {service: service2}, value: 0}, {labels: {service: xds_cluster}, value: 0}"},
			},
		},
		{
			name: "the proxy of a service in Istio", gateway: "istio", scrapes: sinceStart("istio/DataDog__integrations-core__v1_5_istio_merged.prom"),
			values: []recordedValue{
				// 1 in 20 s, from 1 to 2.5 s
				{"requests_per_second", "{value: 0.05}"},
				{"requests_per_second, by: [service, consumer]", "{labels: {service: reviews, consumer: productpage-v1}, value: 0.05}"},
				{"error_ratio, labels: {service: reviews}", "{value: 0}"},
				{"latency_p50_seconds", "{value: 1.75}"},                              // 1000 + 1500 * 0.5 ms
				{"latency_p95_seconds, labels: {service: reviews}", "{value: 2.425}"}, // 1000 + 1500 * 0.95 ms
			},
		},
		{
			// The proxy of a pod that only asks: to read it so is right for a gateway.
			name: "what a proxy of Istio sends", gateway: "istio_gateway", scrapes: sinceStart("istio/DataDog__integrations-core__v1_5_istio_proxy.prom"),
			values: []recordedValue{
				// 49 + 8 + 5 with 200, 3 with 304 and 2 with 404 in 20 s
				{"requests_per_second", "{value: 3.35}"},
				{"requests_per_second, by: [service]", "{labels: {service: PassthroughCluster}, value: 3.35}"},
				{"error_ratio", "{value: 0}"},
				// 14 up to 100 ms, 47 to 250, 60 to 1000, 65 to 2500, 66 to 5000, 67 to 10000
				{"latency_p50_seconds", "{value: 0.18863636363636363}"}, // 100 + 150 * (33.5-14)/33 ms
				{"latency_p90_seconds", "{value: 1.09}"},                // 1000 + 1500 * (60.3-60)/5 ms
				{"latency_p95_seconds", "{value: 2.095}"},               // 1000 + 1500 * (63.65-60)/5 ms
				{"latency_p99_seconds", "{value: 6.65}"},                // 5000 + 5000 * (66.33-66)/1 ms
			},
		},
		{
			name: "what a pod gets by Linkerd 2.7", gateway: "linkerd", scrapes: sinceStart("linkerd/DataDog__integrations-core__v2.prom"),
			values: []recordedValue{
				// 851 and 582 in 20 s
				{"requests_per_second", "{value: 71.65}"},
				{"requests_per_second, by: [consumer]", "{value: 42.55}, {labels: {consumer: linkerd-web.linkerd}, value: 29.1}"},
				{"error_ratio", "{value: 0}"},
				// 721 up to 1 ms, 833 to 2, 1041 to 50, 1394 to 100, 1450 to 200, of 1452
				{"latency_p50_seconds", "{value: 0.0010446428571428572}"}, // 1 + 1 * (726-721)/112 ms
				{"latency_p90_seconds", "{value: 0.08764872521246458}"},   // 50 + 50 * (1306.8-1041)/353 ms
				{"latency_p95_seconds", "{value: 0.09793201133144474}"},   // 50 + 50 * (1379.4-1041)/353 ms
				{"latency_p99_seconds", "{value: 0.17764285714285716}"},   // 100 + 100 * (1437.48-1394)/56 ms
				// 531 up to 100 ms, 586 to 200
				{"latency_p95_seconds, labels: {consumer: linkerd-web.linkerd}", "{value: 0.14672727272727273}"}, // 100 + 100 * (556.7-531)/55 ms
				{"active_connections", "{value: 13}"}, // 4 + 9; 14 from the proxy to its pod
			},
		},
		{
			name: "what a pod asks by Linkerd 2.7", gateway: "linkerd_outbound", scrapes: sinceStart("linkerd/DataDog__integrations-core__v2.prom"),
			values: []recordedValue{
				// 16275, and 6 of what is no service
				{"requests_per_second, by: [service]", "{value: 0.3}, {labels: {service: linkerd-prometheus}, value: 813.75}"},
				{"error_ratio, labels: {service: linkerd-prometheus}", "{value: 0}"},
				// 6974 up to 20 ms, 10799 to 30, 13350 to 40, 14799 to 50, 16185 to 100
				{"latency_p50_seconds, labels: {service: linkerd-prometheus}", "{value: 0.023041830065359477}"},          // 20 + 10 * (8137.5-6974)/3825 ms
				{"latency_p90_seconds, labels: {service: linkerd-prometheus}", "{value: 0.04895445134575569}"},           // 40 + 10 * (14647.5-13350)/1449 ms
				{"upstream_latency_p95_seconds, labels: {service: linkerd-prometheus}", "{value: 0.073890692640692641}"}, // 50 + 50 * (15461.25-14799)/1386 ms
				{"latency_p99_seconds, labels: {service: linkerd-prometheus}", "{value: 0.09737554112554113}"},           // 50 + 50 * (16112.25-14799)/1386 ms
			},
		},
	}
	readRecorded(t, tests)
}

// TestProxiesRefuseTheOtherSide: which side of a call is read is a matter of the
// preset, and what a side does not tell is refused.
func TestProxiesRefuseTheOtherSide(t *testing.T) {
	t.Parallel()
	set := load(t)
	tests := []struct{ source, want string }{
		{`linkerd.requests_per_second{service="checkout"}`, "cannot be selected by service"},
		{`linkerd_outbound.requests_per_second{consumer="web"}`, "cannot be selected by consumer"},
		{`linkerd_outbound.active_connections()`, "active_connections of the preset linkerd"},
		{`linkerd.in_flight_requests()`, "cancelled are never counted as ended; use active_connections"},
		{`istio_gateway.latency_p95_seconds{consumer="web"}`, "cannot be selected by consumer"},
		{`istio.requests_per_second({}, nil, by("upstream_pod"))`, "cannot be grouped by upstream_pod"},
		{`envoy.latency_p95_seconds({}, nil, by("upstream_pod"))`, "cannot be grouped by upstream_pod"},
		{`envoy_gateway.tokens_per_second()`, "tokens_per_second of the preset envoy_ai_gateway"},
		{`envoy_ai_gateway.error_ratio()`, "429 and 400 as well; use requests_per_second"},
		{`envoy_ai_gateway.running_requests()`, "requests are counted when they end"},
	}
	for _, test := range tests {
		_, err := script.Compile(test.source, script.Options{Name: "m", Modules: set.Modules()})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want an error with %q", test.source, err, test.want)
		}
	}
}

// TestProxiesAreRecognised: by the names that were recorded. Those that show the
// same names are named together.
func TestProxiesAreRecognised(t *testing.T) {
	t.Parallel()
	needRecordings(t)
	set := load(t)
	for file, want := range map[string]string{
		"envoy/DataDog__integrations-core__stats_prometheus.prom":  "envoy envoy_gateway",
		"istio/DataDog__integrations-core__v1_5_istio_merged.prom": "istio istio_gateway",
		"istio/DataDog__integrations-core__v1_5_istio_proxy.prom":  "istio istio_gateway",
		"linkerd/DataDog__integrations-core__v2.prom":              "linkerd linkerd_outbound",
		"linkerd/linkerd__linkerd2__sampleMetrics.prom":            "linkerd linkerd_outbound",
		"linkerd/linkerd__linkerd2__proxy_metrics_2.prom":          "linkerd linkerd_outbound",
	} {
		text, err := os.ReadFile(filepath.Join(recordings, file))
		if err != nil {
			t.Fatal(err)
		}
		sighting := set.NewSighting()
		for line := range strings.Lines(string(text)) {
			if !strings.HasPrefix(line, "#") {
				sighting.See(line[:strings.IndexAny(line+" ", "{ \n")])
			}
		}
		var names []string
		for _, p := range sighting.Looks() {
			names = append(names, p.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s looks like %q, want %q", file, got, want)
		}
	}
}
