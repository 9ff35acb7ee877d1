package exposition

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// captures is the folder of recorded expositions, which lies beside the
// repository.
const captures = "../../../shared/captures"

// repeated are the captures in which series have several samples, with the
// number of those that do not count: golden files of tests that hold the same
// family twice.
var repeated = map[string]int{
	"gateway-api-inference-extension/llm-d__llm-d-inference-scheduler__request_tpot_seconds_metric.prom": 37,
}

// TestCaptures parses every recorded text exposition, cold and warm, and
// compares the number of samples to a count of lines.
func TestCaptures(t *testing.T) {
	t.Parallel()
	for _, name := range captureNames(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := readCapture(t, name)
			lines := countSamples(body)
			p := NewParser(Options{})
			for range 2 {
				batch, stats, err := p.Parse(bytes.Clone(body), "text/plain; version=0.0.4", 1)
				if err != nil {
					t.Fatal(err)
				}
				if stats.Samples != lines || stats.Dropped != 0 || stats.Duplicates != repeated[name] {
					t.Errorf("%d sample lines, %d repeated, gave %+v", lines, repeated[name], stats)
				}
				checkBatch(t, batch, stats)
			}
		})
	}
}

// TestCaptureOddities looks for what is odd in a capture, and how it is read.
func TestCaptureOddities(t *testing.T) {
	t.Parallel()
	tests := []struct {
		oddity, capture, series string
		want                    float64
	}{
		{"carriage returns", "nginx-vts/SK1995__tfs-admin__prometheus_1_14.prom",
			`nginx_vts_main_connections{status="accepted"}`, 4},
		{"exponent with a leading zero", "vllm/armandossrecife__vllm-server-api-chat__v1_metrics_2026_02.prom",
			`process_virtual_memory_bytes`, 13720145920},
		{"colon in a name", "vllm/armandossrecife__vllm-server-api-chat__v1_metrics_2026_02.prom",
			`vllm:num_requests_running{engine="0", model_name="Qwen/Qwen3-4B-Instruct-2507-FP8"}`, 0},
		{"empty braces", "envoy/DataDog__integrations-core__stats_prometheus.prom",
			`envoy_http1_response_flood`, 0},
		{"bars in a value", "istio/DataDog__integrations-core__v1_5_istio_proxy.prom",
			`envoy_cluster_client_ssl_socket_factory_ssl_context_update_by_sds{cluster_name="outbound|9080||reviews.default.svc.cluster.local"}`, 4},
		{"bucket bounds with leading zeros", "kong/DataDog__integrations-core__v2_prometheus.prom",
			`kong_latency_bucket{le="1.0", service="google", type="kong"}`, 1},
		{"NaN", "rabbitmq/DataDog__integrations-core__metrics_per_object.prom",
			`rabbitmq_queue_head_message_timestamp{queue="queue3", vhost="/"}`, math.NaN()},
	}
	for _, tt := range tests {
		t.Run(tt.oddity, func(t *testing.T) {
			t.Parallel()
			captureNames(t)
			got, _ := parseOnce(t, Options{}, string(readCapture(t, tt.capture)), "text/plain")
			name, rest, _ := strings.Cut(tt.series, "{")
			key := `{__name__="` + name + `"`
			if rest == "" {
				key += "}"
			} else {
				key += ", " + rest
			}
			v, ok := got[key]
			if !ok || !sameFloat(v, tt.want) {
				t.Errorf("%s is %v (found: %v), want %v", tt.series, v, ok, tt.want)
			}
		})
	}
}

// TestCapturesOfOtherKinds checks that what is no exposition is refused.
func TestCapturesOfOtherKinds(t *testing.T) {
	t.Parallel()
	f := func(name, want string) {
		t.Helper()
		captureNames(t)
		_, _, err := NewParser(Options{}).Parse(readCapture(t, name), "text/plain", 0)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, want)
		}
	}
	f("nginx-vts/DataDog__integrations-core__vts.json", "this is JSON")
	f("rabbitmq/DataDog__integrations-core__mgmt_queues.json", "this is JSON")
	f("haproxy/local/local__stats_csv_t0.csv.txt", "this is HAProxy's CSV")
	f("envoy/DataDog__integrations-core__admin_stats_text.txt", "none of ")
}

// captureNames returns the paths of all recorded text expositions; without the
// folder the test is skipped, but never in CI, where it lies beside the repository.
func captureNames(t testing.TB) []string {
	t.Helper()
	if _, err := os.Stat(captures); errors.Is(err, fs.ErrNotExist) && os.Getenv("CI") == "" {
		t.Skipf("%s is not there", captures)
	}
	var names []string
	err := filepath.WalkDir(captures, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".prom") {
			return err
		}
		name, err := filepath.Rel(captures, path)
		names = append(names, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(names) < 40 {
		t.Fatalf("%d captures found, want 40 at least", len(names))
	}
	return names
}

func readCapture(t testing.TB, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(captures, name))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// countSamples counts the lines of a body that are neither blank nor comments.
func countSamples(body []byte) int {
	n := 0
	for line := range bytes.Lines(body) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			n++
		}
	}
	return n
}
