package controller

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/config"
	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/provider"
)

// reporting returns a world with these objects, all in use, and its reporter.
func reporting(t *testing.T, objects ...client.Object) (*world, *Controller, *reporter) {
	t.Helper()
	w := newWorld(t, objects...)
	for _, o := range objects {
		switch o := o.(type) {
		case *v1alpha1.GatewayMetric:
			w.metrics = append(w.metrics, o)
		case *v1alpha1.GatewaySource:
			w.sources = append(w.sources, o)
		}
	}
	c := w.controller()
	w.configure(c)
	return w, c, w.reporter(c)
}

// passes makes a pass and checks which statuses it writes.
func (w *world) passes(r *reporter, want string) {
	w.t.Helper()
	r.pass(w.t.Context())
	if got := w.written(); got != want {
		w.t.Errorf("at %s: writes %q, want %q", w.clock.Now().Sub(start), got, want)
	}
}

func TestStatusIsWrittenWhereItMustBe(t *testing.T) {
	t.Parallel()
	const write = "patch load/status"
	w, c, r := reporting(t, newMetric("load"))

	w.passes(r, write) // accepted, not evaluated yet
	if s := w.metric("load").Status; s.State != "" || s.ObservedGeneration != 1 {
		t.Errorf("status %+v", s)
	}
	w.passes(r, "")
	w.answer("load", w.fresh(12))
	w.passes(r, write) // the first answer
	w.passes(r, "")
	before := w.metric("load")

	for range 29 { // values and times that move
		w.clock.Step(time.Second)
		w.answer("load", w.fresh(float64(w.clock.Now().Second())))
		w.passes(r, "")
	}
	w.clock.Step(time.Second)
	w.passes(r, write)
	after := w.metric("load")
	if after.Status.Value != "29" || !after.Status.SampleTime.Equal(&metav1.Time{Time: start.Add(29 * time.Second)}) {
		t.Errorf("value %s of %s", after.Status.Value, after.Status.SampleTime)
	}
	for i, b := range before.Status.Conditions {
		if a := after.Status.Conditions[i]; !a.LastTransitionTime.Equal(&b.LastTransitionTime) {
			t.Errorf("the transition time of %s moved from %s to %s", b.Type, b.LastTransitionTime, a.LastTransitionTime)
		}
	}

	w.clock.Step(time.Second)
	w.answer("load", w.missing("0 of 3 targets answer"))
	w.passes(r, write) // a transition: at once
	s := w.metric("load").Status
	fresh := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionFresh)
	if s.State != "Missing" || s.Value != "" || s.SampleTime != nil || !fresh.LastTransitionTime.Time.Equal(w.clock.Now()) {
		t.Errorf("status %+v", s)
	}
	w.answer("load", w.missing("1 of 3 targets answers"))
	w.clock.Step(time.Second)
	w.passes(r, "") // other words are no transition
	w.clock.Step(30 * time.Second)
	w.passes(r, write)
	w.clock.Step(time.Hour)
	w.passes(r, "") // nothing changed

	// A new version waits for the configuration to take it in.
	w.edit("load", "2")
	w.passes(r, "")
	w.metrics[0] = w.metric("load")
	w.configure(c)
	w.passes(r, write)
	if got, want := conditions(w.metric("load").Status.Conditions[:1]), "Accepted=True Accepted: in use @2"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	w.configure(c)
	w.passes(r, "")
}

