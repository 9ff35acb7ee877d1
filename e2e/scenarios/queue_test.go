package scenarios_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"

	"github.com/gaugeway/gaugeway/e2e/cluster"
)

// queue: workers are scaled to zero and back on the length of their queue, one
// for each 10 messages. A silent broker is no empty queue.
func queue(s *cluster.Scenario) {
	s.InstallGaugeway()
	q := &messages{scenario: s}
	s.Node.SetExposition(s.Namespace, func(string) string {
		return fmt.Sprintf("# TYPE rabbitmq_queue_messages_ready gauge\n"+
			"rabbitmq_queue_messages_ready{vhost=\"/\",queue=\"orders\"} %g\n"+
			"rabbitmq_queue_messages_ready{vhost=\"/\",queue=\"returns\"} 1000\n", q.waiting())
	})
	s.Apply(".")
	s.AwaitReady(s.Namespace, "rabbitmq")
	tl := s.Record(q.column(), s.ExternalValue("orders_waiting"), s.Desired("worker"), s.SpecReplicas("worker"), s.ReadyReplicas("worker"))

	tl.Mark("empty: to zero")
	s.AwaitReplicas(time.Minute, "worker", 0)
	s.Throughout(3*time.Second, "an empty queue", func() error {
		if got, err := s.External("orders_waiting"); err != nil || got != 0 {
			return fmt.Errorf("the metric is %v, %w; want 0", got, err)
		}
		return queueWorkers(s, 0)
	})

	queueGone(s)
	q.work(3)
	one := tl.Mark("1 message")
	q.put(1)
	s.AwaitReplicas(cluster.Patience, "worker", 1)
	s.AwaitReplicas(time.Minute, "worker", 0)
	queueGone(s)
	sixty := tl.Mark("60 messages")
	q.put(60)
	s.AwaitReplicas(cluster.Patience, "worker", 6)
	s.AwaitReplicas(time.Minute, "worker", 0)
	silent := tl.Mark("the broker is silent at zero")
	if _, most, without := tl.Range("desired", one, sixty); most != 1 || without > 0 {
		s.Errorf("up to %v workers were wanted for 1 message, want 1", most)
	}
	if _, most, _ := tl.Range("desired", sixty, silent); most != 6 {
		s.Errorf("up to %v workers were wanted for 60 messages, want 6", most)
	}
	if _, _, without := tl.Range("orders_waiting", one, silent); without > 0 {
		s.Errorf("the metric had no value in %d readings", without)
	}
	queueSilence(s, q, tl)
}

// queueSilence lets the broker be silent at zero and at 3 workers.
func queueSilence(s *cluster.Scenario, q *messages, tl *cluster.Timeline) {
	broker := s.Pods("app=rabbitmq")[0]
	cut := func() {
		s.Helper()
		if err := broker.Cut(); err != nil {
			s.Fatal(err)
		}
		awaitUnanswered(s, "orders_waiting", says("none of 1 targets answers"))
		s.Eventually(cluster.Patience, "the HPA to say that there is no answer", func() error {
			return queueActive(s, corev1.ConditionFalse, "none of 1 targets answers")
		})
		if got, err := s.External("orders_waiting"); err == nil {
			s.Errorf("the metric of a silent broker is %v, want an error", got)
		}
	}
	mend := func() {
		s.Helper()
		if err := broker.Mend(); err != nil {
			s.Fatal(err)
		}
	}

	cut()
	q.work(0)
	q.put(25)
	tl.Mark("25 messages that nobody can see")
	s.Throughout(5*time.Second, "silence at zero", func() error { return queueWorkers(s, 0) })
	tl.Mark("it answers")
	mend()
	s.AwaitReplicas(cluster.Patience, "worker", 3)
	s.AwaitReady(s.Namespace, "worker")
	s.Eventually(cluster.Patience, "the HPA to be active", func() error { return queueActive(s, corev1.ConditionTrue, "") })

	tl.Mark("silent at 3 workers")
	cut()
	q.work(5)
	s.Throughout(15*time.Second, "silence at 3 workers", func() error { return queueWorkers(s, 3) })
	if n := q.waiting(); n > 0 {
		s.Errorf("%v messages wait after all, want that the workers have taken them", n)
	}
	tl.Mark("it answers")
	mend()
	s.AwaitReplicas(time.Minute, "worker", 0)
	// The controller writes its conditions after it has scaled.
	s.Eventually(cluster.Patience, "the HPA to be active", func() error { return queueActive(s, corev1.ConditionTrue, "") })
}

// queueGone waits until no worker is left that could take what comes next before
// the HPA has seen it.
func queueGone(s *cluster.Scenario) {
	s.Helper()
	s.Eventually(cluster.Patience, "the workers to be gone", func() error {
		if n := len(s.Pods("app=worker")); n > 0 {
			return fmt.Errorf("%d are there", n)
		}
		return nil
	})
}

// queueWorkers fails unless that many workers are wanted.
func queueWorkers(s *cluster.Scenario, want int32) error {
	if got := s.Replicas("worker"); got != want {
		return fmt.Errorf("%d workers, want %d", got, want)
	}
	return nil
}

// queueActive fails unless the HPA says that it can scale, or that it cannot,
// and why.
func queueActive(s *cluster.Scenario, want corev1.ConditionStatus, why string) error {
	conditions := s.HPA("worker").Status.Conditions
	for _, c := range conditions {
		if c.Type == autoscalingv2.ScalingActive && c.Status == want && strings.Contains(c.Message, why) {
			return nil
		}
	}
	return fmt.Errorf("the HPA's conditions are %+v, want ScalingActive %s: %s", conditions, want, why)
}

// messages are a queue that the ready workers empty.
type messages struct {
	scenario *cluster.Scenario

	mu   sync.Mutex
	n    float64
	rate float64 // that a worker takes per second
	at   time.Time
}

// put adds messages.
func (m *messages) put(n float64) {
	m.settle(func() { m.n += n })
}

// work sets how many messages a worker takes per second.
func (m *messages) work(rate float64) {
	m.settle(func() { m.rate = rate })
}

// waiting is how many whole messages there are.
func (m *messages) waiting() (n float64) {
	m.settle(func() { n = math.Ceil(m.n) })
	return n
}

// settle takes out what was taken until now.
func (m *messages) settle(then func()) {
	workers := 0
	for _, p := range m.scenario.Pods("app=worker") {
		if p.Ready() {
			workers++
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	m.n = max(m.n-m.rate*float64(workers)*now.Sub(m.at).Seconds(), 0)
	m.at = now
	then()
}

func (m *messages) column() cluster.Column {
	return cluster.Column{Name: "messages", Read: func(context.Context) float64 { return m.waiting() }}
}
