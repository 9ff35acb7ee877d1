package scenarios_test

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/utils/ptr"

	"github.com/gaugeway/gaugeway/e2e/cluster"
)

// rollout lets all pods of a gateway fail their readiness at peak, while they
// serve and answer scrapes, and then replaces them all at constant load.
func rollout(s *cluster.Scenario) {
	s.InstallGaugeway()
	s.Apply(".")
	p := reachPeak(s, "edge")

	// Clients that do not look at readiness, a load balancer in front say, go on.
	s.AwaitEndpoints("anybody", peakReplicas)
	p.load.Swap(s.Load("anybody", peakRate)).SetRate(0)
	from := p.mark("nobody is ready")
	pods := s.Pods("app=edge")
	for _, pod := range pods {
		pod.HoldReadiness(ptr.To(false))
	}
	s.Eventually(cluster.Patience, "the Service to be without endpoints", func() error {
		if n := len(s.Node.Endpoints(s.Namespace, "edge")); n > 0 {
			return fmt.Errorf("it has %d", n)
		}
		return nil
	})
	p.hold(stabilisation+5*time.Second, "all pods fail their readiness")
	if err := p.values(s.External, 0.9, 1.1); err != nil {
		s.Error(err)
	}
	p.mark("all are ready")
	for _, pod := range pods {
		pod.HoldReadiness(nil)
	}
	s.AwaitReady(s.Namespace, "edge")
	s.AwaitEndpoints("edge", peakReplicas)
	p.load.Swap(s.Load("edge", peakRate)).SetRate(0)

	p.mark("rollout")
	s.Kubectl("rollout", "restart", "deployment", "edge")
	s.Eventually(time.Minute, "all pods to be replaced", func() error {
		now := s.Pods("app=edge")
		for _, pod := range now {
			if slices.Contains(pods, pod) {
				return fmt.Errorf("%s is there", pod.Name())
			}
		}
		if len(now) != len(pods) {
			return fmt.Errorf("there are %d", len(now))
		}
		return nil
	})
	p.mark("replaced")
	p.hold(12*time.Second, "the windows lose what was replaced")
	if err := p.values(s.External, 0.9, 1.1); err != nil {
		s.Error(err)
	}
	if tr := p.load.Load().Truth(time.Minute); tr.Failed+tr.Lost > 0 {
		s.Logf("requests that failed or were lost during the rollout: %+v", tr)
	}
	p.check(from)
}