func TestMetricStatus(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := func(state metric.State, reason string, result *metric.Result, values ...float64) provider.Answer {
		a := w.fresh(values...)
		a.State, a.Reason = state, reason
		if result != nil {
			result.Time = a.Result.Time
		}
		a.Result = result
		return a
	}
	for _, c := range []struct {
		name   string
		answer provider.Answer
		want   string // state|reason|value|has a sample time|coverage|fresh
	}{
		{"one element", w.fresh(0.25), "Fresh||250m|true|3/3|True"},
		{"several elements", w.fresh(12, 40, 20), "Fresh||3 items, 12 to 40|true|3/3|True"},
		{"no element", w.fresh(), "Fresh|||false|3/3|True"},
		{"more than can be told", w.fresh(1e300), "Fresh|||false|3/3|True"},
		{"partial", at(metric.StatePartial, "", &metric.Result{Reason: "a:80 is silent", Covered: 2, Expected: 3}, 7), "Partial|a:80 is silent|7|true|2/3|True"},
		{"idle", at(metric.StateIdle, "", &metric.Result{Reason: "no observations"}, 0), "Idle|no observations|0|true|0/0|True"},
		{"held", at(metric.StateHeld, "", &metric.Result{Reason: "held for 20s"}, 7), "Held|held for 20s|7|true|0/0|False"},
		{"substituted", at(metric.StateSubstituted, "", &metric.Result{Reason: "substituted"}, 7), "Substituted|substituted|7|true|0/0|False"},
		{"warming", at(metric.StateWarming, "the window is not filled", &metric.Result{}), "Warming|the window is not filled||false|0/0|False"},
		{"missing", w.missing("nothing answers"), "Missing|nothing answers||false|0/3|False"},
		{"an API without an answer", at(metric.StateMissing, "its element is NaN", &metric.Result{Covered: 3, Expected: 3}, 7), "Missing|its element is NaN|7|true|3/3|False"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, _, r := reporting(t, newMetric("load"))
			w.answer("load", c.answer)
			r.pass(t.Context())
			s := w.metric("load").Status
			fresh := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionFresh)
			got := fmt.Sprintf("%s|%s|%s|%t|%s|%s", s.State, s.Reason, s.Value, s.SampleTime != nil, s.Coverage, fresh.Status)
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if fresh.Reason != s.State || fresh.Message != s.Reason {
				t.Errorf("condition %s: %s", fresh.Reason, fresh.Message)
			}
		})
	}
}

func TestSourceStatus(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		targets *targets
		want    string // targets, conditions
	}{
		{"all answer", &targets{3, 3, nil}, "3/3 Fresh=True Scraping: every expected target answers @1"},
		{"one is another gateway", &targets{3, 3, []string{"a does not look like kong"}}, "3/3 Fresh=True OtherGateway: every expected target answers: a does not look like kong @1"},
		{"some answer", &targets{1, 3, []string{"b: timeout", "a: refused"}}, "1/3 Fresh=True Partial: 2 of 3 targets do not answer: a: refused; b: timeout @1"},
		{"none answers", &targets{0, 5, []string{"e", "d", "c", "b", "a"}}, "0/5 Fresh=False Silent: no target answers: a; b; c; and 2 more @1"},
		{"there are none", &targets{0, 0, []string{"no pod matches"}}, "0/0 Fresh=False NoTargets: no target is expected to answer: no pod matches @1"},
		{"a long failure", &targets{0, 1, []string{strings.Repeat("é", 300)}}, "0/1 Fresh=False Silent: no target answers: " + strings.Repeat("é", 98) + "… @1"},
		{"not scraped yet", nil, " "},
		// A reason that is not known yet would stand there until the next write.
		{"the first scrapes are on their way", &targets{0, 2, nil}, "0/2 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, _, r := reporting(t, newSource("kong"))
			if c.targets != nil {
				w.targets["kong"] = *c.targets
			}
			r.pass(t.Context())
			s := &v1alpha1.GatewaySource{}
			if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: "kong"}, s); err != nil {
				t.Fatal(err)
			}
			got := s.Status.Targets + " " + conditions(s.Status.Conditions[1:])
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if got := conditions(s.Status.Conditions[:1]); got != "Accepted=True Accepted: in use @1" {
				t.Error(got)
			}
		})
	}
}

