package engine

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/testr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/metric"
)

// A gateway is a server whose exposition the test writes.
type gateway struct {
	*httptest.Server
	mu   sync.Mutex
	body string
	code int
	hold chan struct{} // a request waits for it where it is not nil
}

func newGateway(t *testing.T) *gateway {
	g := &gateway{code: http.StatusOK}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		body, code, hold := g.body, g.code, g.hold
		g.mu.Unlock()
		if hold != nil {
			select {
			case <-hold:
			case <-r.Context().Done():
			}
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		w.WriteHeader(code)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(g.Close)
	return g
}

func (g *gateway) say(format string, args ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.body, g.code = fmt.Sprintf(format, args...), http.StatusOK
}

func (g *gateway) fail() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.code = http.StatusInternalServerError
}

// A rig is an engine whose ticks and clock the test moves.
type rig struct {
	t        *testing.T
	clock    *clocktesting.FakeClock
	board    *metric.Board
	registry *prometheus.Registry
	engine   *Engine
	sources  []*v1alpha1.GatewaySource
	metrics  []*v1alpha1.GatewayMetric
}

const interval = 5 * time.Second

func newRig(t *testing.T) *rig {
	r := &rig{
		t:        t,
		clock:    clocktesting.NewFakeClock(time.Unix(1_800_000_000, 0)),
		board:    &metric.Board{},
		registry: prometheus.NewRegistry(),
	}
	r.engine = New(Options{Board: r.board, Clock: r.clock, Registry: r.registry, Logger: testr.New(t)})
	return r
}

func (r *rig) source(name string, urls ...string) *v1alpha1.GatewaySource {
	src := &v1alpha1.GatewaySource{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "ns"}}
	src.Spec.Static = &v1alpha1.StaticTargets{URLs: urls}
	src.SetDefaults()
	r.sources = append(r.sources, src)
	return src
}

func (r *rig) metric(name string, kind v1alpha1.MetricType, lua string, sources ...string) *v1alpha1.GatewayMetric {
	m := &v1alpha1.GatewayMetric{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "ns"}}
	m.Spec.Lua, m.Spec.Type = lua, kind
	m.Spec.External = &v1alpha1.ExternalMetric{Name: name}
	for _, s := range sources {
		m.Spec.Sources = append(m.Spec.Sources, v1alpha1.SourceReference{Name: s})
	}
	m.SetDefaults()
	r.metrics = append(r.metrics, m)
	return m
}

func (r *rig) apply() {
	r.t.Helper()
	if err := r.engine.Apply(r.sources, r.metrics); err != nil {
		r.t.Fatal(err)
	}
}

// tick lets a source go through the pipeline now, and the clock on by an interval.
func (r *rig) tick(source string) {
	r.t.Helper()
	s := r.engine.sources[metric.Key{Namespace: "ns", Name: source}]
	s.tick(r.t.Context(), r.clock.Now())
	r.clock.Step(interval)
}

// round returns a round of a source that shares nothing with others.
func (r *rig) round(name string) *round {
	return newRound(r.engine.sources[metric.Key{Namespace: "ns", Name: name}], r.clock.Now().UnixMilli())
}

func (r *rig) result(name string) *metric.Result {
	r.t.Helper()
	e := r.board.External("ns", name)
	if e == nil || e.Latest() == nil {
		r.t.Fatalf("metric %s has no result", name)
	}
	return e.Latest()
}

func (r *rig) expect(name, want string) {
	r.t.Helper()
	if got := show(r.result(name)); got != want {
		r.t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
	}
}

// await returns once the condition holds; the test's own deadline ends what never does.
func await(t *testing.T, condition func() bool) {
	t.Helper()
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for !condition() {
		select {
		case <-poll.C:
		case <-t.Context().Done():
			t.Fatal("the test ended")
		}
	}
}

