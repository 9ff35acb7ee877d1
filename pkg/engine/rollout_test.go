package engine

import (
	"fmt"
	"math"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/discover"
	"github.com/gaugeway/gaugeway/pkg/metric"
)

// A fleet is the pods of a gateway, as discovery shows them and as they answer.
type fleet struct {
	t    *testing.T
	rig  *rig
	mu   sync.Mutex
	pods []*pod
	said []string // Problems
	made int
}

// A pod is a gateway with counters of its own.
type pod struct {
	*gateway
	metric.Target
	requests, active float64
	fast, slow       float64 // of the requests, below 100 ms and up to 200 ms
	away             bool    // it does not answer
}

var _ discover.Discoverer = (*fleet)(nil)

// Targets implements discover.Discoverer.
func (f *fleet) Targets() []metric.Target {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []metric.Target
	for _, p := range f.pods {
		out = append(out, p.Target)
	}
	return out
}

// Problems says what keeps others from being found.
func (f *fleet) Problems() []string { return f.said }

// newFleet returns a rig whose source kong has so many pods that are Ready, and
// metrics of each kind.
func newFleet(t *testing.T, pods int) *fleet {
	f := &fleet{t: t, rig: newRig(t)}
	f.rig.engine.discover = func(*v1alpha1.GatewaySource) (discover.Discoverer, error) { return f, nil }
	for range pods {
		f.add().Expected = true
	}
	src := f.rig.source("kong")
	src.Spec.Static = nil
	src.Spec.Pods = &v1alpha1.PodTargets{Selector: metav1.LabelSelector{MatchLabels: map[string]string{"app": "kong"}}}
	f.rig.metric("rps", v1alpha1.TypeTotal, `rps(requests_total["30s"])`, "kong")
	f.rig.metric("rate", v1alpha1.TypeTotal, `sum(rate(requests_total["30s"]))`, "kong")
	f.rig.metric("active", v1alpha1.TypeTotal, `sum(active)`, "kong")
	f.rig.metric("p95", v1alpha1.TypeLevel, `p95(latency_seconds["30s"])`, "kong")
	m := f.rig.metric("each", v1alpha1.TypeTotal, `rps(requests_total["30s"], by("pod"))`, "kong")
	m.Spec.External, m.Spec.Pods = nil, &v1alpha1.PodsMetric{Name: "each"}
	f.rig.apply()
	return f
}

// add adds a pod that was never Ready.
func (f *fleet) add() *pod {
	g := newGateway(f.t)
	name := fmt.Sprintf("kong-%d", f.made)
	p := &pod{gateway: g, Target: metric.Target{ID: "uid-" + name, URL: g.URL, Labels: labels.FromStrings(
		metric.LabelInstance, strings.TrimPrefix(g.URL, "http://"), metric.LabelNamespace, "ns", metric.LabelPod, name, metric.LabelSource, "kong",
	)}}
	f.made++
	f.pods = append(f.pods, p)
	return p
}

// remove deletes a pod's object.
func (f *fleet) remove(p *pod) {
	f.pods = slices.DeleteFunc(f.pods, func(q *pod) bool { return p == q })
}

// tick scrapes the fleet, and then lets it serve for an interval: in all,
// perSecond requests a second, shared by those given, and as many connections.
func (f *fleet) tick(perSecond float64, by ...*pod) {
	f.t.Helper()
	for _, p := range f.pods {
		if p.away {
			p.fail()
			continue
		}
		all := p.fast + p.slow
		p.say("requests_total %g\nactive %g\nlatency_seconds_bucket{le=\"0.1\"} %g\nlatency_seconds_bucket{le=\"0.2\"} %g\nlatency_seconds_bucket{le=\"+Inf\"} %g\n",
			p.requests, p.active, p.fast, all, all)
	}
	f.rig.tick("kong")
	for _, p := range f.pods {
		p.active = 0
	}
	share := perSecond / float64(len(by))
	for _, p := range by {
		n := share * interval.Seconds()
		p.requests, p.fast, p.slow, p.active = p.requests+n, p.fast+0.9*n, p.slow+0.1*n, share
	}
}

