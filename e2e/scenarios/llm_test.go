package scenarios_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"

	"github.com/gaugeway/gaugeway/e2e/cluster"
	"github.com/gaugeway/gaugeway/e2e/node"
)

// llm: vLLM is woken from zero and let go again by what the gateway in front of
// it counts, and scaled by its own queue where prompts are long, by its tokens
// where answers are.
func llm(s *cluster.Scenario) {
	s.InstallGaugeway()
	s.Apply("vllm.yaml")
	s.AwaitReady(s.Namespace, "gateway")
	l := s.Load("gateway", 0)
	w := &llmWork{scenario: s}
	w.set(node.VLLM{})
	naive := s.SpecReplicas("naive")
	naive.Name = "naive"
	tl := s.Record(
		w.column("prompt/s", func(v *node.VLLM) float64 { return v.PromptTokensPerSecond }),
		w.column("generation/s", func(v *node.VLLM) float64 { return v.GenerationTokensPerSecond }),
		w.column("waiting", func(v *node.VLLM) float64 { return v.Waiting }),
		cluster.Column{Name: "under way", Read: func(context.Context) float64 { return float64(l.Running()) }},
		s.ExternalValue("llama_requests"), s.ExternalValue("llama_waiting"), s.ExternalValue("llama_tokens_per_second"),
		s.Desired("vllm"), s.ReadyReplicas("vllm"), s.ExternalValue("naive_waiting"), naive)

	tl.Mark("no requests: to zero")
	s.AwaitReplicas(time.Minute, "vllm", 0)
	tl.Mark("zero; an HPA with a metric of vLLM alone")
	s.Apply("naive.yaml")
	llmZero(s)

	// Nobody starts before the HPA with the missing metric has scaled out, too.
	s.Node.HoldStarts(s.Namespace, true)
	woken := tl.Mark("requests come")
	l.SetRate(6)
	w.set(node.VLLM{Running: 1, PromptTokensPerSecond: 100, GenerationTokensPerSecond: 100})
	s.AwaitReplicas(cluster.Patience, "naive", 2)
	out := tl.Mark("replicas may start")
	s.Node.HoldStarts(s.Namespace, false)
	s.Eventually(cluster.Patience, "a replica that is ready", func() error { return llmReady(s, 1) })
	if _, most, _ := tl.Range("naive_waiting", woken, out); !math.IsNaN(most) {
		s.Errorf("naive_waiting was %v before the HPA scaled out, want that it had no value", most)
	}

	// 30 requests are under way in both phases, for which the gateway's metric
	// asks for 2 replicas.
	llmPhase(s, tl, w, "prefill-heavy", node.VLLM{
		Running: 6, Waiting: 24, PromptTokensPerSecond: 8000, GenerationTokensPerSecond: 400, TimeToFirstToken: 4 * time.Second, CacheUsage: 0.9,
	}, 3)
	llmPhase(s, tl, w, "decode-heavy", node.VLLM{
		Running: 28, Waiting: 2, PromptTokensPerSecond: 2000, GenerationTokensPerSecond: 5200, TimeToFirstToken: 100 * time.Millisecond, CacheUsage: 0.5,
	}, 4)
	llmSilence(s, tl, l, w)
	llmNeverReady(s, tl, l)
}

// llmZero checks that nothing happens where there is neither a replica nor a
// request: every metric has an answer, but for the one that only vLLM gives,
// and that one keeps its HPA from scaling in.
func llmZero(s *cluster.Scenario) {
	s.Helper()
	s.Eventually(cluster.Patience, "answers without a replica", func() error { return llmAnswersZero(s) })
	s.Eventually(cluster.Patience, "the HPA of the naive metric to say what is missing", func() error { return llmStuck(s, "its sources have no targets") })
	s.Throughout(5*time.Second, "at zero", func() error {
		if got := s.Replicas("vllm"); got != 0 {
			return fmt.Errorf("%d replicas without a request", got)
		}
		if got := s.Replicas("naive"); got != 1 {
			return fmt.Errorf("the HPA with a metric that is missing scaled to %d, want 1 as before", got)
		}
		return llmAnswersZero(s)
	})
}

// llmPhase sets the work of a phase and checks what the metrics and the HPA make
// of it.
func llmPhase(s *cluster.Scenario, tl *cluster.Timeline, w *llmWork, name string, v node.VLLM, want int32) {
	s.Helper()
	begin := tl.Mark(name)
	w.set(v)
	s.AwaitReplicas(time.Minute, "vllm", want)
	s.AwaitReady(s.Namespace, "vllm")
	tokens := v.GenerationTokensPerSecond + v.PromptTokensPerSecond/20
	s.Eventually(cluster.Patience, "the metrics of the phase "+name, func() error {
		waiting, err := s.External("llama_waiting")
		if err != nil {
			return err
		}
		got, err := s.External("llama_tokens_per_second")
		if err != nil {
			return err
		}
		if math.Abs(waiting-v.Waiting) > 0.01 || math.Abs(got-tokens) > 0.05*tokens {
			return fmt.Errorf("%v waiting and %v tokens/s, want %v and %v", waiting, got, v.Waiting, tokens)
		}
		return nil
	})
	if _, most, _ := tl.Range("desired", begin, time.Now()); most != float64(want) {
		s.Errorf("%s: up to %v replicas were wanted, want %d", name, most, want)
	}
}