func TestWhatHasNoResultForLong(t *testing.T) {
	t.Parallel()
	w, _, r := reporting(t, newMetric("load"), newSource("kong"))
	w.answer("load", provider.Answer{State: metric.StateMissing, Reason: "it has not been evaluated yet"})
	w.passes(r, "patch kong/status, patch load/status")
	w.clock.Step(grace - time.Second)
	w.passes(r, "")
	w.clock.Step(time.Second)
	w.passes(r, "patch kong/status, patch load/status")
	if s := w.metric("load").Status; s.State != "Missing" || s.Reason != "it has not been evaluated yet" {
		t.Errorf("status %+v", s)
	}
}

func TestAcceptedCondition(t *testing.T) {
	t.Parallel()
	fault := config.Finding{
		Object: "GatewayMetric/shop/load", Field: "spec.lua", Message: "line 2 of the text: unknown function p96",
		Cure: "did you mean p95?", Reason: v1alpha1.ReasonCompileError, Kept: true,
	}
	second := config.Finding{Object: fault.Object, Field: "spec.maxAge", Message: "is too short"}
	warning := config.Finding{Object: fault.Object, Field: "spec.lua", Line: 3, Column: 7, Message: "is summed up", Cure: "use Value", Warning: true}
	for _, c := range []struct {
		name     string
		findings []config.Finding
		inUse    int64 // the generation that is in use, of 2; 0 for none
		want     string
		// wantGood tells whether the version that goes on is kept in the status.
		wantGood bool
		state    string
	}{
		{name: "in use", inUse: 2, want: "Accepted=True Accepted: in use @2", state: "Fresh"},
		{
			name: "a warning", findings: []config.Finding{warning}, inUse: 2,
			want: "Accepted=True Accepted: in use; warning: spec.lua:3:7: is summed up; use Value @2", state: "Fresh",
		},
		{
			name: "broken", findings: []config.Finding{fault},
			want: "Accepted=False CompileError: spec.lua: line 2 of the text: unknown function p96; did you mean p95? @2", state: "Missing",
		},
		{
			name: "broken, an older version goes on", findings: []config.Finding{warning, fault, second}, inUse: 1,
			want:     "Accepted=False CompileError: spec.lua: line 2 of the text: unknown function p96; did you mean p95?; and 1 more findings (the last good version, generation 1, goes on) @2",
			wantGood: true, state: "Fresh",
		},
		{
			name: "broken, the version from the status goes on", findings: []config.Finding{fault}, inUse: 2,
			want:     "Accepted=False CompileError: spec.lua: line 2 of the text: unknown function p96; did you mean p95? (the last good version goes on) @2",
			wantGood: true, state: "Fresh",
		},
		{
			name: "a finding without a reason", findings: []config.Finding{second},
			want: "Accepted=False Invalid: spec.maxAge: is too short @2", state: "Missing",
		},
		{name: "not seen yet", inUse: 1, want: "", state: "Fresh"},
		{name: "not known at all", want: "", state: ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := newMetric("load")
			m.Generation, m.Spec.Lua = 2, "broken"
			w := newWorld(t, m)
			w.answer("load", w.fresh(1))
			ctl := w.controller()
			if c.inUse != 0 {
				used := m.DeepCopy()
				used.Generation, used.Spec.Lua = c.inUse, "good"
				w.metrics = append(w.metrics, used)
			}
			w.found = c.findings
			w.configure(ctl)
			r := w.reporter(ctl)
			r.pass(t.Context())
			s := w.metric("load").Status
			accepted := ""
			if a := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionAccepted); a != nil {
				accepted = conditions([]metav1.Condition{*a})
			}
			if accepted != c.want {
				t.Errorf("got  %s\nwant %s", accepted, c.want)
			}
			if s.State != c.state {
				t.Errorf("state %s (%s), want %s", s.State, s.Reason, c.state)
			}
			if good := s.LastGoodSpec != nil && strings.Contains(string(s.LastGoodSpec.Raw), `"lua":"good"`); good != c.wantGood {
				t.Errorf("last good spec %v", s.LastGoodSpec)
			}
			w.written()
			w.passes(r, "")

			// Corrected: nothing of it is left.
			w.edit("load", "good")
			w.metrics, w.found = []*v1alpha1.GatewayMetric{w.metric("load")}, nil
			w.configure(ctl)
			r.pass(t.Context())
			s = w.metric("load").Status
			if got := conditions(s.Conditions[:1]); !strings.HasSuffix(got, "Accepted: in use @3") && c.want != "" || s.LastGoodSpec != nil {
				t.Errorf("after the correction: %s, %v", got, s.LastGoodSpec)
			}
		})
	}
}

