package engine

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/preset"
	"github.com/gaugeway/gaugeway/pkg/vocabulary"
)

// testPreset returns a preset of a gateway whose names begin with its own.
func testPreset(name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `return {
  name = %[1]q, title = "The %[1]s gateway", versions = {"1"}, older = "version 0: %[1]s_old_total", facts = {"https://example.com"},
  enable = "statistics on", signature = {"%[1]s_up"},
  metrics = {requests_per_second = {labels = {service = "svc"}, value = function(where, window, by)
    return coalesce(rps(%[1]s_requests_total{where}[window], by), rps(%[1]s_old_total{where}[window], by))
  end}},
  unavailable = {
`, name)
	for _, m := range vocabulary.Names()[1:] {
		fmt.Fprintf(&b, "    %s = \"not counted\",\n", m)
	}
	return b.String() + "  },\n}\n"
}

// newPresetRig returns a rig whose engine knows the presets red and blue.
func newPresetRig(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	set, findings, err := preset.LoadSet(fstest.MapFS{
		"red/preset.lua":  {Data: []byte(testPreset("red"))},
		"blue/preset.lua": {Data: []byte(testPreset("blue"))},
	}, "")
	if err != nil || len(findings) > 0 {
		t.Fatalf("presets: %v %v", findings, err)
	}
	r.engine.UsePresets(set)
	return r
}

func (r *rig) ofPreset(name string, p v1alpha1.PresetMetric, sources ...string) {
	r.metric(name, "", "", sources...)
	m := r.metrics[len(r.metrics)-1]
	m.Spec.Preset = &p
	m.SetDefaults()
}

// TestSwitchingGatewaysChangesOneWord: the metric stays as it is, and reads what
// the preset of its source says.
func TestSwitchingGatewaysChangesOneWord(t *testing.T) {
	t.Parallel()
	r := newPresetRig(t)
	g := newGateway(t)
	src := r.source("gw", g.URL)
	src.Spec.Preset = "red"
	r.ofPreset("rps", v1alpha1.PresetMetric{Metric: "requests_per_second", Labels: map[string]string{"service": "a"}}, "gw")
	r.metric("lua", v1alpha1.TypeTotal, `gateway.requests_per_second{service="a"} * 2`, "gw")
	r.apply()
	scrapes := func() {
		for i := range 2 {
			g.say("red_up 1\nred_requests_total{svc=\"a\"} %d\nblue_up 1\nblue_requests_total{svc=\"a\"} %d\n", 10*i, 20*i)
			r.tick("gw")
		}
	}
	scrapes()
	r.expect("rps", "Fresh {}=2")
	r.expect("lua", "Fresh {}=4")

	next := src.DeepCopy()
	next.Spec.Preset = "blue"
	r.sources = []*v1alpha1.GatewaySource{next}
	r.apply()
	scrapes()
	r.expect("rps", "Fresh {}=4")
	r.expect("lua", "Fresh {}=8")
}

// TestPresetsThatChange: programs that use a preset are compiled with the one that
// is in use now, and one that does not compile goes on.
func TestPresetsThatChange(t *testing.T) {
	t.Parallel()
	r := newPresetRig(t)
	g := newGateway(t)
	src := r.source("gw", g.URL)
	src.Spec.Preset = "red"
	r.ofPreset("rps", v1alpha1.PresetMetric{Metric: "requests_per_second"}, "gw")
	r.metric("up", v1alpha1.TypeTotal, "sum(red_up)", "gw")
	r.apply()
	total := 0
	scrapes := func() {
		for i := range 2 {
			g.say("red_up 1\nred_requests_total{svc=\"a\"} %d\n", total+10*i)
			r.tick("gw")
		}
		total += 20
	}
	scrapes()
	r.expect("rps", "Fresh {}=2")
	up := r.engine.programs[metric.Key{Namespace: "ns", Name: "up"}]
	changed := func(from, to string) {
		t.Helper()
		set, findings, err := preset.LoadSet(fstest.MapFS{
			"red/preset.lua": {Data: []byte(strings.ReplaceAll(testPreset("red"), from, to))},
		}, "")
		if err != nil || len(findings) > 0 {
			t.Fatalf("presets: %v %v", findings, err)
		}
		r.engine.UsePresets(set)
	}
	changed("return coalesce", "return 10 * coalesce")
	r.apply()
	scrapes()
	r.expect("rps", "Fresh {}=20")
	if r.engine.programs[up.key] != up {
		t.Error("a program that uses no preset was compiled anew")
	}

	r.engine.UsePresets(nil)
	if err := r.engine.Apply(r.sources, r.metrics); err == nil {
		t.Error("a metric of a preset that is gone is applied")
	}
	scrapes()
	r.expect("rps", "Fresh {}=20")
}