// llmSilence lets vLLM's work end while one replica is silent: it is not taken
// for idle, nor is the queue for empty. Then all of it goes to zero. Requests end
// before: those that the silent replica works on would stay with the gateway.
func llmSilence(s *cluster.Scenario, tl *cluster.Timeline, l *cluster.Load, w *llmWork) {
	s.Helper()
	replicas := s.Replicas("vllm")
	silent := s.Pods("app=vllm")[0]
	tl.Mark("requests end")
	l.SetRate(0)
	s.Eventually(cluster.Patience, "the gateway to be quiet", func() error {
		if got, err := s.External("llama_requests"); err != nil || got > 0 || l.Running() > 0 {
			return fmt.Errorf("llama_requests is %v, %w; %d are under way", got, err, l.Running())
		}
		return nil
	})
	tl.Mark("a replica is silent")
	if err := silent.Cut(); err != nil {
		s.Fatal(err)
	}
	for _, name := range []string{"llama_waiting", "llama_tokens_per_second"} {
		awaitUnanswered(s, name, says("fewer than minCoveragePercent 100"))
	}
	tl.Mark("nothing to do")
	w.set(node.VLLM{})
	s.Throughout(15*time.Second, "a silent replica", func() error {
		if got := s.Replicas("vllm"); got != replicas {
			return fmt.Errorf("%d replicas, want %d", got, replicas)
		}
		return nil
	})
	tl.Mark("it answers")
	if err := silent.Mend(); err != nil {
		s.Fatal(err)
	}
	s.AwaitReplicas(time.Minute, "vllm", 0)
	s.Eventually(cluster.Patience, "answers without a replica", func() error { return llmAnswersZero(s) })
}

// llmNeverReady wakes a replica that never gets ready; it is let go again.
func llmNeverReady(s *cluster.Scenario, tl *cluster.Timeline, l *cluster.Load) {
	s.Helper()
	s.Kubectl("patch", "deployment", "vllm", "-p", `{"spec":{"template":{"metadata":{"annotations":{"e2e.gaugeway.dev/start-delay":"1h"}}}}}`)
	begin := tl.Mark("requests, and a replica that never gets ready")
	l.SetRate(2)
	s.AwaitReplicas(cluster.Patience, "vllm", 1)
	s.AwaitReplicas(cluster.Patience, "naive", 2)
	tl.Mark("requests end")
	l.SetRate(0)
	s.AwaitReplicas(time.Minute, "vllm", 0)
	end := tl.Mark("zero")
	s.Eventually(cluster.Patience, "answers without a replica", func() error { return llmAnswersZero(s) })
	if _, _, without := tl.Range("llama_waiting", begin, end); without > 0 {
		s.Errorf("llama_waiting had no value in %d readings while a replica was loading", without)
	}
	s.Throughout(3*time.Second, "the HPA with a metric that is missing", func() error {
		if got := s.Replicas("naive"); got != 2 {
			return fmt.Errorf("it scaled to %d, want 2 as before", got)
		}
		return nil
	})
	if err := llmStuck(s, "naive_waiting"); err != nil {
		s.Error(err)
	}
}

// llmAnswersZero fails unless all metrics of the design are 0.
func llmAnswersZero(s *cluster.Scenario) error {
	for _, name := range []string{"llama_requests", "llama_waiting", "llama_tokens_per_second"} {
		if got, err := s.External(name); err != nil || got != 0 {
			return fmt.Errorf("%s is %v, %w; want 0", name, got, err)
		}
	}
	return nil
}

// llmStuck fails unless the HPA with the naive metric says that it cannot scale,
// and why.
func llmStuck(s *cluster.Scenario, why string) error {
	conditions := s.HPA("naive").Status.Conditions
	for _, c := range conditions {
		if c.Type == autoscalingv2.ScalingActive && c.Status == corev1.ConditionFalse && strings.Contains(c.Message, why) {
			return nil
		}
	}
	return fmt.Errorf("the HPA's conditions are %+v, want ScalingActive False: %s", conditions, why)
}

// llmReady fails unless at least so many replicas are ready.
func llmReady(s *cluster.Scenario, want int) error {
	ready := 0
	for _, p := range s.Pods("app=vllm") {
		if p.Ready() {
			ready++
		}
	}
	if ready < want {
		return fmt.Errorf("%d replicas are ready, want %d", ready, want)
	}
	return nil
}

// llmWork is the work of all replicas together, for the timeline.
type llmWork struct {
	scenario *cluster.Scenario
	now      atomic.Pointer[node.VLLM]
}

func (w *llmWork) set(v node.VLLM) {
	w.scenario.Node.SetVLLM(w.scenario.Namespace, v)
	w.now.Store(&v)
}

func (w *llmWork) column(name string, of func(*node.VLLM) float64) cluster.Column {
	return cluster.Column{Name: name, Read: func(context.Context) float64 { return of(w.now.Load()) }}
}