func TestFaultsAreThoseOfTheVersionThatWasSeen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, newMetric("load"))
	c := w.controller()
	w.found = []config.Finding{{Object: "GatewayMetric/shop/load", Message: "is wrong"}}
	w.configure(c)
	r := w.reporter(c)
	w.passes(r, "patch load/status")
	w.edit("load", "corrected")
	w.passes(r, "") // the configuration will see it in a moment
	w.clock.Step(settling)
	w.passes(r, "patch load/status") // it has, and still finds fault with it
	if got := w.metric("load").Status.ObservedGeneration; got != 2 {
		t.Errorf("observed generation %d", got)
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	w, c, r := reporting(t, newMetric("load"))
	step := func(want string) {
		t.Helper()
		w.clock.Step(time.Second)
		r.pass(t.Context())
		if d := cmp.Diff(want, w.events()); d != "" {
			t.Errorf("events (-want +got):\n%s", d)
		}
	}
	w.answer("load", w.fresh(1))
	step("") // accepted and fresh from the start
	w.answer("load", w.fresh(2))
	step("")
	w.answer("load", w.missing("nothing answers"))
	step("Warning Missing nothing answers")
	w.answer("load", w.missing("nothing answers at all"))
	step("")
	held := w.fresh(2)
	held.State, held.Result.Reason = metric.StateHeld, "held"
	w.answer("load", held)
	step("") // still without data
	w.answer("load", w.fresh(3))
	step("Normal Fresh it answers again")
	warming := w.missing("")
	warming.State = metric.StateWarming
	w.answer("load", warming)
	step("")
	w.answer("load", w.fresh(3))
	step("")

	w.edit("load", "bad")
	w.found = []config.Finding{{Object: "GatewayMetric/shop/load", Field: "spec.lua", Message: "is bad", Reason: v1alpha1.ReasonCompileError}}
	w.configure(c)
	step("Warning CompileError spec.lua: is bad (the last good version, generation 1, goes on)")
	step("")
	w.found[0].Message = "is worse"
	w.edit("load", "worse")
	w.configure(c)
	step("Warning CompileError spec.lua: is worse (the last good version, generation 1, goes on)")

	// Another leader says nothing that was said before.
	r = w.reporter(c)
	step("")
	w.edit("load", "good")
	w.metrics, w.found = []*v1alpha1.GatewayMetric{w.metric("load")}, nil
	w.configure(c)
	step("Normal Accepted in use")
}

func TestConflictsAreRetried(t *testing.T) {
	t.Parallel()
	w, _, r := reporting(t, newMetric("load"))
	old := w.metric("load")
	w.edit("load", "2") // the cache does not know it yet
	cache := &staleCache{Reader: w.client, metrics: []v1alpha1.GatewayMetric{*old}}
	r.o.Cache = cache
	w.passes(r, "patch load/status")
	if s := w.metric("load").Status; len(s.Conditions) != 0 {
		t.Errorf("an outdated status was written: %+v", s)
	}
	cache.metrics = nil
	w.answer("load", w.fresh(1))
	w.passes(r, "patch load/status")
	if s := w.metric("load").Status; s.Value != "1" {
		t.Errorf("status %+v", s)
	}
	if w.logged("cannot be written") != 0 {
		t.Error("a conflict is nothing to log")
	}
}

// A staleCache lists old versions of metrics for as long as it has some.
type staleCache struct {
	client.Reader
	metrics []v1alpha1.GatewayMetric
}