// TestAWrongPresetSaysWhichGatewayItIs: of the endpoint that is another gateway,
// and not of those that are right, and until it is corrected.
func TestAWrongPresetSaysWhichGatewayItIs(t *testing.T) {
	t.Parallel()
	r := newPresetRig(t)
	right, wrong := newGateway(t), newGateway(t)
	right.say("red_up 1\nred_requests_total 1\n")
	wrong.say("blue_up 1\nblue_requests_total 1\n")
	src := r.source("gw", wrong.URL)
	src.Spec.Preset = "red"
	r.ofPreset("rps", v1alpha1.PresetMetric{Metric: "requests_per_second"}, "gw")
	r.apply()
	r.tick("gw")
	r.tick("gw")
	instance := strings.TrimPrefix(wrong.URL, "http://")
	says := instance + " does not look like red: it looks like blue (blue_up); write preset: blue"
	doubts := func() string {
		t.Helper()
		status, _ := r.engine.Source(metric.Key{Namespace: "ns", Name: "gw"})
		return strings.Join(status.Doubts, "\n")
	}
	if got := doubts(); got != says {
		t.Errorf("doubts:\n%s\nwant\n%s", got, says)
	}
	r.expect("rps", "Missing (its expression has no data: "+says+
		"; gateway.requests_per_second found none of red_requests_total, red_old_total (tested with The red gateway 1); it needs: statistics on)")

	// One that is right beside it.
	both := src.DeepCopy()
	both.Spec.Static.URLs = []string{right.URL, wrong.URL}
	r.sources = []*v1alpha1.GatewaySource{both}
	r.apply()
	r.tick("gw")
	r.tick("gw")
	if got := doubts(); got != says {
		t.Errorf("doubts:\n%s\nwant\n%s", got, says)
	}

	// Corrected.
	corrected := src.DeepCopy()
	corrected.Spec.Preset = "blue"
	r.sources = []*v1alpha1.GatewaySource{corrected}
	r.apply()
	r.tick("gw")
	r.tick("gw")
	if got := doubts(); got != "" {
		t.Errorf("doubts after the correction: %s", got)
	}
	r.expect("rps", "Fresh {}=0")

	// No preset at all: nothing is expected.
	none := src.DeepCopy()
	none.Spec.Preset = ""
	r.sources, r.metrics = []*v1alpha1.GatewaySource{none}, nil
	r.apply()
	r.tick("gw")
	if got := doubts(); got != "" {
		t.Errorf("doubts without a preset: %s", got)
	}
}

