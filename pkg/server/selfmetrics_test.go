package server

import (
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	promlabels "github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// families returns the lines of an exposition whose names start with a prefix,
// without comments.
func families(exposition, prefix string) []string {
	var lines []string
	for line := range strings.Lines(exposition) {
		if strings.HasPrefix(line, prefix) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// TestSelfMetrics holds what /metrics says against what the API answers.
func TestSelfMetrics(t *testing.T) {
	t.Parallel()
	f := standalone(t)
	publish := func(e *metric.Entry, state metric.State, age time.Duration, covered, expected int, items ...metric.Item) *metric.Entry {
		r := &metric.Result{State: state, Items: items, Evaluated: f.now.UnixMilli(), Covered: covered, Expected: expected}
		if len(items) > 0 {
			r.Time = f.now.Add(-age).UnixMilli()
		}
		e.Publish(r)
		return e
	}
	f.declare(
		publish(f.entry("a", "one"), metric.StateFresh, 1500*time.Millisecond, 3, 3, item(0.25)),
		publish(f.entry("b", "several"), metric.StatePartial, time.Second, 3, 4, item(3, "pod", "x"), item(-1, "pod", "y")),
		publish(f.entry("c", "old"), metric.StateFresh, 31*time.Second, 2, 2, item(7)),
		publish(f.entry("d", "missing"), metric.StateMissing, 0, 0, 3),
		publish(f.entry("e", "huge"), metric.StateFresh, time.Second, 1, 1, item(math.MaxFloat64)),
		f.entry("f", "unread"),
		publish(f.entry("g", "held"), metric.StateHeld, time.Minute, 0, 1, item(5)),
	)
	code, body := f.get(t, f.client, "/metrics")
	if code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	check := func(got []string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	check(families(body, "gaugeway_metric_value"),
		`gaugeway_metric_value{item="",metric="held",namespace="g"} 5`,
		`gaugeway_metric_value{item="",metric="one",namespace="a"} 0.25`,
		`gaugeway_metric_value{item="{pod=\"x\"}",metric="several",namespace="b"} 3`,
		`gaugeway_metric_value{item="{pod=\"y\"}",metric="several",namespace="b"} -1`,
	)
	check(families(body, "gaugeway_metric_age_seconds"),
		`gaugeway_metric_age_seconds{metric="held",namespace="g"} 60`,
		`gaugeway_metric_age_seconds{metric="huge",namespace="e"} 1`,
		`gaugeway_metric_age_seconds{metric="old",namespace="c"} 31`,
		`gaugeway_metric_age_seconds{metric="one",namespace="a"} 1.5`,
		`gaugeway_metric_age_seconds{metric="several",namespace="b"} 1`,
	)
	check(families(body, "gaugeway_metric_coverage_ratio"),
		`gaugeway_metric_coverage_ratio{metric="held",namespace="g"} 0`,
		`gaugeway_metric_coverage_ratio{metric="huge",namespace="e"} 1`,
		`gaugeway_metric_coverage_ratio{metric="missing",namespace="d"} 0`,
		`gaugeway_metric_coverage_ratio{metric="old",namespace="c"} 1`,
		`gaugeway_metric_coverage_ratio{metric="one",namespace="a"} 1`,
		`gaugeway_metric_coverage_ratio{metric="several",namespace="b"} 0.75`,
	)
	states := families(body, "gaugeway_metric_state")
	if want := 7 * len(metric.States); len(states) != want {
		t.Errorf("there are %d series of the state, want %d", len(states), want)
	}
	check(slices.DeleteFunc(states, func(line string) bool { return strings.HasSuffix(line, " 0") }),
		`gaugeway_metric_state{metric="held",namespace="g",state="Held"} 1`,
		`gaugeway_metric_state{metric="huge",namespace="e",state="Missing"} 1`,
		`gaugeway_metric_state{metric="missing",namespace="d",state="Missing"} 1`,
		`gaugeway_metric_state{metric="old",namespace="c",state="Missing"} 1`,
		`gaugeway_metric_state{metric="one",namespace="a",state="Fresh"} 1`,
		`gaugeway_metric_state{metric="several",namespace="b",state="Partial"} 1`,
		`gaugeway_metric_state{metric="unread",namespace="f",state="Missing"} 1`,
	)
	for _, e := range f.board.All() {
		code, body := f.get(t, f.client, api+"/namespaces/"+e.Key.Namespace+"/"+e.External)
		answered := slices.Contains([]string{"one", "several", "held"}, e.Key.Name)
		if (code == http.StatusOK) != answered {
			t.Errorf("%s answers %d %s, unlike its gaugeway_metric_value", e.Key, code, body)
		}
	}
}

// TestSelfMetricsOfPods: metrics without an external name are shown as they are
// answered, scaled and without what is of no pod.
func TestSelfMetricsOfPods(t *testing.T) {
	t.Parallel()
	f := standalone(t)
	pods, object, total := f.entry("demo", "pods"), f.entry("demo", "object"), f.entry("demo", "total")
	pods.External, pods.Pods = "", "rps"
	object.External, object.Object = "", metric.ObjectName{Name: "rps", Resource: "services", Label: "service"}
	for _, e := range []*metric.Entry{pods, object, total} {
		e.Publish(&metric.Result{
			State: metric.StatePartial, Scale: 2, PodScale: 1, Undefined: "its expression gave NaN for {pod=\"z\"}",
			Items: []metric.Item{item(3, "pod", "a"), item(4, "service", "s")},
			Time:  f.now.UnixMilli(), Evaluated: f.now.UnixMilli(), Covered: 1, Expected: 2,
		})
	}
	f.declare(pods, object, total)
	_, body := f.get(t, f.client, "/metrics")
	want := []string{
		`gaugeway_metric_value{item="{pod=\"a\"}",metric="pods",namespace="demo"} 3`,
		`gaugeway_metric_value{item="{service=\"s\"}",metric="object",namespace="demo"} 8`,
	}
	if diff := cmp.Diff(want, families(body, "gaugeway_metric_value")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, line := range []string{
		`gaugeway_metric_state{metric="pods",namespace="demo",state="Partial"} 1`,
		`gaugeway_metric_state{metric="object",namespace="demo",state="Partial"} 1`,
		`gaugeway_metric_state{metric="total",namespace="demo",state="Missing"} 1`,
	} {
		if len(families(body, line)) != 1 {
			t.Errorf("there is no %s", line)
		}
	}
}

// TestSelfMetricsOfLibraries: what the Kubernetes libraries count is there, and
// a collector that fails takes nothing else with it.
func TestSelfMetricsOfLibraries(t *testing.T) {
	t.Parallel()
	f := standalone(t, func(o *Options) { o.Registry.MustRegister(broken{}) })
	f.declare(f.entry("demo", "queue", item(3), metric.Item{Labels: promlabels.FromStrings("model", "\xff"), Value: 1}))
	if code, body := f.get(t, f.client, api+"/namespaces/demo/queue"); code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	code, body := f.get(t, f.client, "/metrics")
	if code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	for _, name := range []string{
		`gaugeway_metric_value{item="{model=\"\\xff\"}",metric="queue",namespace="demo"} 1`,
		"apiserver_request_total{",
		"metrics_apiserver_metric_freshness_seconds_count{",
		"go_goroutines ",
		"process_resident_memory_bytes ",
		"promhttp_metric_handler_errors_total{",
	} {
		if len(families(body, name)) == 0 {
			t.Errorf("there is no %s", name)
		}
	}
}

// broken is a collector that fails.
type broken struct{}

func (broken) Describe(descs chan<- *prometheus.Desc) {
	descs <- prometheus.NewDesc("broken", "Fails.", nil, nil)
}

func (broken) Collect(metrics chan<- prometheus.Metric) {
	desc := prometheus.NewDesc("broken", "Fails.", nil, nil)
	metrics <- prometheus.NewInvalidMetric(desc, http.ErrAbortHandler)
}
