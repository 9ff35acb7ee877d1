package engine

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/script"
)

// Two sources whose ticks evaluate the same metrics at the same time share what
// these select, and disturb each other in nothing.
func TestSourcesOfOneMetricTickAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	gateways := map[string]*gateway{"a": newGateway(t), "b": newGateway(t)}
	for name, g := range gateways {
		r.source(name, g.URL)
	}
	for i := range 4 {
		r.metric(fmt.Sprint("both-", i), v1alpha1.TypeTotal, `sum(requests_total, by("code"))`, "a", "b")
		r.metric(fmt.Sprint("rps-", i), v1alpha1.TypeTotal, `rps(requests_total{code="200"}["30s"])`, "a", "b")
	}
	r.apply()
	for round := range 20 {
		for name, g := range gateways {
			body := fmt.Sprintf("requests_total{code=\"200\"} %d\n", 50*round)
			if round%5 == len(name) { // a series comes and goes
				body += "requests_total{code=\"500\"} 1\n"
			}
			g.say("%s", body)
		}
		var ticks sync.WaitGroup
		for name := range gateways {
			s := r.engine.sources[metric.Key{Namespace: "ns", Name: name}]
			ticks.Go(func() { s.tick(t.Context(), r.clock.Now()) })
		}
		ticks.Wait()
		r.tickBoth()
		for i := range 4 {
			if round > 0 {
				r.expect(fmt.Sprint("rps-", i), "Fresh {}=20")
			}
		}
		r.clock.Step(interval)
	}
}

// tickBoth evaluates once more with what both sources have taken in.
func (r *rig) tickBoth() {
	for _, name := range []string{"a", "b"} {
		s := r.engine.sources[metric.Key{Namespace: "ns", Name: name}]
		s.evaluate(s.programs)
	}
}

// All metrics of a tick are evaluated at one time, and what several of them need
// is computed once.
func TestATickIsOneTime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	g := newGateway(t)
	r.source("kong", g.URL)
	for i := range 3 {
		r.metric(fmt.Sprint("rps-", i), v1alpha1.TypeTotal, `rps(requests_total["30s"])`, "kong")
		r.metric(fmt.Sprint("by-code-", i), v1alpha1.TypeTotal, `rps(requests_total["30s"], by("code"))`, "kong")
	}
	r.apply()
	s := r.engine.sources[metric.Key{Namespace: "ns", Name: "kong"}]
	before := 0
	for round := range 5 {
		g.say("requests_total{code=\"200\"} %d\n", 50*round)
		r.tick("kong")
		for i := range 3 {
			if got, want := r.result(fmt.Sprint("by-code-", i)).Evaluated, r.result("rps-0").Evaluated; got != want {
				t.Errorf("evaluated at %d and %d", got, want)
			}
		}
		shared := 0
		for _, m := range s.rounds.memos {
			shared += m.Shared()
		}
		// Two of three times each sum was there, and for one of the two the rates.
		if want := map[bool]int{true: 0, false: 5}[round == 0]; shared-before != want {
			t.Errorf("round %d: %d values were shared, not %d", round, shared-before, want)
		}
		before = shared
	}
}