// value returns what External answers, and the state.
func (f *fleet) value(name string) (float64, metric.State) {
	f.t.Helper()
	r := f.rig.result(name)
	sum := 0.0
	for _, i := range r.Items {
		sum += i.Value * r.Scale
	}
	return sum, r.State
}

// expect checks that a metric is Fresh and within some percent below and above.
func (f *fleet) expect(at, name string, want, below, above float64) {
	f.t.Helper()
	got, state := f.value(name)
	if state != metric.StateFresh || got < want*(1-below/100) || got > want*(1+above/100) {
		f.t.Errorf("%s: %s is %g, %s, not %g; %s", at, name, got, state, want, f.rig.result(name).Reason)
	}
}

// load checks that all metrics show 300 requests a second.
func (f *fleet) load(at string) {
	f.t.Helper()
	f.expect(at, "rps", 300, 1, 10)
	f.expect(at, "rate", 300, 15, 10)
	f.expect(at, "active", 300, 1, 1)
	f.expect(at, "p95", 0.15, 5, 5)
}

// warm lets the windows fill.
func (f *fleet) warm() {
	f.t.Helper()
	for range 8 {
		f.tick(300, f.pods...)
	}
	f.load("before")
}

// Each pod is replaced by one that comes up beside it. The old one drains for two
// intervals, stops answering, and its object goes two intervals later.
func TestARolloutWithSurgeIsNotLostLoad(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 3)
	f.warm()
	serving := slices.Clone(f.pods)
	for round := range 3 {
		at := func(step string) string { return fmt.Sprintf("round %d, %s", round, step) }
		fresh, old := f.add(), serving[0]
		fresh.away = true // it does not listen yet
		f.tick(300, serving...)
		f.load(at("starting"))
		fresh.away = false
		f.tick(300, serving...)
		f.load(at("answering"))
		fresh.Expected = true
		serving = append(serving[1:], fresh)
		old.Terminating = true
		for range 2 {
			f.tick(300, serving...)
			f.load(at("draining"))
		}
		old.away = true
		for range 2 {
			f.tick(300, serving...)
			f.load(at("silent"))
		}
		f.remove(old)
		f.tick(300, serving...)
		f.load(at("gone"))
	}
	status, ok := f.rig.engine.Source(metric.Key{Namespace: "ns", Name: "kong"})
	if got := fmt.Sprint(status, ok); got != "{3 3 3 [] []} true" {
		t.Errorf("the source is %s", got)
	}
}

// All pods are replaced at once, at constant load. What is off by an interval is
// off for all of them: rps upwards, and rate, as PromQL defines it, by as much
// downwards where the last interval of the old ones was never scraped.
func TestAllPodsReplacedAtOnce(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 3)
	f.warm()
	old := slices.Clone(f.pods)
	var fresh []*pod
	for range 3 {
		p := f.add()
		p.Expected = true
		fresh = append(fresh, p)
	}
	f.tick(300, fresh...)
	f.load("both answer")
	for _, p := range old {
		p.Terminating, p.away = true, true
	}
	for i := range 8 {
		f.tick(300, fresh...)
		at := fmt.Sprintf("%d after", i)
		f.expect(at, "rps", 300, 1, 20)
		f.expect(at, "rate", 300, 20, 20)
		f.expect(at, "active", 300, 1, 1)
		f.expect(at, "p95", 0.15, 5, 5)
		if i == 3 {
			for _, p := range old {
				f.remove(p)
			}
		}
	}
}

func TestPodsThatAreNotReadyButAnswerCount(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 3)
	f.warm()
	for i := range 10 {
		// That they are not Ready shows in nothing that discovery says of pods that
		// once were; that one more never was Ready and serves all the same adds up.
		if i == 2 {
			f.add()
		}
		f.tick(300, f.pods...)
		f.load(fmt.Sprintf("tick %d", i))
	}
	if s, _ := f.rig.engine.Source(metric.Key{Namespace: "ns", Name: "kong"}); s.Targets != 4 || s.Expected != 3 || s.Covered != 3 {
		t.Errorf("the source is %+v", s)
	}
}

