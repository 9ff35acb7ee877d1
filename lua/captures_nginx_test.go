package lua_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestNginxReadsWhatWasRecorded: each value was computed by hand from the numbers
// in the recordings. Counters are those since the start, which is taken to be the
// time of the first scrape.
func TestNginxReadsWhatWasRecorded(t *testing.T) {
	t.Parallel()
	needRecordings(t)
	const (
		ingress   = "ingress-nginx/DataDog__integrations-core__metrics.prom"
		upstreams = "nginx-plus/DataDog__integrations-core__v7_http_upstreams.json"
		zones     = "nginx-plus/DataDog__integrations-core__v7_http_server_zones.json"
		vts       = "nginx-vts/SK1995__tfs-admin__prometheus_1_14.prom"
		vtsJSON   = "nginx-vts/DataDog__integrations-core__vts.json"
		status    = "nginx-stub-status/local/local__"
	)
	tests := []recordedTest{
		{
			name: "stub_status under load", gateway: "nginx_stub_status",
			scrapes: []recordedScrape{{"0s", status + "t2_after_nginx_reload.txt", false}, {"54.401s", status + "t3_backend_b_gone.txt", false}},
			values: []recordedValue{
				{"requests_per_second", "{value: 136.33940552563372}"}, // (16634 - 9217)/54.401
				{"active_connections", "{value: 25}"},
				{"in_flight_requests", "{value: 25}"},
			},
		},
		{
			name: "upstreams of NGINX Plus since its start", gateway: "nginx_plus",
			scrapes: []recordedScrape{{"0s", zeroedJSON(t, upstreams), false}, {"20s", upstreams, false}},
			values: []recordedValue{
				// 18132421 + 24609942, 752001, 12426 and 95145 requests in 20 s
				{"requests_per_second, by: [service]", "{labels: {service: demo-backend}, value: 2137118.15}, {labels: {service: trac-backend}, value: 37600.05}, " +
					"{labels: {service: hg-backend}, value: 621.3}, {labels: {service: lxr-backend}, value: 4757.25}"},
				{`requests_per_second, labels: {upstream: "10.0.0.41:8084"}`, "{value: 1230497.1}"},
				{"error_ratio, labels: {service: demo-backend}", "{value: 0.22766396888258145}"}, // 4865455 + 4865441 failed of 42742363
				{"error_ratio, labels: {service: hg-backend}", "{value: 0}"},
				{"in_flight_requests", "{value: 0}"},
			},
		},
		{
			name: "zones of NGINX Plus since its start", gateway: "nginx_plus_zones",
			scrapes: []recordedScrape{{"0s", zeroedJSON(t, zones), false}, {"20s", zones, false}},
			values: []recordedValue{
				// 817461, 95609 and 763414 responses, and 0, 5 and 2 requests without one, in 20 s
				{"requests_per_second, by: [service]", "{labels: {service: hg.nginx.org}, value: 40873.05}, {labels: {service: lxr.nginx.org}, value: 4780.7}, " +
					"{labels: {service: trac.nginx.org}, value: 38170.8}"},
				{"error_ratio, labels: {service: lxr.nginx.org}", "{value: 5.229359717196227e-05}"}, // 5 of 95614
				{"in_flight_requests", "{value: 0}"},
			},
		},
		{
			name: "VTS 0.1 since its start", gateway: "nginx_vts",
			scrapes: []recordedScrape{{"0s", vts, true}, {"20s", vts, false}},
			values: []recordedValue{
				// 3 requests in 20 s, which stand there as total and in the host "*", too
				{"requests_per_second", "{value: 0.15}"},
				{"requests_per_second, by: [route]", "{labels: {route: localhost}, value: 0.15}"},
				{"error_ratio", "{value: 0}"},
				{"active_connections", "{value: 1}"},
				{"in_flight_requests", "{value: 1}"},
			},
		},
		{
			name: "VTS's JSON since its start", gateway: "nginx_vts_json",
			scrapes: []recordedScrape{{"0s", zeroedJSON(t, vtsJSON), false}, {"20s", vtsJSON, false}},
			values: []recordedValue{
				// 5 + 4 requests in 20 s, which stand there in the host "*", too
				{"requests_per_second", "{value: 0.45}"},
				{"requests_per_second, labels: {route: localhost}", "{value: 0.45}"},
				{"error_ratio", "{value: 0}"},
				{"active_connections", "{value: 3}"},
				{"in_flight_requests", "{value: 1}"}, // 0 reading, 1 writing
			},
		},
		{
			name: "Ingress-NGINX 0.x since its start", gateway: "ingress_nginx",
			scrapes: []recordedScrape{{"0s", ingress, true}, {"20s", ingress, false}},
			values: []recordedValue{
				// 3 requests to hello-app and 2 to no service in 20 s, all of them below 5 ms
				{"requests_per_second", "{value: 0.25}"},
				{"requests_per_second, labels: {service: hello-app}", "{value: 0.15}"},
				{"requests_per_second, labels: {route: ingress-resource}", "{value: 0.15}"},
				{"error_ratio", "{value: 0}"},
				{"latency_p50_seconds", "{value: 0.0025}"},                                // 0.005 * 2.5/5
				{"latency_p95_seconds, labels: {service: hello-app}", "{value: 0.00475}"}, // 0.005 * 0.95
				{"upstream_latency_p95_seconds, labels: {service: hello-app}", "{value: 0.00475}"},
				{"active_connections", "{value: 2}"},
				{"in_flight_requests", "{value: 1}"}, // 0 reading, 1 writing
			},
		},
	}
	readRecorded(t, tests)
}

var (
	jsonNumber = regexp.MustCompile(`("[^"]*"\s*:\s*)[0-9]+`)
	jsonID     = regexp.MustCompile(`^"id"`)
)

// zeroedJSON writes a copy of a recorded document in which all numbers but
// identifiers are 0, and returns its path as that of a recording.
func zeroedJSON(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(recordings, file))
	if err != nil {
		t.Fatal(err)
	}
	text = jsonNumber.ReplaceAllFunc(text, func(match []byte) []byte {
		if jsonID.Match(match) {
			return match
		}
		return jsonNumber.ReplaceAll(match, []byte("${1}0"))
	})
	out := filepath.Join(t.TempDir(), "zero.json")
	if err := os.WriteFile(out, text, 0o600); err != nil {
		t.Fatal(err)
	}
	from, err := filepath.Abs(recordings)
	if err != nil {
		t.Fatal(err)
	}
	relative, err := filepath.Rel(from, out)
	if err != nil {
		t.Fatal(err)
	}
	return relative
}
