package scenarios_test

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gaugeway/gaugeway/e2e/cluster"
	"github.com/gaugeway/gaugeway/e2e/node"
)

// replicas shows that it does not matter which of gaugeway's replicas answers,
// nor that one is killed.
func replicas(s *cluster.Scenario) {
	s.InstallGaugeway()
	s.Apply(".")
	s.AwaitReady(s.Namespace, "edge")
	s.AwaitReady(s.Namespace, "figures")
	l := s.Load("edge", 40)
	both := s.GaugewayReplicas()
	if len(both) != 2 {
		s.Fatalf("there are %d replicas", len(both))
	}
	sameSamples(s, both)
	sameRecording(s, s.Pods("app=edge")[0])
	steady(s, l, both)
	// More than a tenth, the HPA's tolerance, above what one pod less takes, so that
	// where the HPA stops on the way, it goes on; and as far below what the pods take.
	for i, step := range []struct {
		rate float64
		want int32
	}{{130, 3}, {235, 5}} {
		killed(s, l, both[i], step.rate, step.want)
	}
}

// steady compares what both replicas answer under steady load.
func steady(s *cluster.Scenario, l *cluster.Load, both []*cluster.Replica) {
	s.Helper()
	names := []string{"edge_rps", "edge_rate", "edge_p95_milliseconds"}
	value := func(r *cluster.Replica, name string) (float64, error) {
		v, err := r.External(name)
		return v.Value.AsApproximateFloat64(), err
	}
	for _, r := range both {
		s.Eventually(cluster.Patience, r.Name()+" to see the whole load", func() error {
			v, err := value(r, "edge_rate")
			if err == nil && math.Abs(v-l.Rate()) > 0.1*l.Rate() {
				err = fmt.Errorf("it is %g", v)
			}
			return err
		})
	}
	apart := map[string]float64{}
	s.Throughout(10*time.Second, "both answer the same within 5 %", func() error {
		for _, name := range names {
			a, err := value(both[0], name)
			if err != nil {
				return err
			}
			b, err := value(both[1], name)
			if err != nil {
				return err
			}
			d := math.Abs(a-b) / max(a, b)
			apart[name] = max(apart[name], d)
			if d > 0.05 {
				return fmt.Errorf("%s is %g of one and %g of the other replica", name, a, b)
			}
		}
		return nil
	})
	for _, name := range names {
		s.Logf("%s: the replicas were at most %.2g %% apart", name, 100*apart[name])
	}
}

// sameSamples gives both replicas the same samples, several times, and compares
// what they make of them to the last bit.
func sameSamples(s *cluster.Scenario, both []*cluster.Replica) {
	s.Helper()
	names := []string{"sum", "deviation", "quantile", "percentile"}
	values := func(r *cluster.Replica) (map[string]float64, error) {
		metrics, err := r.Metrics()
		if err != nil {
			return nil, err
		}
		v := map[string]float64{}
		for _, name := range append([]string{"edition"}, names...) {
			key := fmt.Sprintf(`gaugeway_metric_value{item="",metric=%q,namespace=%q}`, name, s.Namespace)
			if _, ok := metrics[key]; !ok {
				return nil, fmt.Errorf("%s has no %s", r.Name(), name)
			}
			v[name] = metrics[key]
		}
		return v, nil
	}
	last := map[string]float64{}
	for edition := range 4 {
		s.Node.SetExposition(s.Namespace, func(pod string) string { return figures(pod, edition+1) })
		var a, b map[string]float64
		equal := func() (err error) {
			if a, err = values(both[0]); err != nil {
				return err
			}
			if b, err = values(both[1]); err != nil {
				return err
			}
			for name := range a {
				if math.Float64bits(a[name]) != math.Float64bits(b[name]) {
					return fmt.Errorf("%s is %v of one and %v of the other replica", name, a[name], b[name])
				}
			}
			if a["edition"] != float64(edition+1) {
				return fmt.Errorf("this is edition %v", a["edition"])
			}
			for _, name := range names {
				if a[name] == last[name] {
					return fmt.Errorf("%s is that of the edition before", name)
				}
			}
			return nil
		}
		s.Eventually(cluster.Patience, "both replicas to have the new samples", equal)
		s.Throughout(2*time.Second, "both replicas make the same of the same samples", equal)
		s.Logf("edition %d, of both replicas: %v", edition+1, a)
		last = a
	}
}