func TestFromScrapeToResult(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	g := newGateway(t)
	r.source("kong", g.URL)
	r.metric("rps", v1alpha1.TypeTotal, `rps(requests_total["30s"])`, "kong")
	r.metric("active", v1alpha1.TypeLevel, `sum(active, by("zone"))`, "kong")
	r.apply()
	start := r.clock.Now().UnixMilli()

	g.say("requests_total{code=\"200\"} 100\nactive{zone=\"a\"} 3\nactive{zone=\"b\"} 4\nignored 1\n")
	r.tick("kong")
	r.expect("active", `Fresh {zone="a"}=3 {zone="b"}=4`)
	if got := r.result("active"); got.Time != start || got.Covered != 1 || got.Expected != 1 || got.Window != 0 {
		t.Errorf("result %+v", got)
	}
	g.say("requests_total{code=\"200\"} 150\nactive{zone=\"a\"} 5\n")
	r.tick("kong")
	r.expect("rps", "Fresh {}=10")
	r.expect("active", `Fresh {zone="a"}=5`)
	if got := r.result("rps"); got.Time != start+5000 || got.Window != 30_000 {
		t.Errorf("result %+v", got)
	}
	err := testutil.GatherAndCompare(r.registry, strings.NewReader(`
		# HELP gaugeway_window_series Series kept because some program selects them.
		# TYPE gaugeway_window_series gauge
		gaugeway_window_series{namespace="ns",source="kong"} 3
		# HELP gaugeway_target_up 1 if the target's last scrape succeeded, else 0.
		# TYPE gaugeway_target_up gauge
		gaugeway_target_up{instance="`+strings.TrimPrefix(g.URL, "http://")+`",namespace="ns",source="kong"} 1
	`), "gaugeway_window_series", "gaugeway_target_up")
	if err != nil {
		t.Error(err)
	}
}

func TestSilentTargets(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a, b, c := newGateway(t), newGateway(t), newGateway(t)
	r.source("kong", a.URL, b.URL, c.URL)
	r.metric("total", v1alpha1.TypeTotal, `sum(active)`, "kong")
	r.metric("level", v1alpha1.TypeLevel, `max(active)`, "kong")
	r.apply()
	for _, g := range []*gateway{a, b, c} {
		g.say("active 10\n")
	}
	r.tick("kong")
	r.expect("total", "Fresh {}=30")

	c.fail()
	r.tick("kong")
	r.expect("total", "Fresh {}=30") // within two intervals nothing changes
	r.tick("kong")
	host := func(g *gateway) string { return strings.TrimPrefix(g.URL, "http://") }
	got := r.result("total")
	if got.State != metric.StatePartial || got.Items[0].Value*got.Scale != 30 || !strings.Contains(got.Reason, "2 of 3 targets answer: "+host(c)) {
		t.Errorf("one of three silent: %s", show(got))
	}
	if got := r.result("level"); got.State != metric.StatePartial || got.Items[0].Value != 10 {
		t.Errorf("one of three silent: %s", show(got))
	}

	b.fail()
	for range 3 {
		r.tick("kong")
	}
	got = r.result("total")
	if got.State != metric.StateMissing || !strings.HasPrefix(got.Reason, "1 of 3 targets answer, fewer than minCoveragePercent 50: ") {
		t.Errorf("two of three silent: %s", show(got))
	}
	b.say("active 10\n")
	c.say("active 10\n")
	r.tick("kong")
	r.expect("total", "Fresh {}=30") // no restart needed
}

func TestARolloutIsNotLostLoad(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const pods = 3
	src := r.source("kong")
	r.metric("rps", v1alpha1.TypeTotal, `rps(requests_total["30s"])`, "kong")

	// Three pods serve 100 requests a second each; every fourth tick one is
	// replaced by a new one that counts from 0.
	type pod struct {
		*gateway
		count float64
	}
	var live []*pod
	urls := func() {
		src.Spec.Static.URLs = nil
		for _, p := range live {
			src.Spec.Static.URLs = append(src.Spec.Static.URLs, p.URL)
		}
	}
	for range pods {
		live = append(live, &pod{gateway: newGateway(t)})
	}
	urls()
	r.apply()
	for tick := range 40 {
		if tick >= 16 && tick%4 == 0 && tick < 16+4*pods {
			live = append(live[1:], &pod{gateway: newGateway(t)})
			urls()
			r.apply()
		}
		for _, p := range live {
			p.say("requests_total %g\n", p.count)
		}
		r.tick("kong")
		for _, p := range live {
			p.count += 100 * interval.Seconds()
		}
		if tick < 2 {
			continue
		}
		if got := r.result("rps"); got.State != metric.StateFresh || math.Abs(got.Items[0].Value-300) > 30 {
			t.Errorf("tick %d: %s, want 300 within 10 %%", tick, show(got))
		}
	}
}

