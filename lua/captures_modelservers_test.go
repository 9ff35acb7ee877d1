package lua_test

import (
	"strings"
	"testing"

	"github.com/gaugeway/gaugeway/pkg/script"
)

// TestModelServersReadWhatWasRecorded: each value was computed by hand from the
// numbers in the recordings. Counters are those since the start, which is taken
// to be 20 s before.
func TestModelServersReadWhatWasRecorded(t *testing.T) {
	t.Parallel()
	needRecordings(t)
	tests := []recordedTest{
		{
			name: "vLLM V1, which shows the cache by both names", gateway: "vllm",
			scrapes: sinceStart("vllm/armandossrecife__vllm-server-api-chat__v1_metrics_2026_02.prom"),
			values: []recordedValue{
				// 6 requests, 246 and 1739 tokens in 20 s
				{"requests_per_second", "{value: 0.3}"},
				{"prompt_tokens_per_second, by: [model]", "{labels: {model: Qwen/Qwen3-4B-Instruct-2507-FP8}, value: 12.3}"},
				{"completion_tokens_per_second, labels: {model: Qwen/Qwen3-4B-Instruct-2507-FP8}", "{value: 86.95}"},
				{"tokens_per_second", "{value: 99.25}"},
				{"kv_cache_utilization", "{value: 0.0011764705882353343}"},
				// 2 requests up to 5 s, 4 to 10, 6 to 15
				{"latency_p50_seconds", "{value: 7.5}"},                                           // 5 + 5*(3-2)/2
				{"latency_p90_seconds", "{value: 13.5}"},                                          // 10 + 5*(5.4-4)/2
				{"latency_p95_seconds", "{value: 14.25}"},                                         // 10 + 5*(5.7-4)/2
				{"latency_p99_seconds", "{value: 14.85}"},                                         // 10 + 5*(5.94-4)/2
				{"time_to_first_token_p95_seconds", "{value: 0.057}"},                             // 0.04 + 0.02*(5.7-4)/2
				{"time_per_output_token_p95_seconds", "{value: 0.024266464471403813}"},            // 0.01 + 0.015*(0.95*1733)/1731
				{"error_ratio, by: [route]", "{labels: {route: /v1/chat/completions}, value: 0}"}, // GET /v1/models, 27 times, is none
				{"in_flight_requests", "{value: 0}"},
			},
		},
		{
			name: "vLLM V0", gateway: "vllm",
			scrapes: sinceStart("vllm/DataDog__integrations-core__v0_metrics.prom"),
			values: []recordedValue{
				// 1 request, 5 and 7 tokens in 20 s
				{"requests_per_second", "{value: 0.05}"},
				{"tokens_per_second, by: [model]", "{labels: {model: facebook/opt-125m}, value: 0.6}"},
				{"latency_p95_seconds", "{value: 0.95}"},               // 1*0.95
				{"time_to_first_token_p95_seconds", "{value: 0.4875}"}, // 0.25 + 0.25*0.95
				{"time_per_output_token_p95_seconds", "{value: 0.04875}"},
				{"in_flight_requests", "{value: 0}"},
				{"kv_cache_utilization", "{value: 0}"},
			},
		},
		{
			name: "vLLM V0 that is busy", gateway: "vllm",
			scrapes: sinceStart("vllm/kubeai-project__kubeai__v0_mock_metrics.prom"),
			values: []recordedValue{
				{"waiting_requests, by: [model]", "{labels: {model: neuralmagic/Meta-Llama-3.1-8B-Instruct-FP8}, value: 2}, {labels: {model: other/OTHER}, value: 3}"},
				{"queue_depth", "{value: 5}"},
				{"running_requests", "{value: 3}"},
				{"in_flight_requests", "{value: 8}"}, // 3 + 2 + 3 + 0 swapped
				{"kv_cache_utilization", "{value: 0.0026235242675994863}"},
				{"requests_per_second", "{value: 0.3}"},                                // 6 in 20 s
				{"latency_p50_seconds", "{value: 17.5}"},                               // 15 + 5*3/6
				{"time_to_first_token_p95_seconds", "{value: 0.077}"},                  // 0.06 + 0.02*(8.55-6)/3
				{"time_per_output_token_p95_seconds", "{value: 0.048919710202461293}"}, // 0.025 + 0.025*2410.15/2519
			},
		},
		{
			name: "vLLM in Ray Serve", gateway: "vllm",
			scrapes: sinceStart("vllm/DataDog__integrations-core__ray_serve_vllm_metrics.prom"),
			values: []recordedValue{
				// 1 request, 58 and 300 tokens in 20 s
				{"requests_per_second, by: [model]", "{labels: {model: neuralmagic/Meta-Llama-3.1-70B-Instruct-FP8}, value: 0.05}"},
				{"prompt_tokens_per_second", "{value: 2.9}"},
				{"completion_tokens_per_second", "{value: 15}"},
				{"latency_p95_seconds", "{value: 19.75}"},                              // 15 + 5*0.95
				{"time_to_first_token_p95_seconds", "{value: 0.4875}"},                 // 0.25 + 0.25*0.95
				{"time_per_output_token_p95_seconds", "{value: 0.074059278350515464}"}, // 0.05 + 0.025*(0.95*299-4)/291
				{"kv_cache_utilization", "{value: 5.882698982295764e-05}"},
				{"in_flight_requests", "{value: 0}"},
			},
		},
		{
			name: "NVIDIA NIM", gateway: "nvidia_nim",
			scrapes: sinceStart("nvidia-nim/DataDog__integrations-core__metrics.prom"),
			values: []recordedValue{
				// 5 requests, 109 and 174 tokens in 20 s
				{"requests_per_second, by: [model]", "{labels: {model: meta/llama-3.1-8b-instruct}, value: 0.25}"},
				{"tokens_per_second", "{value: 14.15}"},
				{"latency_p50_seconds", "{value: 0.5}"},
				{"time_to_first_token_p95_seconds", "{value: 0.6875}"},                 // 0.5 + 0.25*(4.75-4)/1
				{"time_per_output_token_p95_seconds", "{value: 0.024334821428571429}"}, // 0.01 + 0.015*(0.95*169)/168
				{"running_requests", "{value: 1}"},
				{"waiting_requests", "{value: 0}"},
				{"in_flight_requests", "{value: 1}"},
				{"kv_cache_utilization", "{value: 0.0002848191398461977}"},
			},
		},
		{
			name: "SGLang 0.4 that is busy", gateway: "sglang",
			scrapes: sinceStart("sglang/sgl-project__sglang__busy_8b.prom"),
			values: []recordedValue{
				{"requests_per_second, by: [model]", "{labels: {model: meta-llama/Llama-3.1-8B-Instruct}, value: 561.4}"}, // 11228
				{"prompt_tokens_per_second", "{value: 406445.1}"},                                                         // 8128902
				{"completion_tokens_per_second", "{value: 377878.6}"},                                                     // 7557572
				{"running_requests, labels: {model: meta-llama/Llama-3.1-8B-Instruct}", "{value: 162}"},
				{"waiting_requests", "{value: 2826}"},
				{"in_flight_requests", "{value: 2988}"},
				{"kv_cache_utilization", "{value: 0.28}"},
				{"latency_p50_seconds", "{value: 60}"},                                // more than half took longer than the last bucket
				{"time_to_first_token_p95_seconds", "{value: 30}"},                    // as well
				{"time_per_output_token_p95_seconds", "{value: 0.14979141099155674}"}, // 0.1 + 0.05*(7030719.15-4950195)/2089240
			},
		},
		{
			name: "SGLang 0.3", gateway: "sglang",
			scrapes: sinceStart("sglang/sgl-project__sglang__early_gemma2.prom"),
			values: []recordedValue{
				{"requests_per_second", "{value: 105.2}"},                             // 2104
				{"tokens_per_second", "{value: 46566.45}"},                            // 506780 + 424549
				{"latency_p50_seconds", "{value: 31.530120481927710}"},                // 20 + 30*(1052-733)/830
				{"latency_p95_seconds", "{value: 90.277264325323475}"},                // 50 + 50*(1998.8-1563)/541
				{"time_to_first_token_p95_seconds", "{value: 0.71569767441860465}"},   // 0.5 + 0.25*(2017.8-1350)/774
				{"time_per_output_token_p95_seconds", "{value: 0.09816678313018558}"}, // 0.075 + 0.025*(401303.75-139394)/282635
				{"kv_cache_utilization", "{value: 0.01}"},
				{"in_flight_requests", "{value: 0}"},
			},
		},
		{
			name: "TGI", gateway: "tgi",
			scrapes: sinceStart("tgi/DataDog__integrations-core__metrics.prom"),
			values: []recordedValue{
				// 111 requests, 2 of which were refused as invalid, 662 and 3423 tokens in 20 s
				{"requests_per_second", "{value: 5.55}"},
				{"error_ratio", "{value: 0}"},
				{"prompt_tokens_per_second", "{value: 33.1}"},
				{"completion_tokens_per_second", "{value: 171.15}"},
				// 51 up to 3.79 s, 77 to 5.68, 104 to 8.52
				{"latency_p50_seconds", "{value: 4.042614923998125}"}, // 3.787675244106352 + 1.893837622053176*(54.5-51)/26
				{"latency_p95_seconds", "{value: 8.474923358687961}"}, // 5.681512866159528 + 2.840756433079762*(103.55-77)/27
				{"in_flight_requests", "{value: 0}"},
				{"queue_depth", "{value: 0}"},
			},
		},
		{
			name: "LiteLLM, which refused 7 scrapes and had no requests", gateway: "litellm",
			scrapes: sinceStart("litellm/DataDog__integrations-core__metrics.prom"),
			values: []recordedValue{
				{"requests_per_second", ""}, // no data
				{"error_ratio", ""},
				{"tokens_per_second", "{value: 0}"},
				{"cost_per_second", "{value: 0}"},
			},
		},
	}
	readRecorded(t, tests)
}

