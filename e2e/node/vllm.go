package node

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"time"
)

// VLLM is the work of all pods of the image e2e/vllm in a namespace together.
// Each of the pods that run shows an equal share of it in vLLM's exposition. The
// requests that wait are shared by the pods that run when the work is set, and stay
// where they are until their pod ends: a pod that joins takes none of another's,
// so that whoever reads one pod after the other counts none twice.
type VLLM struct {
	Running, Waiting          float64 // requests
	PromptTokensPerSecond     float64
	GenerationTokensPerSecond float64
	RequestsPerSecond         float64 // that finish
	TimeToFirstToken          time.Duration
	CacheUsage                float64 // of each pod, 0 to 1
}

// SetVLLM sets the work from now on.
func (n *Node) SetVLLM(namespace string, v VLLM) {
	n.settings.mu.Lock()
	defer n.settings.mu.Unlock()
	w := n.settings.of(namespace)
	w.settle(time.Now())
	w.llm = v
	for _, m := range w.models {
		m.waiting = 0
	}
	w.unserved = 0
	w.enqueue(v.Waiting)
}

// enqueue lets requests wait, an equal share at each of the models that run, or
// for the first to come; the caller holds the lock.
func (w *wishes) enqueue(requests float64) {
	if len(w.models) == 0 {
		w.unserved += requests
		return
	}
	for _, m := range w.models {
		m.waiting += requests / float64(len(w.models))
	}
}

// A model is one vLLM server: what it has counted.
type model struct {
	pod                          string
	since                        time.Time // up to when it has counted
	waiting                      float64   // requests
	prompt, generation, finished float64
	buckets                      []float64 // of the time to first token, cumulative
	seconds                      float64
}

// modelBounds are the first ones of vLLM's histogram, in seconds.
var modelBounds = []float64{0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}

// settle lets the models count what was done until now; the caller holds the lock.
func (w *wishes) settle(now time.Time) {
	for _, m := range w.models {
		share := now.Sub(m.since).Seconds() / float64(len(w.models))
		m.since = now
		m.prompt += w.llm.PromptTokensPerSecond * share
		m.generation += w.llm.GenerationTokensPerSecond * share
		requests := w.llm.RequestsPerSecond * share
		m.finished += requests
		ttft := w.llm.TimeToFirstToken.Seconds()
		m.seconds += requests * ttft
		for i, bound := range modelBounds {
			if ttft <= bound {
				m.buckets[i] += requests
			}
		}
	}
}

// launchVLLM starts a server with vLLM's metrics, which answers other requests
// as a backend does.
func (c *Container) launchVLLM(env map[string]string) (program, error) {
	s := &c.pod.node.settings
	namespace := c.pod.Namespace()
	m := &model{pod: c.pod.Name(), since: time.Now(), buckets: make([]float64, len(modelBounds))}
	mux := http.NewServeMux()
	mux.Handle("/", s.backend(c, env))
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		wishes := s.of(namespace)
		wishes.settle(time.Now())
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		m.show(w, wishes.llm, float64(len(wishes.models)))
	})
	p, err := c.serve(c.port("http", 8000), mux)
	if err != nil {
		return nil, err
	}
	change := func(f func(w *wishes)) {
		s.mu.Lock()
		defer s.mu.Unlock()
		w := s.of(namespace)
		w.settle(time.Now())
		f(w)
	}
	change(func(w *wishes) {
		w.models = append(w.models, m)
		m.waiting, w.unserved = w.unserved, 0
	})
	c.pod.node.background.Go(func() {
		<-p.Done()
		change(func(w *wishes) {
			w.models = slices.DeleteFunc(w.models, func(other *model) bool { return other == m })
			w.enqueue(m.waiting)
		})
	})
	return p, nil
}

// show writes the exposition; counters are whole numbers, as vLLM's.
func (m *model) show(w io.Writer, v VLLM, models float64) {
	const labels = `engine="0",model_name="llama"`
	family := func(name, kind, help string) { fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind) }
	gauge := func(name, help string, value float64) {
		family(name, "gauge", help)
		fmt.Fprintf(w, "%s{%s} %g\n", name, labels, value)
	}
	counter := func(name, help, more string, value float64) {
		family(name, "counter", help)
		fmt.Fprintf(w, "%s{%s%s} %g\n", name, labels, more, math.Floor(value))
	}
	gauge("vllm:num_requests_running", "Number of requests in model execution batches.", v.Running/models)
	gauge("vllm:num_requests_waiting", "Number of requests waiting to be processed.", m.waiting)
	gauge("vllm:kv_cache_usage_perc", "KV-cache usage. 1 means 100 percent usage.", v.CacheUsage)
	counter("vllm:prompt_tokens_total", "Number of prefill tokens processed.", "", m.prompt)
	counter("vllm:generation_tokens_total", "Number of generation tokens processed.", "", m.generation)
	counter("vllm:request_success_total", "Count of successfully processed requests.", `,finished_reason="stop"`, m.finished)
	const ttft = "vllm:time_to_first_token_seconds"
	family(ttft, "histogram", "Histogram of time to first token in seconds.")
	for i, bound := range modelBounds {
		fmt.Fprintf(w, "%s_bucket{%s,le=\"%g\"} %g\n", ttft, labels, bound, math.Floor(m.buckets[i]))
	}
	fmt.Fprintf(w, "%s_bucket{%s,le=\"+Inf\"} %g\n", ttft, labels, math.Floor(m.finished))
	fmt.Fprintf(w, "%s_count{%s} %g\n%s_sum{%s} %g\n", ttft, labels, math.Floor(m.finished), ttft, labels, m.seconds)
}