func TestATargetThatIsGoneIsForgotten(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a, b := newGateway(t), newGateway(t)
	src := r.source("kong", a.URL, b.URL)
	r.metric("active", v1alpha1.TypeTotal, `sum(active)`, "kong")
	r.apply()
	a.say("active 1\n")
	b.fail()
	r.tick("kong")
	if n := testutil.CollectAndCount(r.engine.metrics.up); n != 2 {
		t.Errorf("%d targets are said to be up or down, want 2", n)
	}
	src = src.DeepCopy()
	src.Spec.Static.URLs = src.Spec.Static.URLs[:1]
	r.sources[0] = src
	r.apply()
	r.tick("kong")
	if n := testutil.CollectAndCount(r.engine.metrics.up); n != 1 {
		t.Errorf("%d targets are said to be up or down, want 1", n)
	}
	r.expect("active", "Fresh {}=1")
}

func TestProgramsThatNeedAFullWindowWarmUp(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	g := newGateway(t)
	r.source("kong", g.URL)
	r.metric("rate", v1alpha1.TypeTotal, `sum(rate(requests_total["20s"]))`, "kong")
	r.apply()
	var states []metric.State
	for i := range 6 {
		g.say("requests_total %d\n", 100*i)
		r.tick("kong")
		states = append(states, r.result("rate").State)
	}
	want := []metric.State{metric.StateWarming, metric.StateWarming, metric.StateWarming, metric.StateFresh, metric.StateFresh, metric.StateFresh}
	if fmt.Sprint(states) != fmt.Sprint(want) {
		t.Errorf("states %v, want %v", states, want)
	}
	r.expect("rate", "Fresh {}=20")
}

func TestALateAnswerJoinsTheNextTick(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	fast, slow := newGateway(t), newGateway(t)
	r.source("kong", fast.URL, slow.URL)
	r.metric("total", v1alpha1.TypeLevel, `sum(active)`, "kong")
	r.apply()
	fast.say("active 1\n")
	slow.say("active 10\n")
	release := make(chan struct{})
	slow.hold = release
	s := r.engine.sources[metric.Key{Namespace: "ns", Name: "kong"}]
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.tick(t.Context(), r.clock.Now())
	}()
	await(t, func() bool {
		covered, _ := s.window.Coverage(r.clock.Now().UnixMilli())
		return covered == 1
	})
	r.clock.Step(interval / 5) // the fast one is in: the deadline passes
	<-done
	r.expect("total", "Partial {}=1 (1 of 2 targets answer)")
	close(release)
	slow.mu.Lock()
	slow.hold = nil
	slow.mu.Unlock()
	// The late answer was taken by the loop before it scraped again.
	await(t, func() bool { return len(s.answers) == 1 })
	r.tick("kong")
	r.expect("total", "Fresh {}=11")
}

func TestApplyLeavesWhatDidNotChange(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	g := newGateway(t)
	r.source("kong", g.URL)
	r.metric("rps", v1alpha1.TypeTotal, `rps(requests_total["30s"])`, "kong")
	r.apply()
	g.say("requests_total 100\n")
	r.tick("kong")
	g.say("requests_total 200\n")
	r.tick("kong")

	other := r.metric("other", v1alpha1.TypeLevel, `max(active)`, "kong")
	r.apply()
	r.expect("rps", "Fresh {}=20")
	if r.board.External("ns", "other").Latest() != nil {
		t.Error("a metric has an answer before its first evaluation")
	}
	g.say("requests_total 300\nactive 7\n")
	r.tick("kong")
	r.expect("rps", "Fresh {}=20")
	r.expect("other", "Fresh {}=7")

	other.Spec.Lua = `max(active) * 2`
	r.apply()
	r.tick("kong")
	r.expect("other", "Fresh {}=14")

	r.metrics = r.metrics[:1]
	r.apply()
	if r.board.External("ns", "other") != nil {
		t.Error("a removed metric is still declared")
	}
}