// Metrics share an interpreter where they are of one namespace and see the same
// series of one source.
func TestTenantsShareNoInterpreter(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	g := newGateway(t)
	kong, nginx := r.source("kong", g.URL), r.source("nginx", g.URL)
	kong.Spec.AllowedNamespaces = []v1alpha1.AllowedNamespace{{Name: "shop"}, {Name: "bank"}, {Name: "mill", Matchers: map[string][]string{"service": {"mill"}}}}
	nginx.Spec.AllowedNamespaces = []v1alpha1.AllowedNamespace{{Name: "shop"}}
	add := func(namespace, name string, sources ...string) {
		m := r.metric(name, v1alpha1.TypeTotal, `sum(active)`, sources...)
		m.Namespace = namespace
		for i := range m.Spec.Sources {
			m.Spec.Sources[i].Namespace = "ns"
		}
	}
	for _, n := range []string{"1", "2"} {
		add("shop", "kong-"+n, "kong")
		add("shop", "nginx-"+n, "nginx")
		add("shop", "both-"+n, "kong", "nginx")
		add("bank", "kong-"+n, "kong")
		add("mill", "kong-"+n, "kong")
	}
	r.apply()
	of := func(namespace, name string) *script.Interpreter {
		return r.engine.programs[metric.Key{Namespace: namespace, Name: name}].runsIn
	}
	distinct := map[*script.Interpreter]bool{}
	for _, m := range [][2]string{{"shop", "kong-"}, {"shop", "nginx-"}, {"bank", "kong-"}, {"mill", "kong-"}} {
		one, two := of(m[0], m[1]+"1"), of(m[0], m[1]+"2")
		if one == nil || one != two {
			t.Errorf("metrics %v do not share", m)
		}
		distinct[one] = true
	}
	if len(distinct) != 4 {
		t.Errorf("%d interpreters of 4 tenants and sources", len(distinct))
	}
	if of("shop", "both-1") != nil {
		t.Error("a metric of two sources shares an interpreter")
	}

	mill := of("mill", "kong-1")
	kong = kong.DeepCopy()
	kong.Spec.AllowedNamespaces[2].Matchers["service"][0] = "saw"
	r.sources[0] = kong
	r.metrics = slices.DeleteFunc(r.metrics, func(m *v1alpha1.GatewayMetric) bool { return m.Namespace == "bank" })
	r.apply()
	if got := of("mill", "kong-1"); got == mill || got != of("mill", "kong-2") {
		t.Error("what sees other series runs where it did")
	}
	if n := len(r.engine.interpreters); n != 3 {
		t.Errorf("%d interpreters are kept, not 3", n)
	}
}

// Metrics that share an interpreter come, change, are renamed and go while it
// runs, and some of them spoil it each time: the others give what they gave, and
// neither the evaluations nor Apply wait for each other for ever.
func TestMetricsChangeWhileTheirInterpreterRuns(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.engine.limits.TableEntries = 50
	g := newGateway(t)
	r.source("kong", g.URL)
	g.say("active{pod=\"a\"} 3\nactive{pod=\"b\"} 4\n")
	for i := range 4 {
		r.metric(fmt.Sprint("stays-", i), v1alpha1.TypeTotal, fmt.Sprintf(`sum(active) + %d`, i), "kong")
	}
	r.metric("mine", v1alpha1.TypeTotal, `(scalar(self) or 0) * 0 + 1`, "kong")
	stay := len(r.metrics)
	r.apply()
	r.tick("kong")
	s := r.engine.sources[metric.Key{Namespace: "ns", Name: "kong"}]

	ctx, cancel := context.WithCancel(t.Context())
	var ticks sync.WaitGroup
	ticks.Go(func() {
		for ctx.Err() == nil {
			s.tick(t.Context(), r.clock.Now())
		}
	})
	stop := func() { cancel(); ticks.Wait() }
	defer stop()
	for i := range 40 {
		r.metrics = r.metrics[:stay:stay]
		r.metric("changes", v1alpha1.TypeTotal, fmt.Sprintf(`sum(active) * %d`, i), "kong")
		r.metric(fmt.Sprint("renamed-", i), v1alpha1.TypeTotal, `sum(active) * 2`, "kong")
		r.metric("grows", v1alpha1.TypeTotal, fmt.Sprintf(`local n = %d for i = 1, 1e9 do n = n + i end return n`, i), "kong")
		r.metric("spoils", v1alpha1.TypeTotal, fmt.Sprintf(`#table.pack(string.byte(string.rep("x", %d), 1, -1))`, 60+i), "kong")
		r.apply()
		for n := range 4 {
			r.expect(fmt.Sprint("stays-", n), fmt.Sprintf("Fresh {}=%d", 7+n))
		}
	}
	stop()
	r.tick("kong")
	r.expect("changes", "Fresh {}=273")
	r.expect("renamed-39", "Fresh {}=14")
	r.expect("mine", "Fresh {}=1")
	if n := len(r.engine.interpreters); n != 1 {
		t.Errorf("%d interpreters are kept, not 1", n)
	}
}
