package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/metrics/pkg/apis/custom_metrics/v1beta1"
	"k8s.io/metrics/pkg/apis/custom_metrics/v1beta2"
	"k8s.io/metrics/pkg/client/custom_metrics"
	"k8s.io/metrics/pkg/client/external_metrics"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/provider"
)

const customAPI = "/apis/custom.metrics.k8s.io"

// restMapper knows the resources of the tests.
func restMapper() meta.RESTMapper {
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{{Version: "v1"}, {Group: "gateway.networking.k8s.io", Version: "v1"}})
	for _, kind := range []schema.GroupVersionKind{
		{Version: "v1", Kind: "Pod"},
		{Version: "v1", Kind: "Service"},
		{Group: "gateway.networking.k8s.io", Version: "v1", Kind: "HTTPRoute"},
	} {
		mapper.Add(kind, meta.RESTScopeNamespace)
	}
	mapper.Add(schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}, meta.RESTScopeRoot)
	return mapper
}

// A reader lists two routes.
type reader struct{ client.Reader }

func (reader) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	list.(*metav1.PartialObjectMetadataList).Items = []metav1.PartialObjectMetadata{
		{ObjectMeta: metav1.ObjectMeta{Name: "checkout", Labels: map[string]string{"team": "a"}}},
		{ObjectMeta: metav1.ObjectMeta{Name: "cart", Labels: map[string]string{"team": "b"}}},
	}
	return nil
}

// customMetrics starts a server with Kinds and three pods, of which one has no
// value, and metrics of pods and routes.
func customMetrics(t testing.TB) *fixture {
	t.Helper()
	kinds := provider.NewKinds(restMapper(), reader{})
	f := standalone(t, func(o *Options) {
		o.Kinds = kinds
		o.Pods = func(_ string, selector labels.Selector) ([]string, error) {
			var names []string
			for _, name := range []string{"a", "b", "new"} {
				if selector.Matches(labels.Set{"app": "gateway"}) {
					names = append(names, name)
				}
			}
			return names, nil
		}
	})
	pods := f.entry("demo", "rps", item(3, "pod", "a", "code", "200"), item(1.5, "pod", "b", "code", "500"))
	pods.External, pods.Pods = "", "rps"
	routes := f.entry("demo", "route-rps", item(7, "route", "checkout"), item(8, "route", "cart"))
	routes.External, routes.Object = "", metric.ObjectName{Name: "rps", Resource: "httproutes.gateway.networking.k8s.io", Label: "route"}
	f.declare(pods, routes, f.entry("demo", "queue", item(12)))
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = kinds.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	for code := 0; code != http.StatusOK; { // until the kinds are known
		code, _ = f.get(t, f.client, customAPI+"/v1beta2/namespaces/demo/httproutes.gateway.networking.k8s.io/*/rps")
	}
	return f
}

// hpaClients reads as the HorizontalPodAutoscaler does: custom metrics in the
// version that discovery prefers, external ones in the only one.
func hpaClients(t *testing.T, f *fixture) (custom_metrics.CustomMetricsClient, external_metrics.ExternalMetricsClient) {
	t.Helper()
	discovered, err := discovery.NewDiscoveryClientForConfig(f.config)
	if err != nil {
		t.Fatal(err)
	}
	external, err := external_metrics.NewForConfig(f.config)
	if err != nil {
		t.Fatal(err)
	}
	return custom_metrics.NewForConfig(f.config, restMapper(), custom_metrics.NewAvailableAPIsGetter(discovered)), external
}

