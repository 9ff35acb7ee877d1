package lua_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gaugeway/gaugeway/pkg/script"
)

// TestQueuesAndServersReadWhatWasRecorded: each value was computed by hand from
// the numbers in the recordings. Counters of a recording are those since the
// start, which is taken to be the time of the first scrape.
func TestQueuesAndServersReadWhatWasRecorded(t *testing.T) {
	t.Parallel()
	needRecordings(t)
	const (
		dcgm      = "dcgm/DataDog__integrations-core__metrics.prom"
		triton    = "triton/DataDog__integrations-core__metrics.prom"
		summed    = "rabbitmq/DataDog__integrations-core__metrics.prom"
		detailed  = "rabbitmq/DataDog__integrations-core__metrics_detailed_queue_coarse.prom"
		perObject = "rabbitmq/DataDog__integrations-core__metrics_per_object.prom"
		queues    = "rabbitmq/DataDog__integrations-core__mgmt_queues.json"
	)
	tests := []recordedTest{
		{
			name: "Triton since its start", gateway: "triton",
			scrapes: []recordedScrape{{"0s", triton, true}, {"20s", triton, false}},
			values: []recordedValue{
				// 3 requests in 20 s, all to one of 8 models
				{"requests_per_second", "{value: 0.15}"},
				{"requests_per_second, labels: {model: densenet_onnx}", "{value: 0.15}"},
				{"error_ratio, labels: {model: densenet_onnx}", "{value: 0}"},
				{"latency_p95_seconds, labels: {model: densenet_onnx}", "{value: 0.000003}"}, // 3 us
				{"waiting_requests, labels: {model: simple}", "{value: 0}"},
				{"gpu_utilization", "{value: 0}"},
			},
		},
		{
			name: "DCGM", gateway: "dcgm",
			scrapes: []recordedScrape{{"0s", dcgm, false}},
			values:  []recordedValue{{"gpu_utilization", "{value: 0}"}}, // 0 %, and a share of 0 of another
		},
		{
			name: "RabbitMQ /metrics/detailed", gateway: "rabbitmq",
			scrapes: []recordedScrape{{"0s", detailed, false}},
			values: []recordedValue{
				{"queue_depth, by: [queue]", "{labels: {queue: queue1}, value: 0}, {labels: {queue: queue2}, value: 1}, {labels: {queue: queue3}, value: 0}"},
				{"in_flight_requests, labels: {service: /, queue: queue2}", "{value: 0}"},
			},
		},
		{
			name: "RabbitMQ /metrics/per-object", gateway: "rabbitmq",
			scrapes: []recordedScrape{{"0s", perObject, false}},
			values: []recordedValue{
				{"queue_depth, by: [queue]", "{labels: {queue: queue1}, value: 0}, {labels: {queue: queue2}, value: 1}, {labels: {queue: queue3}, value: 0}"},
				{"in_flight_requests, by: [service]", "{labels: {service: /}, value: 0}"},
				{"active_connections", "{value: 1}"},
			},
		},
		{
			name: "RabbitMQ /metrics", gateway: "rabbitmq",
			scrapes: []recordedScrape{{"0s", summed, false}},
			values:  []recordedValue{{"queue_depth", "{value: 1}"}, {"active_connections", "{value: 1}"}},
		},
		{
			name: "RabbitMQ /api/queues", gateway: "rabbitmq_management",
			scrapes: []recordedScrape{{"0s", queues, false}},
			values: []recordedValue{
				// 22 queues, each with one message but aliveness-test of /, myvhost and myothervhost
				{"queue_depth", "{value: 19}"},
				{"queue_depth, by: [service]", "{labels: {service: /}, value: 7}, {labels: {service: config}, value: 2}, {labels: {service: myvhost}, value: 5}, {labels: {service: myothervhost}, value: 5}"},
				{"queue_depth, labels: {queue: test1}", "{value: 3}"},
				{"in_flight_requests, labels: {queue: aliveness-test}", "{value: 0}"},
			},
		},
	}
	readRecorded(t, tests)
}