func TestABrokenUpdateKeepsTheLastGoodVersion(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	g := newGateway(t)
	g.say("active 7\n")
	r.source("kong", g.URL)
	m := r.metric("active", v1alpha1.TypeLevel, `max(active)`, "kong")
	r.apply()
	r.tick("kong")
	r.expect("active", "Fresh {}=7")

	broken := m.DeepCopy()
	broken.Spec.Lua = `max(active`
	err := r.engine.Apply(r.sources, []*v1alpha1.GatewayMetric{broken})
	if err == nil || !strings.Contains(err.Error(), "metric ns/active: spec.lua: ") {
		t.Errorf("error %v", err)
	}
	g.say("active 8\n")
	r.tick("kong")
	r.expect("active", "Fresh {}=8")
}

func TestTenancy(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	g := newGateway(t)
	g.say("active{service=\"checkout\"} 1\nactive{service=\"cart\"} 2\nactive{service=\"secret.cart\"} 40\nactive 80\n")
	src := r.source("kong", g.URL)
	m := r.metric("active", v1alpha1.TypeTotal, `sum(active)`, "kong")
	m.Namespace = "shop"
	m.Spec.Sources[0].Namespace = "ns"

	err := r.engine.Apply(r.sources, r.metrics)
	if err == nil || !strings.Contains(err.Error(), "GatewaySource ns/kong does not allow namespace shop: add it to spec.allowedNamespaces") {
		t.Errorf("error %v", err)
	}
	if r.board.External("shop", "active") != nil {
		t.Error("a metric over a source that does not allow it is declared")
	}
	src = src.DeepCopy()
	src.Spec.AllowedNamespaces = []v1alpha1.AllowedNamespace{{Name: "shop", Matchers: map[string][]string{"service": {"checkout", "cart"}}}}
	r.sources[0] = src
	r.apply()
	r.tick("kong")
	if got, want := show(r.board.External("shop", "active").Latest()), "Fresh {}=3"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAProgramRemembersWhatItReturned(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	g := newGateway(t)
	r.source("kong", g.URL)
	r.metric("active", v1alpha1.TypeLevel, `max(active)`, "kong")
	r.metric("peak", v1alpha1.TypeLevel, `max(max_over_time(metric"active"["1m"])) or 0`, "kong")
	r.apply()
	for _, v := range []int{5, 9, 2, 1} {
		g.say("active %d\n", v)
		r.tick("kong")
	}
	r.expect("active", "Fresh {}=1")
	r.expect("peak", "Fresh {}=9")
}

func TestReady(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	g := newGateway(t)
	ctx, cancel := context.WithCancel(t.Context())
	if err := r.engine.Ready(); err == nil {
		t.Error("ready without a configuration")
	}
	release := make(chan struct{})
	g.hold = release
	r.source("kong", g.URL)
	r.apply()
	ended := make(chan error)
	go func() { ended <- r.engine.Run(ctx) }()
	await(t, r.clock.HasWaiters)
	if err := r.engine.Ready(); err == nil || err.Error() != "waiting for the first 2 scrapes of ns/kong" {
		t.Errorf("not ready for %v", err)
	}
	if err := r.engine.Live(); err != nil {
		t.Error(err)
	}
	s := r.engine.sources[metric.Key{Namespace: "ns", Name: "kong"}]
	s.started -= (2 * time.Minute).Milliseconds()
	if err := r.engine.Live(); err == nil || err.Error() != "the loop of source ns/kong has made no progress for 2m0s" {
		t.Errorf("a loop that hangs in its first tick: %v", err)
	}
	close(release)
	await(t, func() bool { return s.ticks.Load() == 1 && r.clock.HasWaiters() })
	if err := r.engine.Ready(); err == nil {
		t.Error("ready before there can be a rate")
	}
	await(t, func() bool {
		if r.engine.Ready() != nil {
			r.clock.Step(time.Second)
		}
		return r.engine.Ready() == nil
	})
	if n := s.ticks.Load(); n != readyTicks {
		t.Errorf("ready after %d ticks", n)
	}
	// Else all replicas would leave the Service at once when a source is declared.
	r.source("late", g.URL)
	r.apply()
	if err := r.engine.Ready(); err != nil {
		t.Errorf("a source declared to a ready engine made it unready: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestRunTicksAtMultiplesOfTheInterval(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.clock.SetTime(time.Unix(1_800_000_000, 0).Add(1300 * time.Millisecond))
	g := newGateway(t)
	g.say("active 7\n")
	r.source("kong", g.URL)
	m := r.metric("active", v1alpha1.TypeLevel, `max(active)`, "kong")
	r.apply()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- r.engine.Run(ctx) }()

	s := r.engine.sources[metric.Key{Namespace: m.Namespace, Name: "kong"}]
	var at []int64
	await(t, func() bool {
		if tick := s.lastTick.Load() - 1_800_000_000_000; tick > 0 && (len(at) == 0 || at[len(at)-1] != tick) {
			at = append(at, tick)
		}
		if len(at) > 0 && r.clock.HasWaiters() {
			r.clock.Step(100 * time.Millisecond)
		}
		return len(at) == 3
	})
	if fmt.Sprint(at) != "[1300 5000 10000]" {
		t.Errorf("ticks at %v ms, want at the start and at multiples of 5 s", at)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A client_golang server answers with native histograms when it is asked for
// protobuf, and a percentile reads them.
func TestNativeHistogramsOverProtobuf(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	registry := prometheus.NewRegistry()
	latency := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "latency_seconds", NativeHistogramBucketFactor: 1.1})
	registry.MustRegister(latency)
	server := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	t.Cleanup(server.Close)

	src := r.source("gateway", server.URL)
	src.Spec.ScrapeProtocols = []v1alpha1.ScrapeProtocol{v1alpha1.PrometheusProto}
	r.metric("p50", v1alpha1.TypeLevel, `p50(latency_seconds["1m"])`, "gateway")
	r.apply()
	r.tick("gateway")
	for i := range 1000 {
		latency.Observe(float64(i) / 1000)
	}
	r.tick("gateway")
	got := r.result("p50")
	if got.State != metric.StateFresh || math.Abs(got.Items[0].Value-0.5) > 0.05 {
		t.Errorf("%s, want 0.5 within a bucket", show(got))
	}
}

// A program that never ends costs its budget, is named, rests after three
// times, and harms no other.
func TestARunawayProgram(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	g := newGateway(t)
	g.say("active 7\n")
	r.source("kong", g.URL)
	r.metric("aaa-runaway", v1alpha1.TypeLevel, "local n = sum(active)\nwhile true do n = n + 1 end\nreturn n", "kong")
	r.metric("good", v1alpha1.TypeLevel, `sum(active)`, "kong")
	r.apply()
	for range 3 {
		r.tick("kong")
		r.expect("good", "Fresh {}=7")
		if got := r.result("aaa-runaway"); got.State != metric.StateMissing || !strings.Contains(got.Reason, "used up its budget of steps") {
			t.Errorf("got %s", show(got))
		}
	}
	r.tick("kong")
	if got := r.result("aaa-runaway"); !strings.Contains(got.Reason, "exceeded its budget 3 times in a row and rests until") {
		t.Errorf("got %s", show(got))
	}
	if got := testutil.ToFloat64(r.engine.metrics.evaluateFail.WithLabelValues("ns", "aaa-runaway", "budget")); got != 3 {
		t.Errorf("%v budget failures were counted, want 3", got)
	}
	for range 13 {
		r.tick("kong")
	}
	if got := r.result("aaa-runaway"); !strings.Contains(got.Reason, "used up its budget of steps") {
		t.Errorf("after its rest: %s", show(got))
	}
}

// What was asked for before a program wanted more says nothing of the new
// series: they did not begin at 0.
func TestAnAnswerOnItsWayWhileWantsChange(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	g := newGateway(t)
	g.say("active 7\nrequests_total 1000000\n")
	r.source("kong", g.URL)
	r.metric("active", v1alpha1.TypeLevel, `max(active)`, "kong")
	r.apply()
	r.tick("kong")

	release := make(chan struct{})
	g.mu.Lock()
	g.hold = release
	g.mu.Unlock()
	s := r.engine.sources[metric.Key{Namespace: "ns", Name: "kong"}]
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.tick(t.Context(), r.clock.Now())
	}()
	await(t, r.clock.HasWaiters)
	r.metric("rps", v1alpha1.TypeTotal, `rps(requests_total["30s"])`, "kong")
	r.apply()
	g.mu.Lock()
	g.hold = nil
	g.mu.Unlock()
	close(release)
	await(t, func() bool { return len(s.answers) == 1 || isClosed(done) })
	r.clock.Step(interval)
	<-done
	r.tick("kong")
	g.say("active 7\nrequests_total 1000050\n")
	r.tick("kong")
	r.expect("rps", "Fresh {}=10")
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestTheClockGoesBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	fast, slow := newGateway(t), newGateway(t)
	r.source("kong", fast.URL, slow.URL)
	r.metric("rate", v1alpha1.TypeTotal, `sum(rate(requests_total["20s"]))`, "kong")
	r.metric("active", v1alpha1.TypeTotal, `sum(active)`, "kong")
	r.metric("peak", v1alpha1.TypeLevel, `max(max_over_time(metric"active"["1m"])) or 0`, "kong")
	r.apply()
	n := 0
	say := func() {
		n++
		fast.say("requests_total %d\nactive 1\n", 100*n)
		slow.say("requests_total %d\nactive 1\n", 100*n)
	}
	say()
	release := make(chan struct{})
	slow.hold = release
	s := r.engine.sources[metric.Key{Namespace: "ns", Name: "kong"}]
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.tick(t.Context(), r.clock.Now())
	}()
	await(t, func() bool {
		covered, _ := s.window.Coverage(r.clock.Now().UnixMilli())
		return covered == 1
	})
	r.clock.Step(interval / 5)
	<-done
	slow.mu.Lock()
	slow.hold = nil
	slow.mu.Unlock()
	close(release)
	await(t, func() bool { return len(s.answers) == 1 })

	r.clock.SetTime(r.clock.Now().Add(-time.Hour))
	for range 6 {
		say()
		r.tick("kong")
	}
	r.expect("active", "Fresh {}=2")
	r.expect("rate", "Fresh {}=40")
	r.expect("peak", "Fresh {}=2")
}