func (c *staleCache) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if l, ok := list.(*v1alpha1.GatewayMetricList); ok && c.metrics != nil {
		l.Items = c.metrics
		return nil
	}
	return c.Reader.List(ctx, list, opts...)
}

func TestStaleCacheCausesNoSecondWrite(t *testing.T) {
	t.Parallel()
	w, _, r := reporting(t, newMetric("load"))
	r.o.Cache = &staleCache{Reader: w.client, metrics: []v1alpha1.GatewayMetric{*w.metric("load")}}
	w.answer("load", w.fresh(1))
	w.passes(r, "patch load/status")
	w.passes(r, "")
	w.answer("load", w.missing("away"))
	w.passes(r, "patch load/status")
	w.passes(r, "")
	if s := w.metric("load").Status; s.State != "Missing" {
		t.Errorf("status %+v", s)
	}
	if got, want := w.events(), "Warning Missing away"; got != want {
		t.Errorf("events %q, want %q", got, want)
	}
}

func TestOneObjectDoesNotHoldUpAnother(t *testing.T) {
	t.Parallel()
	w, _, r := reporting(t, newMetric("good"), newMetric("refused"))
	w.answer("good", w.fresh(1))
	w.answer("refused", w.fresh(1))
	w.failing(func(_, name string) error {
		if name == "refused/status" {
			return apierrors.NewForbidden(schema.GroupResource{Resource: "gatewaymetrics"}, "refused", errors.New("no"))
		}
		return nil
	})
	w.passes(r, "patch good/status, patch refused/status")
	w.passes(r, "") // refused waits
	for range 10 {
		w.clock.Step(time.Minute)
		r.pass(t.Context())
	}
	if n := w.logged("cannot be written"); n != 1 {
		t.Errorf("logged %d times", n)
	}
	w.failing(func(string, string) error { return nil })
	w.clock.Step(time.Minute)
	r.pass(t.Context())
	if s := w.metric("refused").Status; s.Value != "1" {
		t.Errorf("status %+v", s)
	}
	if s := w.metric("good").Status; s.Value != "1" {
		t.Errorf("status %+v", s)
	}
}

func TestStatusesWaitWhileTheAPIServerIsAway(t *testing.T) {
	t.Parallel()
	var objects []client.Object
	for i := range 100 {
		objects = append(objects, newMetric(fmt.Sprintf("m%d", i)))
	}
	w, _, r := reporting(t, objects...)
	w.failing(func(string, string) error {
		return &url.Error{Op: "Patch", URL: "https://api", Err: errors.New("refused")}
	})
	for range 5 {
		if r.pass(t.Context()) {
			t.Error("the API server is away")
		}
	}
	if n := strings.Count(w.written(), "patch"); n > 5*writers {
		t.Errorf("%d requests to an API server that is away", n)
	}
	w.failing(func(string, string) error { return nil })
	if !r.pass(t.Context()) {
		t.Error("the API server is back")
	}
	if n := strings.Count(w.written(), "patch"); n != 100 {
		t.Errorf("%d statuses written, want 100", n)
	}
	for text, want := range map[string]int{"does not answer": 1, "answers again": 1, "cannot be written": 0} {
		if n := w.logged(text); n != want {
			t.Errorf("%q logged %d times, want %d", text, n, want)
		}
	}
}