// TestTheEndpointPickerReadsItsOwnTestData: its recordings are of one metric
// each, and are joined to what one endpoint shows. How many pods the pool has is
// in none of them.
func TestTheEndpointPickerReadsItsOwnTestData(t *testing.T) {
	t.Parallel()
	parts, err := filepath.Glob(filepath.Join(recordings, "gateway-api-inference-extension", "*.prom"))
	if err != nil {
		t.Fatal(err)
	}
	if len(parts) == 0 && os.Getenv("CI") == "" {
		t.Skip("there are no recordings")
	}
	var joined strings.Builder
	for _, part := range parts {
		if strings.Contains(part, "request_tpot") {
			continue // it is no valid exposition: a name in it is misspelt, and samples are repeated
		}
		text, err := os.ReadFile(part)
		if err != nil {
			t.Fatal(err)
		}
		joined.Write(append(text, '\n'))
	}
	joined.WriteString("inference_pool_ready_pods{name=\"p1\"} 2\n")
	shown := filepath.Join(t.TempDir(), "shown.prom")
	if err := os.WriteFile(shown, []byte(joined.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	values := []recordedValue{
		// in 20 s: 2 requests of m10 to t10, 1 to t11, and 1 of m20
		{"requests_per_second", "{value: 0.2}"},
		{"requests_per_second, by: [model]", "{labels: {model: m10}, value: 0.15}, {labels: {model: m20}, value: 0.05}"},
		// Internal 2 and ModelServerError 1, all of m10; ResourceExhausted 1 of m20 is a 429
		{"error_ratio", "{value: 0.75}"},
		{"error_ratio, by: [model]", "{labels: {model: m10}, value: 1}, {labels: {model: m20}, value: 0}"},
		// m10: one each in 0.005..0.025, 0.05..0.1 and 1.5..2 s
		{"latency_p50_seconds, labels: {model: m10}", "{value: 0.075}"}, // 0.05 + 0.05 * (1.5-1)/1
		{"latency_p95_seconds, labels: {model: m10}", "{value: 1.925}"}, // 1.5 + 0.5 * (2.85-2)/1
		{"time_to_first_token_p95_seconds, labels: {model: m10}", "{value: 1.925}"},
		// 30 + 30 + 40 and 300 + 300 + 400 tokens in 20 s
		{"prompt_tokens_per_second", "{value: 5}"},
		{"completion_tokens_per_second, labels: {model: m20}", "{value: 20}"},
		{"tokens_per_second", "{value: 55}"},
		{"in_flight_requests", "{value: 2}"},
		{"in_flight_requests, labels: {model: m1}", "{value: 1}"},
		{"running_requests, labels: {service: p1}", "{value: 1}"}, // 0.5 * 2
		{"waiting_requests", "{value: 0.8}"},                      // 0.4 * 2
		{"kv_cache_utilization, by: [service]", "{labels: {service: p1}, value: 0.3}"},
	}
	var b strings.Builder
	b.WriteString("tests:\n")
	for _, v := range values {
		fmt.Fprintf(&b, "- name: '%s'\n  preset: {gateway: inference_extension, metric: %s}\n  input:\n  - pod: epp\n    scrapes:\n", v.metric, v.metric)
		fmt.Fprintf(&b, "    - {at: 0s, file: %q}\n    - {at: 20s, file: %q}\n", zeroed(t, shown), shown)
		fmt.Fprintf(&b, "  evaluate:\n  - at: 20s\n    expect: [%s]\n", v.want)
	}
	passes(t, load(t), b.String(), len(values))
}

// TestWhatQueuesAndServersCannotSayIsRefused: with why, and what can be had
// instead.
func TestWhatQueuesAndServersCannotSayIsRefused(t *testing.T) {
	t.Parallel()
	set := load(t)
	tests := []struct{ source, want string }{
		{`kafka.latency_p95_seconds()`, "the exporter knows offsets, and no times; use queue_depth"},
		{`kafka.in_flight_requests()`, "use queue_depth, which has them"},
		{`redis.latency_p99_seconds()`, "percentiles of each command since its start only; use queue_depth"},
		{`redis.queue_depth{consumer="mail"}`, "cannot be selected by consumer"},
		{`rabbitmq.requests_per_second()`, "messages are no requests; use queue_depth"},
		{`rabbitmq_management.active_connections()`, "or active_connections of the preset rabbitmq"},
		{`dcgm.kv_cache_utilization()`, "or kv_cache_utilization of the model server's preset"},
		{`triton.in_flight_requests()`, "use waiting_requests, and running_requests of TensorRT-LLM"},
		{`triton.gpu_utilization{model="llama"}`, "cannot be selected by model"},
		{`inference_extension.waiting_requests{model="llama"}`, "cannot be selected by model"},
		{`inference_extension.gpu_utilization()`, "or gpu_utilization of the preset dcgm"},
	}
	for _, test := range tests {
		_, err := script.Compile(test.source, script.Options{Name: "m", Modules: set.Modules()})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want an error with %q", test.source, err, test.want)
		}
	}
}
