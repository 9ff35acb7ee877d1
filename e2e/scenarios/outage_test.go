package scenarios_test

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"

	"github.com/gaugeway/gaugeway/e2e/cluster"
	"github.com/gaugeway/gaugeway/e2e/controlplane"
	"github.com/gaugeway/gaugeway/e2e/node"
)

// outage takes one of gaugeway's replicas away from the API server while all
// targets are replaced, and then the API server from all.
func outage(s *cluster.Scenario) {
	s.InstallGaugeway()
	s.Apply(".")
	s.AwaitReady(s.Namespace, "edge")
	const high, low = 150, 60
	l := s.Load("edge", high)
	replicas := s.GaugewayReplicas()
	if len(replicas) != 2 {
		s.Fatalf("there are %d replicas", len(replicas))
	}
	columns := []cluster.Column{l.WantedRate(), l.TrueRate(time.Second), s.ExternalValue("edge_rps")}
	for i, r := range replicas {
		columns = append(columns, cluster.Column{Name: fmt.Sprint("replica ", i), Read: func(context.Context) float64 {
			v, err := r.External("edge_rps")
			if err != nil {
				return math.NaN()
			}
			return v.Value.AsApproximateFloat64()
		}})
	}
	tl := s.Record(append(columns, s.SpecReplicas("edge"))...)
	all := func(want float64) {
		s.Helper()
		for _, r := range replicas {
			s.Eventually(time.Minute, "the value of "+r.Name(), func() error { return shows(r, want) })
		}
	}
	const window = 11 * time.Second // of the metric, and a tick
	s.Wait(window)
	all(high)
	s.Eventually(cluster.Patience, "the HPA", func() error { return active(s, "edge") })
	gap(s, tl, replicas[0], replicas[1])
	s.Wait(window) // it loses what was replaced
	all(high)

	s.Cleanup(func() {
		if s.Failed() && s.ControlPlane.Err() != nil {
			_ = s.ControlPlane.StartAPIServer(context.Background()) // the next scenario says what is wrong
		}
	})
	tl.Mark("no API server")
	s.ControlPlane.StopAPIServer()
	serving := func() error {
		for _, r := range replicas {
			if err := shows(r, l.Rate()); err != nil {
				return err
			}
			if _, err := r.Raw("/readyz"); err != nil {
				return fmt.Errorf("%s: %w", r.Name(), err)
			}
		}
		return nil
	}
	s.Throughout(6*time.Second, "without an API server", serving)
	tl.Mark("less load")
	l.SetRate(low)
	all(low)
	s.Throughout(12*time.Second, "without an API server", serving)
	for _, r := range replicas {
		if log := logOf(s, r); !strings.Contains(log, "API server does not answer") {
			s.Errorf("%s does not say that the API server is away:\n%s", r.Name(), log)
		}
	}
	if err := s.ControlPlane.StartAPIServer(s.Context()); err != nil {
		s.Fatal(err)
	}
	tl.Mark("API server is back")
	// The controllers' watches may wait for half a minute and more before they try
	// again; anew, they do not.
	if err := s.ControlPlane.StartControllerManager(s.Context(), controlplane.FastHPA); err != nil {
		s.Fatal(err)
	}
	s.AwaitGaugeway()
	s.Eventually(time.Minute, "the value by way of the API server", func() error {
		v, err := s.External("edge_rps")
		if err == nil && (v < 0.9*low || v > 1.1*low) {
			err = fmt.Errorf("it is %g", v)
		}
		return err
	})
	s.Eventually(time.Minute, "the HPA", func() error { return active(s, "edge") })
	for _, r := range replicas {
		s.Eventually(time.Minute, r.Name()+" to say that the API server is back", func() error {
			if log := logOf(s, r); !strings.Contains(log, "API server answers again") {
				return fmt.Errorf("its log:\n%s", log)
			}
			return nil
		})
	}

	tl.Mark("rollout")
	pods := replace(s)
	for _, r := range replicas {
		s.Eventually(2*time.Minute, r.Name()+" to scrape the new pods", func() error { return scrapes(s, r, pods) })
	}
	tl.Mark("all know the new pods")
	all(low)
	for _, r := range replicas {
		if n := restarts(r.Pod); n > 0 {
			s.Errorf("%s was restarted %d times", r.Name(), n)
		}
	}
}