func TestTheLoopWaitsOneIntervalThoughTheClockGoesBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	g := newGateway(t)
	release := make(chan struct{})
	g.hold = release
	r.source("kong", g.URL)
	r.apply()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- r.engine.Run(ctx) }()
	await(t, r.clock.HasWaiters)
	r.clock.SetTime(r.clock.Now().Add(-time.Hour))
	s := r.engine.sources[metric.Key{Namespace: "ns", Name: "kong"}]
	close(release)
	await(t, func() bool { return s.lastTick.Load() != 0 && r.clock.HasWaiters() })
	first := s.lastTick.Load()
	await(t, func() bool {
		if r.clock.HasWaiters() {
			r.clock.Step(interval)
		}
		return s.lastTick.Load() != first || r.clock.Now().UnixMilli() > first-time.Minute.Milliseconds()
	})
	if s.lastTick.Load() == first {
		t.Error("the loop waits for the old time to come again")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestNothingIsSaidOfASourceThatEndsDuringItsTick(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	g := newGateway(t)
	g.hold = make(chan struct{})
	r.source("kong", g.URL)
	r.metric("active", v1alpha1.TypeTotal, `sum(active)`, "kong")
	r.apply()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- r.engine.Run(ctx) }()
	await(t, r.clock.HasWaiters)
	r.sources, r.metrics = nil, nil
	r.apply()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if n := testutil.CollectAndCount(r.engine.metrics.ticks) + testutil.CollectAndCount(r.engine.metrics.evaluateTime); n != 0 {
		t.Errorf("%d series of a source and a metric that are gone", n)
	}
}

