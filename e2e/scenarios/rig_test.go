package scenarios_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"k8s.io/utils/ptr"

	"github.com/gaugeway/gaugeway/e2e/cluster"
	"github.com/gaugeway/gaugeway/e2e/node"
)

// rig holds the rig itself to account: gateways count what the client sees, and
// what a scenario does to a pod happens.
func rig(s *cluster.Scenario) {
	// A gateway without a backend answers 502 as soon as it is ready.
	s.Apply("backends.yaml")
	s.AwaitEndpoints("backend", 2)
	s.Apply("gateways.yaml")
	for _, deployment := range []string{"nginx", "haproxy", "vllm"} {
		s.AwaitReady(s.Namespace, deployment)
	}
	s.AwaitEndpoints("nginx", 2)
	rigCounts(s, "nginx", 9113, "nginx_http_requests_total{")
	rigCounts(s, "haproxy", 8404, `haproxy_frontend_http_requests_total{proxy="edge"`)
	rigModels(s)
	rigFaults(s)
	rigScaling(s)
}

// rigCounts compares a gateway's counter with the client's.
func rigCounts(s *cluster.Scenario, app string, port int, series string) {
	l := s.Load(app, 100)
	s.Eventually(cluster.Patience, "answers of "+app, func() error {
		if tr := l.Truth(time.Minute); tr.Answers < 100 || tr.Failed+tr.Lost > 0 {
			return fmt.Errorf("%+v", tr)
		}
		return nil
	})
	l.SetRate(0)
	s.Eventually(cluster.Patience, app+" to have counted every answer", func() error {
		var counted float64
		for _, p := range s.Pods("app=" + app) {
			v, err := metric(s, p, port, series)
			if err != nil {
				return err
			}
			counted += v
		}
		if want := l.Truth(time.Hour).Answers; l.Running() > 0 || counted != float64(want) {
			return fmt.Errorf("%v counted, the client got %d", counted, want)
		}
		return nil
	})
}

// rigModels checks that the vLLM pods share the work that the test sets.
func rigModels(s *cluster.Scenario) {
	s.Node.SetVLLM(s.Namespace, node.VLLM{Waiting: 10, GenerationTokensPerSecond: 1000})
	for _, p := range s.Pods("app=vllm") {
		s.Eventually(cluster.Patience, "5 requests waiting at "+p.Name(), func() error {
			if got, err := metric(s, p, 8000, "vllm:num_requests_waiting{"); err != nil || got != 5 {
				return fmt.Errorf("got %v, %w", got, err)
			}
			return nil
		})
		s.Eventually(cluster.Patience, "tokens", func() error {
			if got, err := metric(s, p, 8000, "vllm:generation_tokens_total{"); err != nil || got < 100 {
				return fmt.Errorf("got %v, %w", got, err)
			}
			return nil
		})
	}
}

// rigFaults does to a gateway pod what scenarios do.
func rigFaults(s *cluster.Scenario) {
	pods := s.Pods("app=nginx")
	p := pods[0]
	scrape := func() error { _, err := metric(s, p, 9113, "nginx_http"); return err }
	silent := func() error {
		if scrape() == nil {
			return fmt.Errorf("%s answers", p.Name())
		}
		return nil
	}
	ready := func(want bool) func() error {
		return func() error {
			if n := len(s.Node.Endpoints(s.Namespace, "nginx")); p.Ready() != want || (n == 2) != want {
				return fmt.Errorf("ready: %v, %d endpoints", p.Ready(), n)
			}
			return nil
		}
	}

	if err := p.Cut(); err != nil {
		s.Fatal(err)
	}
	s.Throughout(2*time.Second, "a pod that is cut off is silent and ready", func() error {
		if err := ready(true)(); err != nil {
			return err
		}
		return silent()
	})
	if err := p.Mend(); err != nil {
		s.Fatal(err)
	}
	s.Eventually(cluster.Patience, "the pod to answer again", scrape)

	p.Pause()
	s.Eventually(cluster.Patience, "a paused pod to be unready", ready(false))
	if err := silent(); err != nil {
		s.Error(err)
	}
	p.Resume()
	s.Eventually(cluster.Patience, "the pod to be ready", ready(true))

	p.HoldReadiness(ptr.To(false))
	s.Eventually(cluster.Patience, "the pod to be unready", ready(false))
	s.Eventually(cluster.Patience, "an unready pod to answer", scrape)
	p.HoldReadiness(nil)
	s.Eventually(cluster.Patience, "the pod to be ready", ready(true))

	p.HoldDown(true)
	p.Kill()
	s.Eventually(cluster.Patience, "a killed pod to be unready", ready(false))
	p.HoldDown(false)
	s.Eventually(cluster.Patience, "the pod to be restarted", ready(true))
	s.Eventually(cluster.Patience, "the pod's status to say so", func() error {
		if n := p.Object().Status.ContainerStatuses[0].RestartCount; n != 1 {
			return fmt.Errorf("%d restarts, want 1", n)
		}
		return nil
	})
}

// rigScaling scales a Deployment out and in by kubectl.
func rigScaling(s *cluster.Scenario) {
	l := s.Load("nginx", 50)
	tl := s.Record(l.WantedRate(), l.TrueRate(time.Second), s.SpecReplicas("nginx"), s.ReadyReplicas("nginx"))
	tl.Mark("out")
	s.Kubectl("scale", "deployment", "nginx", "--replicas=6")
	s.AwaitReady(s.Namespace, "nginx")
	tl.Mark("in")
	s.Kubectl("scale", "deployment", "nginx", "--replicas=1")
	s.Eventually(cluster.Patience, "the pods to be gone", func() error {
		if n := len(s.Pods("app=nginx")); n != 1 {
			return fmt.Errorf("%d are there", n)
		}
		return nil
	})
	if tr := l.Truth(time.Minute); tr.Failed > 0 {
		s.Errorf("gateways that come and go fail requests: %+v", tr)
	}
}

// metric returns the sum of a pod's series that begin with a prefix.
func metric(s *cluster.Scenario, p *node.Pod, port int, prefix string) (float64, error) {
	ctx, cancel := context.WithTimeout(s.Context(), time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s:%d/metrics", p.Address(), port), nil)
	if err != nil {
		return 0, err
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("status %s", resp.Status)
	}
	var sum float64
	lines := bufio.NewScanner(io.LimitReader(resp.Body, 16<<20))
	for lines.Scan() {
		line := lines.Text()
		if !strings.HasPrefix(line, prefix) {
			continue
		}
		v, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		if err != nil {
			return 0, err
		}
		sum += v
	}
	return sum, lines.Err()
}