// TestABodyThatCannotBeReadSaysWhichGatewayItIs: the failure of the scrape tells.
func TestABodyThatCannotBeReadSaysWhichGatewayItIs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	set, findings, err := preset.LoadSet(fstest.MapFS{
		"red/preset.lua":    {Data: []byte(testPreset("red"))},
		"nginxx/preset.lua": {Data: []byte(strings.ReplaceAll(strings.Replace(testPreset("nginxx"), "facts =", `format = "StubStatus", facts =`, 1), "nginxx_up", "nginx_connections_active"))},
	}, "")
	if err != nil || len(findings) > 0 {
		t.Fatalf("presets: %v %v", findings, err)
	}
	r.engine.UsePresets(set)
	g := newGateway(t)
	g.say("Active connections: 2 \nserver accepts handled requests\n 3 3 4 \nReading: 0 Writing: 1 Waiting: 1 \n")
	src := r.source("gw", g.URL)
	src.Spec.Preset = "red"
	r.apply()
	r.tick("gw")
	s, _ := r.engine.Source(metric.Key{Namespace: "ns", Name: "gw"})
	want := strings.TrimPrefix(g.URL, "http://") + ": the body cannot be read: it does not look like red: it looks like nginxx (nginx_connections_active); write preset: nginxx (this is nginx's stub_status: choose the format StubStatus)"
	if got := strings.Join(s.Failures, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestWhatLooksLikeNothing: an endpoint of which no preset knows anything, and
// one that has shown nothing yet.
func TestWhatLooksLikeNothing(t *testing.T) {
	t.Parallel()
	r := newPresetRig(t)
	g := newGateway(t)
	src := r.source("gw", g.URL)
	src.Spec.Preset = "red"
	r.apply()
	g.say("")
	r.tick("gw")
	status := func() string {
		s, _ := r.engine.Source(metric.Key{Namespace: "ns", Name: "gw"})
		return strings.Join(s.Doubts, "\n")
	}
	if got := status(); got != "" {
		t.Errorf("an endpoint that shows nothing: %s", got)
	}
	g.say("up 1\n")
	r.tick("gw")
	want := strings.TrimPrefix(g.URL, "http://") + " does not look like red, which shows one of red_up; compare the URL, the port and the path with what the gateway has"
	if got := status(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	g.say("up 1\nred_up 1\n")
	r.tick("gw")
	if got := status(); got != "" {
		t.Errorf("after it has shown itself: %s", got)
	}
}

// TestTargetsThatShareWhatTheyKnow: parsers that share layouts do not ask again,
// and are not taken for another gateway.
func TestTargetsThatShareWhatTheyKnow(t *testing.T) {
	t.Parallel()
	r := newPresetRig(t)
	var urls []string
	for range 8 {
		g := newGateway(t)
		g.say("red_up 1\nred_requests_total 1\n")
		urls = append(urls, g.URL)
	}
	src := r.source("gw", urls[:4]...)
	src.Spec.Preset = "red"
	r.apply()
	for range 15 { // until the layout is shared
		r.tick("gw")
	}
	more := src.DeepCopy()
	more.Spec.Static.URLs = urls
	r.sources = []*v1alpha1.GatewaySource{more}
	r.apply()
	for range 15 {
		r.tick("gw")
	}
	if s, _ := r.engine.Source(metric.Key{Namespace: "ns", Name: "gw"}); len(s.Doubts) > 0 {
		t.Errorf("doubts: %v", s.Doubts)
	}
}

// TestAWrongLabelSaysWhatThereIs: the status names values, as long as the program
// may see all that the source has.
func TestAWrongLabelSaysWhatThereIs(t *testing.T) {
	t.Parallel()
	r := newPresetRig(t)
	g := newGateway(t)
	g.say("red_up 1\nred_requests_total{svc=\"google\"} 1\n")
	src := r.source("gw", g.URL)
	src.Spec.Preset = "red"
	r.ofPreset("rps", v1alpha1.PresetMetric{Metric: "requests_per_second", Labels: map[string]string{"service": "checkout"}}, "gw")
	r.metric("mine", "", `sum(red_requests_total{svc="cart"})`, "gw")
	r.metric("all", "", `sum(red_requests_total)`, "gw")
	r.apply()
	for range 15 { // until what targets show is known
		r.tick("gw")
	}
	r.expect("rps", `Missing (its expression has no data: gateway.requests_per_second found red_requests_total, but no service "checkout"; there are: google)`)
	r.expect("mine", `Missing (its expression has no data: no series matches red_requests_total{svc="cart"} (no svc "cart"; there are: google))`)
	r.expect("all", "Fresh {}=1")
	// While nothing new is seen, it is not explained anew.
	explained := func() *explanation { return &r.engine.programs[metric.Key{Namespace: "ns", Name: "mine"}].explained }
	before := &explained().selectors[0]
	r.tick("gw")
	if &explained().selectors[0] != before {
		t.Error("the same was explained again")
	}

	g.say("red_up 1\nred_requests_total{svc=\"google\"} 1\nred_requests_total{svc=\"shop\"} 1\n")
	r.tick("gw")
	r.expect("rps", `Missing (its expression has no data: gateway.requests_per_second found red_requests_total, but no service "checkout"; there are: google, shop)`)

	// Who is lent a part of the source learns nothing of the rest.
	lent := src.DeepCopy()
	lent.Spec.AllowedNamespaces = []v1alpha1.AllowedNamespace{{Name: "ns2", Matchers: map[string][]string{"svc": {"shop"}}}}
	r.sources[0] = lent
	m := r.metric("tenant", "", `sum(red_requests_total{svc="google"})`, "gw")
	m.Namespace, m.Spec.Sources[0].Namespace = "ns2", "ns"
	r.apply()
	r.tick("gw")
	result := r.board.External("ns2", "tenant").Latest()
	if got, want := show(result), `Missing (its expression has no data: no series matches red_requests_total{svc="google"})`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