// TestALateEvaluationChangesNothingOfTheNextProgram: one that began before its metric
// was removed, and ends when another metric has its name, or none.
func TestALateEvaluationChangesNothingOfTheNextProgram(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	g := newGateway(t)
	g.say("x 1\n")
	r.source("gw", g.URL)
	m := r.metric("m", "", "sum(x)", "gw")
	key := metric.Key{Namespace: "ns", Name: "m"}
	r.apply()
	r.tick("gw")
	removed := r.engine.programs[key]
	expect := func(want string) {
		t.Helper()
		if err := testutil.GatherAndCompare(r.registry, strings.NewReader(want), "gaugeway_evaluation_duration_seconds", "gaugeway_evaluation_failures_total"); err != nil {
			t.Error(err)
		}
	}
	evaluations := func(n int) string {
		return fmt.Sprintf(`
			# HELP gaugeway_evaluation_duration_seconds Time of evaluations.
			# TYPE gaugeway_evaluation_duration_seconds summary
			gaugeway_evaluation_duration_seconds_sum{metric="m",namespace="ns"} 0
			gaugeway_evaluation_duration_seconds_count{metric="m",namespace="ns"} %d
		`, n)
	}
	expect(evaluations(1))

	r.metrics = nil
	r.apply()
	r.metrics = []*v1alpha1.GatewayMetric{m}
	r.apply()
	r.tick("gw")
	removed.evaluate(r.round("gw"))
	r.tick("gw")
	expect(evaluations(2))

	failing := m.DeepCopy()
	failing.Spec.Lua = "return error('x')"
	var late []*program
	for _, next := range []*v1alpha1.GatewayMetric{failing, m, failing} {
		r.metrics = []*v1alpha1.GatewayMetric{next}
		r.apply()
		late = append(late, r.engine.programs[key])
	}
	r.metrics = nil
	r.apply()
	for _, p := range slices.Backward(late) {
		p.evaluate(r.round("gw"))
	}
	expect("")
}