// TestWhatAModelServerCannotSayIsRefused: with why, and what can be had instead.
func TestWhatAModelServerCannotSayIsRefused(t *testing.T) {
	t.Parallel()
	set := load(t)
	tests := []struct{ source, want string }{
		// The mean of a request is not the time from one token to the next.
		{`tgi.time_per_output_token_p95_seconds()`, "the mean of each request only, with the prompt's time in it; use completion_tokens_per_second"},
		{`litellm.time_per_output_token_p95_seconds()`, "divides the whole time, or that until the first token, by the tokens"},
		// A client that has left is no error.
		{`nvidia_nim.error_ratio()`, "counts requests that a client has broken off among the failures"},
		{`vllm.gpu_utilization()`, "gpu_utilization of the preset dcgm"},
		{`litellm.kv_cache_utilization()`, "kv_cache_utilization of the model server's preset"},
		{`tgi.kv_cache_utilization()`, "TGI does not show its cache; use running_requests"},
		{`vllm.error_ratio{model="llama"}`, "cannot be selected by model"},
		{`sglang.error_ratio{model="llama"}`, "cannot be selected by model"},
		{`tgi.running_requests{model="llama"}`, "cannot be selected by model"},
		{`litellm.in_flight_requests{model="gpt-4o"}`, "cannot be selected by model"},
	}
	for _, test := range tests {
		_, err := script.Compile(test.source, script.Options{Name: "m", Modules: set.Modules()})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want an error with %q", test.source, err, test.want)
		}
	}
}
