package doctor

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	file = filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (go test ./pkg/doctor -update writes it)", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// sick is the cluster that docs/doctor.md shows: four things are wrong in it.
func sick(t *testing.T) *world {
	w := healthy(t)
	m := get[*v1alpha1.GatewayMetric](t, w, "checkout-rps")
	m.Status.State, m.Status.Value, m.Status.Reason = "Missing", "", "1 of 3 targets answer, minCoveragePercent is 50"
	w.objects = append(w.objects,
		newAutoscaler("api", external("checkout_p95_ms", "AverageValue", "250")),
		newAutoscaler("cart", external("checkout_p95", "Value", "250")),
	)
	w.denied["get secrets"] = true
	return w
}

func TestReport(t *testing.T) {
	t.Parallel()
	report, err := Examine(t.Context(), sick(t).connect(t))
	if err != nil {
		t.Fatal(err)
	}
	var text, json bytes.Buffer
	if err := errors.Join(report.Print(&text), report.PrintJSON(&json)); err != nil {
		t.Fatal(err)
	}
	golden(t, "report.txt", text.Bytes())
	golden(t, "report.json", json.Bytes())
}

func TestEmptyReport(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := (&Report{}).PrintJSON(&out); err != nil || !strings.Contains(out.String(), `"checks": []`) {
		t.Errorf("%v: %s", err, &out)
	}
	if (&Report{Checks: []Check{{Level: Skipped}}}).Looked() || !(&Report{Checks: []Check{{Level: Skipped}, {Level: OK}}}).Looked() {
		t.Error("looked")
	}
}

// beside returns a cluster in which KEDA serves external metrics and gaugeway runs beside it.
func beside(t *testing.T) *world {
	w := healthy(t)
	get[*apiregistrationv1.APIService](t, w, "v1beta1.external.metrics.k8s.io").Labels = nil
	get[*apiregistrationv1.APIService](t, w, "v1beta1.external.metrics.k8s.io").Spec.Service = &apiregistrationv1.ServiceReference{
		Namespace: "keda", Name: "keda-operator-metrics-apiserver",
	}
	get[*v1alpha1.GatewayMetric](t, w, "checkout-p95").Annotations = map[string]string{AnnotationCompareWith: "s0-prometheus{scaledobject.keda.sh/name=web}"}
	get[*v1alpha1.GatewayMetric](t, w, "pods-rps").Annotations = map[string]string{AnnotationCompareWith: "s1-prometheus"}
	silent := gatewayMetric("cart-rps", `rps(kong_http_requests_total{service="cart"}["30s"])`, v1alpha1.TypeTotal, "", func(s *v1alpha1.GatewayMetricSpec) {
		s.External = &v1alpha1.ExternalMetric{Name: "cart_rps"}
	})
	silent.Status.State, silent.Status.Reason = "Missing", "no target answers"
	zones := gatewayMetric("by-zone", `sum(kong_connections, by("zone"))`, v1alpha1.TypeTotal, "2 items, 5 to 6", func(s *v1alpha1.GatewayMetricSpec) {
		s.External = &v1alpha1.ExternalMetric{Name: "by_zone"}
	})
	h := newAutoscaler("keda-hpa-web", selecting(external("by_zone", "AverageValue", "50"), "zone", "a"),
		selecting(external("s0-prometheus", "Value", "250"), "scaledobject.keda.sh/name", "cart"),
		selecting(external("s0-prometheus", "Value", "250"), "scaledobject.keda.sh/name", "web"), external("checkout_rps", "AverageValue", "50"),
		external("cart_rps", "AverageValue", "50"), external("queue", "AverageValue", "5"), external("denied", "AverageValue", "5"), external("broken", "AverageValue", "5"))
	w.objects = append(w.objects, silent, zones, h)
	const ns = "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/"
	w.reads[ns+"s0-prometheus?scaledobject.keda.sh/name=web"] = answer{values: []string{"190"}}
	w.reads[ns+"by_zone?zone=a"] = answer{values: []string{"5"}}
	w.reads[ns+"s1-prometheus"] = answer{values: []string{"20", "20500m"}}
	w.reads[ns+"checkout_rps"] = answer{values: []string{"400"}}
	w.reads[ns+"cart_rps"] = answer{values: []string{"7"}}
	w.reads[ns+"queue"] = answer{values: []string{"3"}}
	w.reads[ns+"denied"] = answer{err: apierrors.NewForbidden(schema.GroupResource{}, "", errors.New("denied"))}
	w.reads[ns+"broken"] = answer{err: apierrors.NewServiceUnavailable("no data")}
	w.reads[ns+"checkout_p95_ms"] = answer{values: []string{"0"}}
	return w
}

func TestCompare(t *testing.T) {
	t.Parallel()
	comparison, err := Compare(t.Context(), beside(t).connect(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	var text, json bytes.Buffer
	report := &Report{Comparison: comparison}
	if err := errors.Join(report.Print(&text), report.PrintJSON(&json)); err != nil {
		t.Fatal(err)
	}
	golden(t, "compare.txt", text.Bytes())
	golden(t, "compare.json", json.Bytes())
}

// Read directly, what statuses do not show is compared as well.
func TestCompareDirect(t *testing.T) {
	t.Parallel()
	const path = "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/"
	direct := &world{reads: map[string]answer{
		path + "checkout_p95_ms": {values: []string{"95"}},
		path + "by_zone?zone=a":  {values: []string{"6"}},
		path + "checkout_rps":    {values: []string{"200", "240"}},
	}}
	comparison, err := Compare(t.Context(), beside(t).connect(t), direct)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, r := range comparison.Rows {
		got[r.Metric+strings.TrimPrefix(r.Selector, "scaledobject.keda.sh/")] = r.Gaugeway.Value + " " + r.Ratio
	}
	want := map[string]string{
		"s0-prometheusname=web": "95 0.50", "s0-prometheusname=cart": " ", "checkout_rps": "440 1.10", "s1-prometheus": " ", "cart_rps": " ", "by_zonezone=a": "6 1.20", "queue": " ", "denied": " ", "broken": " ", "checkout_p95_ms": " ",
	}
	if diff := cmp.Diff(want, got); diff != "" || comparison.Source != "direct" {
		t.Errorf("%s: -want +got:\n%s", comparison.Source, diff)
	}
}

func TestCompareWithoutIncumbent(t *testing.T) {
	t.Parallel()
	w := healthy(t)
	comparison, err := Compare(t.Context(), w.connect(t), nil)
	if err != nil || comparison.Incumbent != "gaugeway itself" {
		t.Errorf("%+v, %v", comparison, err)
	}
	remove[*apiregistrationv1.APIService](w)
	remove[*autoscalingv2.HorizontalPodAutoscaler](w)
	comparison, err = Compare(t.Context(), w.connect(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	comparison.print(&out)
	if want := "external metrics are served by nobody; gaugeway's values are from its GatewayMetrics' status, at most 30 s older\nnothing to compare: "; !strings.HasPrefix(out.String(), want) {
		t.Errorf("got %s", out.String())
	}
}

func TestCompareNeedsTheObjects(t *testing.T) {
	t.Parallel()
	for _, resource := range []string{"gatewaymetrics", "horizontalpodautoscalers"} {
		w := healthy(t)
		w.denied["list "+resource] = true
		if _, err := Compare(t.Context(), w.connect(t), nil); err == nil || !strings.Contains(err.Error(), "needs list on "+resource) {
			t.Errorf("%s: got %v", resource, err)
		}
	}
}