// figures are numbers with many digits, others for each pod and edition: whoever
// adds them up in another order, or without care, gets another sum.
func figures(pod string, edition int) string {
	h := fnv.New64a()
	fmt.Fprint(h, pod, edition)
	r := rand.New(rand.NewPCG(h.Sum64(), 1))
	var b strings.Builder
	fmt.Fprintf(&b, "edition %d\n", edition)
	for i := range 40 {
		fmt.Fprintf(&b, "figure{i=\"%d\"} %v\n", i, r.NormFloat64()*math.Pow(10, float64(r.IntN(12)-4)))
	}
	sum := 0.0
	for _, le := range []string{"0.1", "0.7", "3", "+Inf"} {
		sum += r.Float64() * 100
		fmt.Fprintf(&b, "length_bucket{le=%q} %v\n", le, sum)
	}
	return b.String()
}

// sameRecording records what a gateway shows under load, and has two processes
// evaluate rates and percentiles of the recording: what they print is the same
// to the last digit. Replicas that scrape by themselves have no two samples of
// the same time, so this cannot be shown of them.
func sameRecording(s *cluster.Scenario, gateway *node.Pod) {
	s.Helper()
	dir := s.TempDir()
	var files []string
	for i := range 8 {
		at := time.Now()
		text, err := exposition(s, gateway)
		if err != nil {
			s.Fatal(err)
		}
		path := filepath.Join(dir, fmt.Sprint(i, ".prom"))
		if err := os.WriteFile(path, text, 0o644); err != nil {
			s.Fatal(err)
		}
		files = append(files, "--file", fmt.Sprintf("%s@%.3f", path, float64(at.UnixMilli())/1000))
		s.Wait(time.Until(at.Add(time.Second)))
	}
	for _, expression := range []string{
		`rps(nginx_http_requests_total["5s"])`,
		`rate(nginx_http_requests_total["6s"])`,
		`p95(nginx_http_request_duration_seconds["6s"])`,
		`sum(rate(nginx_http_request_duration_seconds_sum["6s"])) / sum(rate(nginx_http_request_duration_seconds_count["6s"]))`,
	} {
		var printed [2]string
		for i := range printed {
			cmd := exec.CommandContext(s.Context(), os.Getenv(cluster.GaugewayVariable), append([]string{"eval", "-o", "json", "-e", expression}, files...)...)
			b, err := cmd.CombinedOutput()
			if err != nil {
				s.Fatalf("gaugeway eval: %v: %s", err, b)
			}
			printed[i] = string(b)
		}
		if printed[0] != printed[1] || !strings.Contains(printed[0], "value") {
			s.Errorf("%s: one process prints %s, the other %s", expression, printed[0], printed[1])
		}
		s.Logf("%s of a recording, by both processes: %s", expression, strings.Join(strings.Fields(printed[0]), " "))
	}
}