// gap replaces all pods while a replica is cut off: it misses what the API server
// says of that, and must find it out afterwards.
func gap(s *cluster.Scenario, tl *cluster.Timeline, cut, other *cluster.Replica) {
	s.Helper()
	tl.Mark("replica 0 is cut off, rollout")
	if err := cut.Cut(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		if err := cut.Mend(); err != nil {
			s.Error(err)
		}
	})
	after := replace(s)
	s.Eventually(cluster.Patience, "the replica that is not cut off to scrape the new pods", func() error { return scrapes(s, other, after) })
	tl.Mark("replica 0 is back")
	if err := cut.Mend(); err != nil {
		s.Fatal(err)
	}
	s.Eventually(2*time.Minute, "the replica that was cut off to scrape the new pods", func() error { return scrapes(s, cut, after) })
	tl.Mark("and knows the new pods")
}

// replace replaces all pods, and returns the new ones.
func replace(s *cluster.Scenario) (after []*node.Pod) {
	s.Helper()
	before := s.Pods("app=edge")
	s.Kubectl("rollout", "restart", "deployment", "edge")
	s.Eventually(2*time.Minute, "all pods to be replaced", func() error {
		if after = s.Pods("app=edge"); len(after) != len(before) {
			return fmt.Errorf("there are %d", len(after))
		}
		for _, p := range after {
			if slices.Contains(before, p) {
				return fmt.Errorf("%s is there", p.Name())
			}
		}
		return nil
	})
	return after
}

// scrapes checks that a replica's targets are these pods, and that all answer.
func scrapes(s *cluster.Scenario, r *cluster.Replica, pods []*node.Pod) error {
	metrics, err := r.Metrics()
	if err != nil {
		return err
	}
	want, got := map[string]float64{}, map[string]float64{}
	for _, p := range pods {
		want[fmt.Sprintf(`gaugeway_target_up{instance="%s:9113",namespace=%q,source="edge"}`, p.Address(), s.Namespace)] = 1
	}
	for name, v := range metrics {
		if strings.HasPrefix(name, "gaugeway_target_up{") && strings.Contains(name, fmt.Sprintf("namespace=%q", s.Namespace)) {
			got[name] = v
		}
	}
	if !maps.Equal(want, got) {
		return fmt.Errorf("its targets are %v, want %v", got, want)
	}
	return nil
}

// shows checks that a replica shows a rate, within 10 %, of samples that are
// new.
func shows(r *cluster.Replica, want float64) error {
	v, err := r.External("edge_rps")
	if err != nil {
		return fmt.Errorf("%s: %w", r.Name(), err)
	}
	if got := v.Value.AsApproximateFloat64(); got < 0.9*want || got > 1.1*want {
		return fmt.Errorf("%s shows %g, not %g", r.Name(), got, want)
	}
	if age := time.Since(v.Timestamp.Time); age > 6*time.Second {
		return fmt.Errorf("%s shows what was %v ago", r.Name(), age)
	}
	return nil
}

// active checks that an HPA computes.
func active(s *cluster.Scenario, hpa string) error {
	for _, c := range s.HPA(hpa).Status.Conditions {
		if c.Type == autoscalingv2.ScalingActive {
			if c.Status == corev1.ConditionTrue {
				return nil
			}
			return fmt.Errorf("%s: %s", c.Reason, c.Message)
		}
	}
	return fmt.Errorf("%s has not computed anything", hpa)
}

// logOf returns the end of a replica's log.
func logOf(s *cluster.Scenario, r *cluster.Replica) string {
	for log := range strings.SplitSeq(s.Node.Logs(r.Namespace(), 400), "--- ") {
		if path, text, _ := strings.Cut(log, "\n"); strings.Contains(path, r.Name()) {
			return text
		}
	}
	return ""
}