// printValues prints values as the autoscaler reads them: thousandths by name.
func printValues(values ...v1beta2.MetricValue) string {
	var lines []string
	for _, v := range values {
		o := v.DescribedObject
		line := fmt.Sprintf("%s %s %s/%s %s %dm", o.APIVersion, o.Kind, o.Namespace, o.Name, v.Metric.Name, v.Value.MilliValue())
		if v.Metric.Selector != nil {
			line += " " + metav1.FormatLabelSelector(v.Metric.Selector)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, ", ")
}

// TestCustomMetricsClients reads pods and objects with the clients that the
// HorizontalPodAutoscaler uses, in each version and in the one that it chooses.
func TestCustomMetricsClients(t *testing.T) {
	t.Parallel()
	f := customMetrics(t)
	f.config.QPS = -1 // no limit
	preferred, external := hpaClients(t, f)
	clients := map[string]custom_metrics.CustomMetricsClient{"preferred": preferred}
	for _, version := range []schema.GroupVersion{v1beta1.SchemeGroupVersion, v1beta2.SchemeGroupVersion} {
		c, err := custom_metrics.NewForVersionForConfig(f.config, restMapper(), version)
		if err != nil {
			t.Fatal(err)
		}
		clients[version.Version] = c
	}
	pod, route := schema.GroupKind{Kind: "Pod"}, schema.GroupKind{Group: "gateway.networking.k8s.io", Kind: "HTTPRoute"}
	parse := func(selector string) labels.Selector {
		parsed, err := labels.Parse(selector)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	for version, custom := range clients {
		c := custom.NamespacedMetrics("demo")
		check := func(what, want string, values []v1beta2.MetricValue, err error) {
			t.Helper()
			got := printValues(values...)
			if err != nil {
				got = string(apierrors.ReasonForError(err)) + ": " + err.Error()
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s in %s: -want +got:\n%s", what, version, diff)
			}
		}
		objects := func(kind schema.GroupKind, selector, metricSelector, want string) {
			t.Helper()
			list, err := c.GetForObjects(kind, parse(selector), "rps", parse(metricSelector))
			if err != nil {
				check(kind.Kind, want, nil, err)
				return
			}
			for _, v := range list.Items {
				if !v.Timestamp.Time.Equal(f.now.Add(-2*time.Second)) || v.WindowSeconds == nil || *v.WindowSeconds != 30 {
					t.Errorf("timestamp %s, window %v", v.Timestamp, v.WindowSeconds)
				}
			}
			check(kind.Kind, want, list.Items, nil)
		}
		object := func(kind schema.GroupKind, name, metricSelector, want string) {
			t.Helper()
			value, err := c.GetForObject(kind, name, "rps", parse(metricSelector))
			if err != nil {
				check(kind.Kind, want, nil, err)
				return
			}
			check(kind.Kind, want, []v1beta2.MetricValue{*value}, nil)
		}
		objects(pod, "app=gateway", "", "v1 Pod demo/a rps 3000m, v1 Pod demo/b rps 1500m")
		objects(pod, "app in (gateway),app!=x", "code notin (200,404)", "v1 Pod demo/b rps 1500m code notin (200,404)")
		objects(pod, "", "", "v1 Pod demo/a rps 3000m, v1 Pod demo/b rps 1500m")
		objects(pod, "app=x", "", `ServiceUnavailable: metric demo/rps has no fresh value: selector "app=x" matches no pods of namespace demo`)
		object(pod, "b", "", "v1 Pod demo/b rps 1500m")
		object(pod, "new", "", "ServiceUnavailable: metric demo/rps has no fresh value: pod new has no value: it is not among the 2 that the metric has a value of")
		object(route, "cart", "", "gateway.networking.k8s.io/v1 HTTPRoute demo/cart rps 8000m")
		object(schema.GroupKind{Kind: "Service"}, "cart", "", `NotFound: metric "rps" of services is not declared in namespace "demo", nor is any other: a metric can only be read in its own namespace; a metric of that name is declared for httproutes.gateway.networking.k8s.io, pods`)

		// The first read by a selector only asks for the objects.
		for {
			_, err := c.GetForObjects(route, parse("team"), "rps", labels.Everything())
			if err == nil {
				break
			}
			if !strings.Contains(err.Error(), "are being read") {
				t.Fatal(err)
			}
		}
		objects(route, "team=a", "", "gateway.networking.k8s.io/v1 HTTPRoute demo/checkout rps 7000m")

		root := custom.RootScopedMetrics()
		if _, err := root.GetForObject(schema.GroupKind{Kind: "Namespace"}, "demo", "rps", labels.Everything()); !apierrors.IsNotFound(err) {
			t.Errorf("a metric of a namespace gives %v, want NotFound", err)
		}
	}
	list, err := external.NamespacedMetrics("demo").List("queue", labels.Everything())
	if err != nil || len(list.Items) != 1 || list.Items[0].Value.MilliValue() != 12_000 {
		t.Errorf("got %v, %v", list, err)
	}
}

// TestCustomMetricsVersions: both versions are served, listed and described,
// the newer one preferred.
func TestCustomMetricsVersions(t *testing.T) {
	t.Parallel()
	f := customMetrics(t)
	discovered, err := discovery.NewDiscoveryClientForConfig(f.config)
	if err != nil {
		t.Fatal(err)
	}
	groups, err := discovered.ServerGroups()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, g := range groups.Groups {
		line := g.Name + " " + g.PreferredVersion.Version + ":"
		for _, v := range g.Versions {
			line += " " + v.GroupVersion
		}
		got = append(got, line)
	}
	want := []string{
		"custom.metrics.k8s.io v1beta2: custom.metrics.k8s.io/v1beta2 custom.metrics.k8s.io/v1beta1",
		"external.metrics.k8s.io v1beta1: external.metrics.k8s.io/v1beta1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, version := range []string{"v1beta1", "v1beta2"} {
		_, body := f.get(t, f.client, customAPI+"/"+version)
		var list metav1.APIResourceList
		if err := json.Unmarshal([]byte(body), &list); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, r := range list.APIResources {
			names = append(names, fmt.Sprintf("%s %s namespaced=%t %v", r.Name, r.Kind, r.Namespaced, r.Verbs))
		}
		want := []string{"httproutes.gateway.networking.k8s.io/rps MetricValueList namespaced=true [get]", "pods/rps MetricValueList namespaced=true [get]"}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		_, body = f.get(t, f.client, "/openapi/v3/apis/custom.metrics.k8s.io/"+version)
		if !strings.Contains(body, version+".MetricValueList") {
			t.Errorf("the OpenAPI document of %s does not describe MetricValueList", version)
		}
		code, body := f.get(t, f.client, customAPI+"/"+version+"/namespaces/demo/pods/a/rps")
		if code != http.StatusOK || !strings.Contains(body, `"apiVersion":"custom.metrics.k8s.io/`+version+`"`) {
			t.Errorf("%d %s", code, body)
		}
	}
	if _, body := f.get(t, f.client, customAPI); !strings.Contains(body, `"preferredVersion":{"groupVersion":"custom.metrics.k8s.io/v1beta2"`) {
		t.Errorf("the group is %s", body)
	}
	if _, body := f.get(t, f.client, "/openapi/v2"); !strings.Contains(body, "v1beta2.MetricValueList") || !strings.Contains(body, "v1beta1.ExternalMetricValueList") {
		t.Error("the OpenAPI document does not describe both APIs")
	}
}

// TestConcurrentCustomReads lets encoders of all formats and versions share the
// values of one result; the race detector tells whether one writes to them.
func TestConcurrentCustomReads(t *testing.T) {
	t.Parallel()
	f := customMetrics(t)
	var readers sync.WaitGroup
	for _, format := range []string{"application/json", "application/yaml", "application/vnd.kubernetes.protobuf"} {
		for _, version := range []string{"v1beta1", "v1beta2"} {
			for _, query := range []string{"", "?labelSelector=app", "?metricLabelSelector=code"} {
				readers.Go(func() {
					for range 5 {
						if code, body := f.get(t, f.client, customAPI+"/"+version+"/namespaces/demo/pods/*/rps"+query, "Accept", format); code != http.StatusOK {
							t.Errorf("%s: %d %s", format, code, body)
						}
					}
				})
			}
		}
	}
	readers.Wait()
}

// TestBadSelectors: a selector that cannot be parsed is the client's mistake.
func TestBadSelectors(t *testing.T) {
	t.Parallel()
	f := customMetrics(t)
	for _, query := range []string{"metricLabelSelector=%3D%3D", "labelSelector=%3D%3D"} {
		for _, version := range []string{"v1beta1", "v1beta2"} {
			code, body := f.get(t, f.client, customAPI+"/"+version+"/namespaces/demo/pods/*/rps?"+query)
			if code != http.StatusBadRequest || !strings.Contains(body, "found '=='") {
				t.Errorf("%s gives %d %s", query, code, body)
			}
		}
	}
}

// TestReservedNames: which names of metrics cannot be read because the path of
// a read means something else to API servers.
func TestReservedNames(t *testing.T) {
	t.Parallel()
	f := standalone(t)
	names := []string{
		"status", "finalize", "namespaces", "metrics", "watch", "proxy", "pods", "scale", "log", "exec", "attach", "portforward", "apis", "api",
		"a:b", "a.b-c", "_x", ":x", "a:status", "A", strings.Repeat("x", 300),
	}
	var entries []*metric.Entry
	for i, name := range names {
		e := f.entry("demo", fmt.Sprint("m", i), item(1, "pod", "a", "service", "s"))
		e.External, e.Pods, e.Object = name, name, metric.ObjectName{Name: name, Resource: "services", Label: "service"}
		entries = append(entries, e)
	}
	f.declare(entries...)
	var unreadable []string
	for _, name := range names {
		for _, path := range []string{
			api + "/namespaces/demo/" + name,
			customAPI + "/v1beta2/namespaces/demo/pods/a/" + name,
			customAPI + "/v1beta2/namespaces/demo/pods/*/" + name,
			customAPI + "/v1beta1/namespaces/demo/services/s/" + name,
		} {
			if code, body := f.get(t, f.client, path); code != http.StatusOK || !strings.Contains(body, `"metricName":"`+name+`"`) && !strings.Contains(body, `"name":"`+name+`"`) {
				unreadable = append(unreadable, path)
			}
		}
	}
	if diff := cmp.Diff([]string{api + "/namespaces/demo/status", api + "/namespaces/demo/finalize"}, unreadable); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