// exposition is what a gateway pod shows.
func exposition(s *cluster.Scenario, p *node.Pod) ([]byte, error) {
	ctx, cancel := context.WithTimeout(s.Context(), cluster.Patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s:9113/metrics", p.Address()), nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return io.ReadAll(response.Body)
}

// killed kills a replica as soon as the HPA has begun to scale out, and brings it
// back when the HPA is done.
func killed(s *cluster.Scenario, l *cluster.Load, r *cluster.Replica, rate float64, want int32) {
	s.Helper()
	s.Cleanup(func() { r.HoldDown(false) })
	tl := s.Record(l.WantedRate(), l.TrueRate(time.Second), s.ExternalValue("edge_rps"), s.Desired("edge"), s.SpecReplicas("edge"), s.ReadyReplicas("edge"))
	s.Eventually(cluster.Patience, "the HPA", func() error { return active(s, "edge") })
	before, begin := s.Replicas("edge"), failures(s)
	watch := watchErrors(s, "edge")

	tl.Mark("more load")
	l.SetRate(rate)
	s.Eventually(cluster.Patience, "the HPA to scale out", func() error {
		if now := s.Replicas("edge"); now <= before {
			return fmt.Errorf("there are %d replicas", now)
		}
		return nil
	})
	if now := s.Replicas("edge"); now >= want {
		s.Fatalf("the HPA is done already, with %d replicas", now)
	}
	tl.Mark("killed")
	r.HoldDown(true)
	r.Kill()
	s.AwaitReplicas(time.Minute, "edge", want)
	tl.Mark("scaled out")
	s.Throughout(5*time.Second, "with one replica of gaugeway", func() error {
		if n := s.Replicas("edge"); n != want {
			return fmt.Errorf("there are %d replicas", n)
		}
		return nil
	})
	tl.Mark("brought back")
	r.HoldDown(false)
	s.AwaitGaugeway()
	s.Throughout(2*time.Second, "with both", func() error { return active(s, "edge") })

	spans, failed := watch(), failures(s)-begin
	s.Logf("%s was killed: %d syncs of the HPA failed, for %v", r.Name(), failed, spans)
	for _, span := range spans {
		if span >= 2*time.Second {
			s.Errorf("the HPA had an error for %v, which is longer than one sync", span)
		}
	}
	// Each sync that fails is an event. Where each is a span of its own, the next
	// sync has always mended it.
	if failed > len(spans) {
		s.Errorf("%d syncs of the HPA failed in %d spans: some in a row", failed, len(spans))
	}
	if n := restarts(r.Pod); n != 1 {
		s.Errorf("%s was restarted %d times", r.Name(), n)
	}
}

// failures counts the syncs of the HPA that have failed.
func failures(s *cluster.Scenario) int {
	s.Helper()
	events, err := s.Client.CoreV1().Events(s.Namespace).List(s.Context(), metav1.ListOptions{FieldSelector: "reason=FailedComputeMetricsReplicas"})
	if err != nil {
		s.Fatal(err)
	}
	n := 0
	for _, e := range events.Items {
		n += int(max(e.Count, 1))
	}
	return n
}

// watchErrors watches an HPA until the function that it returns is called, which
// returns how long it had no values, each time.
func watchErrors(s *cluster.Scenario, hpa string) (stop func() []time.Duration) {
	s.Helper()
	ctx, cancel := context.WithCancel(s.Context())
	w, err := s.Client.AutoscalingV2().HorizontalPodAutoscalers(s.Namespace).Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + hpa})
	if err != nil {
		cancel()
		s.Fatal(err)
	}
	var spans []time.Duration
	var done sync.WaitGroup
	done.Go(func() {
		var since time.Time
		end := func() {
			if !since.IsZero() {
				spans = append(spans, time.Since(since).Round(10*time.Millisecond))
			}
			since = time.Time{}
		}
		defer end()
		for event := range w.ResultChan() {
			object, ok := event.Object.(*autoscalingv2.HorizontalPodAutoscaler)
			if !ok {
				continue
			}
			for _, c := range object.Status.Conditions {
				switch {
				case c.Type != autoscalingv2.ScalingActive:
				case c.Status == corev1.ConditionTrue:
					end()
				case since.IsZero():
					since = time.Now()
				}
			}
		}
	})
	return func() []time.Duration {
		w.Stop()
		cancel()
		done.Wait()
		return spans
	}
}