func TestPodsThatJoinAndAnswerLateDoNotMultiplyTheLoad(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2)
	f.warm()
	old := slices.Clone(f.pods)
	for range 2 {
		p := f.add()
		p.Expected, p.away = true, true
	}
	f.tick(300, old...)
	f.load("the new ones have not answered yet")
	for _, p := range f.pods {
		p.away = false
	}
	for i := range 8 {
		f.tick(300, f.pods...)
		if i > 0 { // at the first they serve what they have shown nothing of
			f.load(fmt.Sprintf("%d after", i))
		}
	}
}

func TestHalfOfThePodsSilentIsNotHalfTheLoad(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 4)
	f.warm()
	f.pods[0].away, f.pods[1].away = true, true
	for i := range 12 {
		f.tick(300, f.pods...)
		at := fmt.Sprintf("tick %d", i)
		for _, name := range []string{"rps", "rate", "active"} {
			got, state := f.value(name)
			if state != metric.StateFresh && state != metric.StatePartial || got < 255 || got > 330 {
				t.Errorf("%s: %s is %g, %s", at, name, got, state)
			}
		}
		if i < 2 {
			continue
		}
		r := f.rig.result("rps")
		if r.State != metric.StatePartial || r.Scale != 2 || r.PodScale != 1 || !strings.HasPrefix(r.Reason, "2 of 4 targets answer: ") {
			t.Errorf("%s: %s", at, show(r))
		}
		each := f.rig.board.Custom("ns", metric.CustomName{Resource: metric.ResourcePods, Name: "each"}).Latest()
		if len(each.Items) != 2 || each.PodScale != 1 || math.Abs(each.Items[0].Value-75) > 1 {
			t.Errorf("%s: by pod: %s", at, show(each))
		}
	}
	f.pods[0].away, f.pods[1].away = false, false
	for i := range 8 {
		// rate would read half of it until the windows of the two are filled.
		f.tick(300, f.pods...)
		f.expect("recovered", "rps", 300, 1, 10)
		f.expect("recovered", "active", 300, 1, 1)
		got, state := f.value("rate")
		if want := i >= 5; got < 255 || got > 330 || state == metric.StateFresh != want {
			t.Errorf("%d after: rate is %g, %s", i, got, show(f.rig.result("rate")))
		}
	}
	f.load("recovered")
}

func TestAllPodsSilentIsNoAnswerAndNeedsNoRestart(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 3)
	f.warm()
	for _, p := range f.pods {
		p.away = true
	}
	for i := range 12 {
		f.tick(300, f.pods...)
		for _, name := range []string{"rps", "rate", "active", "p95"} {
			r := f.rig.result(name)
			switch got, state := f.value(name); {
			case i >= 1 && (state != metric.StateMissing || len(r.Items) > 0 || !strings.HasPrefix(r.Reason, "none of 3 targets answers: ")):
				t.Errorf("tick %d: %s is %s", i, name, show(r))
			case i < 1 && name != "p95" && (state == metric.StateMissing || got < 255):
				t.Errorf("tick %d: %s is %s", i, name, show(r))
			}
		}
	}
	for _, p := range f.pods {
		p.away = false
	}
	for i := range 8 {
		f.tick(300, f.pods...)
		at := fmt.Sprintf("%d after", i)
		f.expect(at, "rps", 300, 1, 10)
		f.expect(at, "active", 300, 1, 1)
		f.expect(at, "p95", 0.15, 5, 5)
		if i < 5 {
			want := fmt.Sprintf("Warming (3 of 3 targets were silent, and their windows are not filled again yet: %ds to go)", 23-5*i)
			if got := show(f.rig.result("rate")); got != want {
				t.Errorf("%s: rate is\n%s, want\n%s", at, got, want)
			}
			continue
		}
		f.expect(at, "rate", 300, 15, 10)
	}
}