func TestARevokedSourceIsNotReadAnyMore(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	g := newGateway(t)
	g.say("active{service=\"checkout\"} 1\nactive{service=\"cart\"} 2\n")
	src := r.source("kong", g.URL)
	allow := func(services ...string) {
		src = src.DeepCopy()
		src.Spec.AllowedNamespaces = []v1alpha1.AllowedNamespace{{Name: "shop", Matchers: map[string][]string{"service": services}}}
		r.sources[0] = src
	}
	m := r.metric("active", v1alpha1.TypeTotal, `sum(active)`, "kong")
	m.Namespace, m.Spec.Sources[0].Namespace = "shop", "ns"
	allow("checkout", "cart")
	r.apply()
	r.tick("kong")
	if got := show(r.board.External("shop", "active").Latest()); got != "Fresh {}=3" {
		t.Errorf("got %s", got)
	}
	allow("cart")
	r.apply()
	if got := r.board.External("shop", "active").Latest(); got != nil {
		t.Errorf("narrowed: %s is still the answer", show(got))
	}
	r.tick("kong")
	if got := show(r.board.External("shop", "active").Latest()); got != "Fresh {}=2" {
		t.Errorf("got %s", got)
	}
	src = src.DeepCopy()
	src.Spec.AllowedNamespaces = nil
	r.sources[0] = src
	if err := r.engine.Apply(r.sources, r.metrics); err == nil {
		t.Error("no error")
	}
	if r.board.External("shop", "active") != nil {
		t.Error("revoked, and still declared")
	}
}

// Sources that wait for one program do not take the place of others.
func TestWaitingForAProgramHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	g := newGateway(t)
	r.source("kong", g.URL)
	r.metric("busy", v1alpha1.TypeTotal, `sum(active)`, "kong")
	r.metric("other", v1alpha1.TypeTotal, `sum(active)`, "kong")
	r.apply()
	busy, other := r.engine.programs[metric.Key{Namespace: "ns", Name: "busy"}], r.engine.programs[metric.Key{Namespace: "ns", Name: "other"}]
	busy.mu.Lock()
	var waiting sync.WaitGroup
	for range cap(r.engine.evaluating) {
		waiting.Go(func() { busy.evaluate(r.round("kong")) })
	}
	done := make(chan struct{})
	time.AfterFunc(50*time.Millisecond, func() { // when those wait
		other.evaluate(r.round("kong"))
		close(done)
	})
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("held up")
	}
	busy.mu.Unlock()
	waiting.Wait()
	<-done
}

// A body that a parser cannot cope with harms its target alone.
func TestAParserThatPanics(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	g := newGateway(t)
	g.say("active 7\n")
	r.source("kong", g.URL)
	r.metric("active", v1alpha1.TypeTotal, `sum(active)`, "kong")
	r.apply()
	r.tick("kong")
	s := r.engine.sources[metric.Key{Namespace: "ns", Name: "kong"}]
	s.pollers[g.URL].parser = nil
	r.tick("kong")
	if got := strings.Join(s.failures(), "; "); !strings.Contains(got, "a defect of gaugeway") {
		t.Errorf("failures %q", got)
	}
	r.tick("kong")
	r.expect("active", "Fresh {}=7")
	if got := s.failures(); len(got) > 0 {
		t.Errorf("failures %q", got)
	}
}

