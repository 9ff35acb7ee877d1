package lua_test

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/gaugeway/gaugeway/pkg/preset"
	"github.com/gaugeway/gaugeway/pkg/script"
)

// TestKongReadsWhatWasRecorded: each value was computed by hand from the numbers
// in the recordings, which are of nearly idle nodes.
func TestKongReadsWhatWasRecorded(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(recordings); errors.Is(err, fs.ErrNotExist) && os.Getenv("CI") == "" {
		t.Skipf("%s is not there", recordings)
	}
	const (
		kong2 = "kong/DataDog__integrations-core__v2_prometheus.prom"
		kong3 = "kong/DataDog__integrations-core__v3_prometheus.prom"
	)
	tests := []struct {
		name    string
		scrapes []recordedScrape
		values  []recordedValue
	}{
		{
			name:    "Kong 3 since its start",
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
			name:    "Kong 2 since its start",
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
	set := load(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			file, findings := preset.Parse("recorded_test.yaml", []byte(recordedCases(t, "kong", test.scrapes, test.values)), set)
			for _, f := range findings {
				t.Errorf("%s", f)
			}
			if len(file.Cases) != len(test.values) {
				t.Fatalf("%d cases, want %d", len(file.Cases), len(test.values))
			}
			for _, r := range preset.RunAll(file.Cases, script.Limits{}) {
				var b strings.Builder
				if err := preset.WriteText(&b, []preset.Result{r}); err != nil {
					t.Fatal(err)
				}
				if !r.Passed() {
					t.Error(b.String())
				}
			}
		})
	}
}