func TestAThousandMetricsAreSpreadOverTime(t *testing.T) {
	t.Parallel()
	const n = 1000
	w := newWorld(t)
	var items []v1alpha1.GatewayMetric
	for i := range n {
		m := newMetric(fmt.Sprintf("metric-%d", i))
		m.ResourceVersion = "1"
		m.Status = v1alpha1.GatewayMetricStatus{ObservedGeneration: 1, State: "Fresh", Value: "1", Coverage: "3/3", Conditions: []metav1.Condition{
			{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAccepted, Message: "in use", ObservedGeneration: 1},
			{Type: v1alpha1.ConditionFresh, Status: metav1.ConditionTrue, Reason: "Fresh", ObservedGeneration: 1},
		}}
		items = append(items, *m)
		w.metrics = append(w.metrics, m)
	}
	writing := interceptor.NewClient(w.client, interceptor.Funcs{
		SubResourcePatch: func(_ context.Context, _ client.Client, _ string, o client.Object, _ client.Patch, _ ...client.SubResourcePatchOption) error {
			return w.request("patch", o.GetName())
		},
	})
	c := w.controller(func(o *Options) {
		o.Client, o.Cache = writing, &staleCache{Reader: w.client, metrics: items}
		o.Answer = func(*metric.Entry) provider.Answer { return w.fresh(float64(w.clock.Now().Unix())) }
	})
	w.configure(c)
	r := w.reporter(c)
	total, most := 0, 0
	for range 100 {
		r.pass(t.Context())
		count := 0
		if written := w.written(); written != "" {
			count = strings.Count(written, ",") + 1
		}
		total, most = total+count, max(most, count)
		w.clock.Step(time.Second)
	}
	if most > 50 || total < 2*n*9/10 || total > 2*n*11/10 {
		t.Errorf("%d writes in 100 s, up to %d in a second; want each metric every 50 s, evenly", total, most)
	}
}

func TestObjectsThatCannotBeListed(t *testing.T) {
	t.Parallel()
	w, _, r := reporting(t, newMetric("load"))
	r.o.Cache = interceptor.NewClient(w.client, interceptor.Funcs{
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
			return &meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: "gaugeway.dev", Kind: "GatewayMetric"}}
		},
	})
	for range 3 {
		w.passes(r, "")
	}
	if n := w.logged("Statuses cannot be written"); n != 1 {
		t.Errorf("logged %d times", n)
	}
}

// A status is text: what cannot be kept as such is not written again and again.
func TestBytesThatAreNoText(t *testing.T) {
	t.Parallel()
	w, c, r := reporting(t, newMetric("load"))
	w.metrics, w.found = nil, []config.Finding{{
		Object: "GatewayMetric/shop/load", Field: "spec.lua", Reason: v1alpha1.ReasonCompileError, Message: "the regular expression \"\xff[\" is malformed",
	}}
	w.configure(c)
	w.passes(r, "patch load/status")
	for range 3 {
		w.clock.Step(time.Second)
		w.passes(r, "")
	}
	if got, want := w.events(), "Warning CompileError spec.lua: the regular expression \"\ufffd[\" is malformed"; got != want {
		t.Errorf("events %q, want %q", got, want)
	}
}

// However many metrics change their state all the time, the API server is
// written to twenty times a second, and those that seldom do come first.
func TestFlappingIsNoStorm(t *testing.T) {
	t.Parallel()
	var objects []client.Object
	for i := range 100 {
		objects = append(objects, newMetric(fmt.Sprintf("flapping-%02d", i)))
	}
	w, _, r := reporting(t, append(objects, newMetric("steady"))...)
	flap := func() {
		for i := range 100 {
			answer := w.fresh(1)
			if w.clock.Now().Second()%2 == 0 {
				answer = w.missing("none of 3 targets answers")
			}
			w.answer(fmt.Sprintf("flapping-%02d", i), answer)
		}
	}
	flap()
	w.answer("steady", w.fresh(1))
	r.pass(t.Context())
	if n := strings.Count(w.written(), "patch"); n != 101 {
		t.Fatalf("%d statuses written at first, want all", n)
	}
	r.budget = 0 // as after a while of this
	for range 10 {
		w.clock.Step(time.Second)
		flap()
		r.pass(t.Context())
		if n := strings.Count(w.written(), "patch"); n > 20 {
			t.Errorf("%d statuses written in a second, want 20 at most", n)
		}
		w.events()
	}
	w.clock.Step(time.Second)
	flap()
	w.answer("steady", w.missing("none of 3 targets answers"))
	r.pass(t.Context())
	if !strings.Contains(w.written(), "patch steady/status") {
		t.Error("the one that seldom changes waits for the others")
	}
}