// A group without observations holds its value; what is held is not remembered.
func TestWhatAGroupHoldsIsNotRemembered(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	g := newGateway(t)
	r.source("kong", g.URL)
	r.metric("latency", v1alpha1.TypeLevel, `p50(latency_bucket["10s"], by("zone"))`, "kong")
	r.metric("seen", v1alpha1.TypeLevel, `count_over_time(metric"latency"["20s"])`, "kong")
	r.apply()
	for i := range 8 {
		b := min(i, 2)
		g.say("latency_bucket{zone=\"a\",le=\"1\"} %d\nlatency_bucket{zone=\"a\",le=\"+Inf\"} %d\nlatency_bucket{zone=\"b\",le=\"1\"} %d\nlatency_bucket{zone=\"b\",le=\"+Inf\"} %d\n", i, i, b, b)
		r.tick("kong")
	}
	r.expect("latency", `Fresh {zone="a"}=0.5 {zone="b"}=0.5`)
	r.expect("seen", `Fresh {zone="a"}=3`)
}

// A metric that is new or says something else is not without an answer until the
// next multiple of the interval, which may be minutes away.
func TestANewMetricIsEvaluatedAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	g := newGateway(t)
	g.say("active 7\n")
	r.source("kong", g.URL)
	m := r.metric("active", v1alpha1.TypeLevel, `max(active)`, "kong")
	r.apply()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- r.engine.Run(ctx) }()
	answers := func(name string, want float64) {
		t.Helper()
		await(t, func() bool {
			result := r.board.External("ns", name).Latest()
			return result != nil && len(result.Items) == 1 && result.Items[0].Value == want
		})
	}
	answers("active", 7)

	changed := m.DeepCopy()
	changed.Spec.Lua = `max(active) * 2`
	r.metrics[0] = changed
	r.apply()
	answers("active", 14)
	r.metric("other", v1alpha1.TypeLevel, `min(active)`, "kong")
	r.apply()
	answers("other", 7)
	if now := r.clock.Now(); !now.Equal(time.Unix(1_800_000_000, 0)) {
		t.Errorf("the clock was moved to %v", now)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// Whoever changes a metric all the time does not have the targets scraped more
// often than once a second.
func TestEarlyTicksAreBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	g := newGateway(t)
	g.say("active 7\n")
	r.source("kong", g.URL)
	m := r.metric("active", v1alpha1.TypeLevel, `max(active)`, "kong")
	r.apply()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- r.engine.Run(ctx) }()
	answered := func() bool { return r.board.External("ns", "active").Latest() != nil }
	change := func(i int) {
		changed := m.DeepCopy()
		changed.Spec.Lua = fmt.Sprintf(`max(active) + %d`, i)
		r.metrics[0] = changed
		r.apply()
	}
	await(t, answered)
	for i := range earlyTicks {
		change(i)
		await(t, answered)
	}
	change(earlyTicks)
	settled := time.NewTimer(50 * time.Millisecond)
	<-settled.C
	if answered() {
		t.Error("one more tick came at once")
	}
	r.clock.Step(time.Second)
	await(t, answered)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// What a metric said of one source is neither its answer of another, nor held for it.
func TestAMetricOfAnotherSourceStartsAnew(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	one, other := newGateway(t), newGateway(t)
	one.say("active 7\n")
	other.fail()
	r.source("one", one.URL)
	r.source("other", other.URL)
	m := r.metric("active", v1alpha1.TypeLevel, `max(active)`, "one")
	m.Spec.Missing = &v1alpha1.Missing{Policy: v1alpha1.MissingHold, For: &metav1.Duration{Duration: time.Minute}}
	r.apply()
	r.tick("one")
	r.expect("active", "Fresh {}=7")

	changed := m.DeepCopy()
	changed.Spec.Sources = append(changed.Spec.Sources, v1alpha1.SourceReference{Name: "other", Namespace: "ns"})
	r.metrics[0] = changed
	r.apply()
	r.expect("active", "Fresh {}=7") // it still reads what it read

	changed = changed.DeepCopy()
	changed.Spec.Sources = changed.Spec.Sources[1:]
	r.metrics[0] = changed
	r.apply()
	if result := r.board.External("ns", "active").Latest(); result != nil {
		t.Errorf("it answers %s", show(result))
	}
	r.tick("other")
	if got := show(r.result("active")); !strings.HasPrefix(got, "Missing") {
		t.Errorf("it answers %s", got)
	}
}