// A pod whose object goes without a word takes its instants with it, and what it
// counted until it was last scraped stays in the windows.
func TestAPodDeletedAbruptlyIsNotLostLoad(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 3)
	f.warm()
	f.remove(f.pods[0])
	for i := range 8 {
		// Its connections are made anew with the others.
		for _, p := range f.pods {
			p.active = 150
		}
		f.tick(300, f.pods...)
		at := fmt.Sprintf("tick %d", i)
		f.expect(at, "rps", 300, 6, 10)
		f.expect(at, "rate", 300, 15, 10)
		f.expect(at, "active", 300, 1, 1)
		f.expect(at, "p95", 0.15, 5, 5)
	}
}

// A terminating pod is back if it answers again before it is gone.
func TestATerminatingPodThatAnswersAgainIsBack(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2)
	f.warm()
	flapping := f.pods[0]
	flapping.Terminating = true
	for i := range 8 {
		flapping.away = i%2 == 0
		f.tick(300, f.pods...)
		want := 300.0
		if flapping.away {
			want = 150
		}
		f.expect(fmt.Sprintf("tick %d", i), "active", want, 1, 1)
		f.expect(fmt.Sprintf("tick %d", i), "rps", 300, 1, 10)
	}
}

// What keeps targets from being scraped is said, and a pod without an address is
// one that is missing.
func TestSourceSaysWhyTargetsAreMissing(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2)
	f.said = []string{"pod ns/kong-9 is not scraped: it has no port status"}
	f.pods[0].URL = ""
	starting := f.add()
	starting.away = true
	key := metric.Key{Namespace: "ns", Name: "kong"}
	f.tick(300, f.pods[1])
	instance := func(p *pod) string { return p.Labels.Get(metric.LabelInstance) }
	want := fmt.Sprint(SourceStatus{Targets: 3, Covered: 1, Expected: 2, Failures: []string{
		instance(f.pods[0]) + ": the pod has no address to be scraped at",
		f.said[0],
		instance(starting) + ": status 500 Internal Server Error: see the target's log (its pod was never Ready)",
	}})
	if got, ok := f.rig.engine.Source(key); !ok || fmt.Sprint(got) != want {
		t.Errorf("got  %v\nwant %s", got, want)
	}
	if got := f.rig.result("active"); got.Scale != 2 || !strings.Contains(got.Reason, "1 of 2 targets answer: "+instance(f.pods[0])+": the pod has no address") {
		t.Errorf("got %s", show(got))
	}
	f.pods = nil
	f.tick(300)
	f.rig.expect("active", "Missing (its sources have no targets: "+f.said[0]+")")
	if _, ok := f.rig.engine.Source(metric.Key{Namespace: "ns", Name: "none"}); ok {
		t.Error("there is no such source")
	}
}

// A connection that is refused is silence like any other.
func TestATerminatingPodThatRefusesConnections(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2)
	f.warm()
	f.pods[0].Terminating = true
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.pods[0].URL = "http://" + listener.Addr().String()
	listener.Close()
	f.tick(300, f.pods[1])
	if s, _ := f.rig.engine.Source(metric.Key{Namespace: "ns", Name: "kong"}); fmt.Sprint(s) != "{1 1 1 [] []}" {
		t.Errorf("the source is %v", s)
	}
}

// Targets that were silent answer again one after the other: none of them is new,
// and none of their load is.
func TestPodsThatAnswerAgainOneAfterTheOther(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 4)
	f.warm()
	for _, p := range f.pods {
		p.away = true
	}
	for range 12 {
		f.tick(300, f.pods...)
	}
	for i := range 12 {
		if i < len(f.pods) {
			f.pods[i].away = false
		}
		f.tick(300, f.pods...)
		if i == 0 {
			continue // one of four is too few
		}
		if got, state := f.value("rps"); got < 297 || got > 303 {
			t.Errorf("%d after: rps is %g, %s", i, got, state)
		}
	}
}
