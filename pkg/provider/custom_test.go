package provider

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/metrics/pkg/apis/custom_metrics"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/provider"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

const routes = "httproutes.gateway.networking.k8s.io"

// podsEntry is a metric of pods, objectEntry one of the objects of a resource
// that the label route names.
func podsEntry(namespace, name string, results ...*metric.Result) *metric.Entry {
	e := entry(namespace, "", results...)
	e.Key.Name, e.Pods = "object-"+name, name
	return e
}

func objectEntry(namespace, name, resource string, results ...*metric.Result) *metric.Entry {
	e := entry(namespace, "", results...)
	e.Key.Name, e.Object = "object-"+name, metric.ObjectName{Name: name, Resource: resource, Label: "route"}
	return e
}

// scaled is a fresh result of a Total while targets are silent.
func scaled(scale, podScale float64, items ...metric.Item) *metric.Result {
	r := fresh(items...)
	r.State, r.Scale, r.PodScale = metric.StatePartial, scale, podScale
	return r
}

func undefined(why string, items ...metric.Item) *metric.Result {
	r := fresh(items...)
	r.Undefined = why
	return r
}

// pods are the pods of the tests' cluster, by namespace and then by labels.
func pods(namespace string, selector labels.Selector) ([]string, error) {
	if namespace == "lost" {
		return nil, errors.New("the pods are not known yet")
	}
	var names []string
	for _, name := range []string{"a", "b", "c", "d"} {
		if selector.Matches(labels.Set{"app": "gateway", "pod": name}) {
			names = append(names, name)
		}
	}
	return names, nil
}

// A request is one of custom.metrics.k8s.io. Name * is a read by selector.
type request struct{ namespace, resource, name, metric, selector, metricSelector string }

// ask prints what the API answers: one line an item, or the error.
func ask(p *Provider, r request) string {
	selector, err := labels.Parse(r.selector)
	if err != nil {
		return err.Error()
	}
	metricSelector, err := labels.Parse(r.metricSelector)
	if err != nil {
		return err.Error()
	}
	info := provider.CustomMetricInfo{GroupResource: schema.ParseGroupResource(r.resource), Namespaced: r.namespace != "", Metric: r.metric}
	var items []custom_metrics.MetricValue
	if r.name == custom_metrics.AllObjects {
		var list *custom_metrics.MetricValueList
		if list, err = p.GetMetricBySelector(context.Background(), r.namespace, selector, info, metricSelector); err == nil {
			items = list.Items
		}
	} else {
		var value *custom_metrics.MetricValue
		if value, err = p.GetMetricByName(context.Background(), types.NamespacedName{Namespace: r.namespace, Name: r.name}, info, metricSelector); err == nil {
			items = []custom_metrics.MetricValue{*value}
		}
	}
	if err != nil {
		return string(apierrors.ReasonForError(err)) + ": " + err.Error()
	}
	var lines []string
	for _, i := range items {
		o := i.DescribedObject
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s/%s %s %s", o.APIVersion, o.Kind, o.Namespace, o.Name, i.Metric.Name, i.Value.String())))
	}
	return strings.Join(lines, "\n")
}

func TestCustomMetrics(t *testing.T) {
	t.Parallel()
	board := new(metric.Board)
	multiple := entry("shop", "tokens", fresh(item(1)))
	multiple.Pods, multiple.Object = "tokens_per_pod", metric.ObjectName{Name: "tokens_of", Resource: "services", Label: "service"}
	board.Set([]*metric.Entry{
		podsEntry("shop", "rps", scaled(4, 2, item(1.5, "pod", "a", "namespace", "shop"), item(2, "pod", "b"), item(7, "pod", "x", "namespace", "bank"), item(9))),
		podsEntry("shop", "codes", fresh(item(1, "pod", "a", "code", "200"), item(2, "pod", "a", "code", "500"), item(4, "pod", "b", "code", "200"))),
		podsEntry("shop", "ratio", undefined("its expression gave NaN for {pod=\"c\"}", item(1, "pod", "a"))),
		podsEntry("shop", "nan", undefined("its expression gave NaN for {pod=\"c\"}")),
		podsEntry("shop", "huge", fresh(item(1, "pod", "a"), item(1e300, "pod", "b"))),
		podsEntry("shop", "huge_only", fresh(item(1e300, "pod", "b"))),
		podsEntry("shop", "huge_sum", fresh(item(8e15, "pod", "a"), item(8e15, "pod", "b"))),
		podsEntry("shop", "sum", fresh(item(12))),
		podsEntry("shop", "unread"),
		podsEntry("lost", "rps", fresh(item(1, "pod", "a"))),
		objectEntry("shop", "rps", routes, scaled(4, 2, item(3, "route", "checkout"), item(5, "route", "cart"), item(7))),
		objectEntry("shop", "unlabelled", routes, fresh(item(3, "pod", "a"))),
		objectEntry("shop", "codes", "services", fresh(item(1, "route", "checkout", "code", "200"), item(2, "route", "checkout", "code", "500"))),
		multiple,
	})
	p := New(Options{Board: board, Clock: clocktesting.NewFakePassiveClock(now), Pods: pods})
	tests := []struct {
		name    string
		request request
		want    string
	}{
		{"pod by name", request{"shop", "pods", "a", "rps", "", ""}, "v1 Pod shop/a rps 3"},
		{"pods without a selector", request{"shop", "pods", "*", "rps", "", ""}, "v1 Pod shop/a rps 3\nv1 Pod shop/b rps 4"},
		{"pods by selector", request{"shop", "pods", "*", "rps", "app=gateway", ""}, "v1 Pod shop/a rps 3\nv1 Pod shop/b rps 4"},
		{"pods by a narrower selector", request{"shop", "pods", "*", "rps", "pod notin (a, c)", ""}, "v1 Pod shop/b rps 4"},
		{
			"no pod matches", request{"shop", "pods", "*", "rps", "app=other", ""},
			`ServiceUnavailable: metric shop/rps has no fresh value: selector "app=other" matches no pods of namespace shop`,
		},
		{
			"pods that match have no value", request{"shop", "pods", "*", "rps", "pod in (c, d)", ""},
			`ServiceUnavailable: metric shop/rps has no fresh value: of the 2 pods that the selector matches (c, d) none is among the 2 that the metric has a value of`,
		},
		{
			"the only pod that matches has no value", request{"shop", "pods", "*", "ratio", "pod=c", ""},
			`ServiceUnavailable: metric shop/ratio has no fresh value: pod c has no value: it is not among the 1 that the metric has a value of; its expression gave NaN for {pod="c"}`,
		},
		{
			"pods are not known", request{"lost", "pods", "*", "rps", "app=gateway", ""},
			`ServiceUnavailable: metric lost/rps has no fresh value: it is not known which pods selector "app=gateway" matches: the pods are not known yet`,
		},
		{
			"pod without a value", request{"shop", "pods", "c", "rps", "", ""},
			`ServiceUnavailable: metric shop/rps has no fresh value: pod c has no value: it is not among the 2 that the metric has a value of`,
		},
		{
			"pod of another namespace", request{"shop", "pods", "x", "rps", "", ""},
			`ServiceUnavailable: metric shop/rps has no fresh value: pod x has no value: it is not among the 2 that the metric has a value of`,
		},
		{"undefined pods are left out", request{"shop", "pods", "*", "ratio", "", ""}, "v1 Pod shop/a ratio 1"},
		{"all are undefined", request{"shop", "pods", "*", "nan", "", ""}, `ServiceUnavailable: metric shop/nan has no fresh value: its expression gave NaN for {pod="c"}`},

		{"metric selector =", request{"shop", "pods", "*", "codes", "", "code=200"}, "v1 Pod shop/a codes 1\nv1 Pod shop/b codes 4"},
		{"metric selector !=", request{"shop", "pods", "*", "codes", "", "code!=200"}, "v1 Pod shop/a codes 2"},
		{"metric selector in", request{"shop", "pods", "a", "codes", "", "code in (500, 502)"}, "v1 Pod shop/a codes 2"},
		{"metric selector notin", request{"shop", "pods", "a", "codes", "", "code notin (500)"}, "v1 Pod shop/a codes 1"},
		{"metric selector exists", request{"shop", "pods", "b", "codes", "", "code"}, "v1 Pod shop/b codes 4"},
		{"metric selector does not exist", request{"shop", "pods", "a", "rps", "", "!code"}, "v1 Pod shop/a rps 3"},
		{"metric selector >", request{"shop", "pods", "*", "codes", "", "code>400"}, "v1 Pod shop/a codes 2"},
		{"metric selector <", request{"shop", "pods", "*", "codes", "", "code<400"}, "v1 Pod shop/a codes 1\nv1 Pod shop/b codes 4"},
		{"both selectors", request{"shop", "pods", "*", "codes", "pod in (a, b, c)", "code=500"}, "v1 Pod shop/a codes 2"},
		{
			"metric selector that no element matches", request{"shop", "pods", "*", "codes", "", "code=404"},
			`ServiceUnavailable: metric shop/codes has no fresh value: no element matches the metric selector "code=404", labels seen: {code="200", pod="a"}, {code="500", pod="a"}, {code="200", pod="b"}`,
		},
		{
			"metric selector that no element of the pods matches", request{"shop", "pods", "*", "codes", "pod in (b, c)", "code=500"},
			`ServiceUnavailable: metric shop/codes has no fresh value: no element matches the metric selector "code=500", labels seen: {code="200", pod="a"}, {code="500", pod="a"}, {code="200", pod="b"}`,
		},
		{
			"metric selector that no element of the pod matches", request{"shop", "pods", "b", "codes", "", "code=500"},
			`ServiceUnavailable: metric shop/codes has no fresh value: no element of pod b matches the metric selector "code=500", labels seen: {code="200", pod="b"}`,
		},
		{
			"several elements of a pod by name", request{"shop", "pods", "a", "codes", "", ""},
			`ServiceUnavailable: metric shop/codes has no fresh value: several of its elements are of pod a: aggregate with by("pod") in the expression, or choose one with a metric selector`,
		},
		{"one element of the other pod by name", request{"shop", "pods", "b", "codes", "", ""}, "v1 Pod shop/b codes 4"},
		{
			"several elements of a pod", request{"shop", "pods", "*", "codes", "", ""},
			`ServiceUnavailable: metric shop/codes has no fresh value: several of its elements are of pod a: aggregate with by("pod") in the expression, or choose one with a metric selector`,
		},
		{
			"several elements of a pod by selector", request{"shop", "pods", "*", "codes", "app", ""},
			`ServiceUnavailable: metric shop/codes has no fresh value: several of its elements are of pod a: aggregate with by("pod") in the expression, or choose one with a metric selector`,
		},
		{
			"several elements after the metric selector", request{"shop", "pods", "*", "codes", "", "code"},
			`ServiceUnavailable: metric shop/codes has no fresh value: several of its elements are of pod a: aggregate with by("pod") in the expression, or choose one with a metric selector`,
		},

		{"an element too large is left out", request{"shop", "pods", "*", "huge", "", ""}, "v1 Pod shop/a huge 1"},
		{
			"the pod with an element too large", request{"shop", "pods", "b", "huge", "", ""},
			`ServiceUnavailable: metric shop/huge has no fresh value: its element {pod="b"}: 1e+300 is beyond the 9e+15 that an autoscaler can read: choose a larger unit`,
		},
		{
			"nothing but an element too large", request{"shop", "pods", "*", "huge_only", "", ""},
			`ServiceUnavailable: metric shop/huge_only has no fresh value: its element {pod="b"}: 1e+300 is beyond the 9e+15 that an autoscaler can read: choose a larger unit`,
		},
		{
			"a sum too large", request{"shop", "pods", "*", "huge_sum", "", ""},
			`ServiceUnavailable: metric shop/huge_sum has no fresh value: its elements add up to 1.6e+16, more than the 9e+15 that an autoscaler can read: choose a larger unit`,
		},
		{
			"no element is of a pod", request{"shop", "pods", "*", "sum", "", ""},
			`ServiceUnavailable: metric shop/sum has no fresh value: none of its 1 elements has a label pod of namespace shop: aggregate with by("pod"), or map addresses with pod_of`,
		},
		{"no result yet", request{"shop", "pods", "a", "unread", "", ""}, "ServiceUnavailable: metric shop/unread has no fresh value: it has not been evaluated yet"},

		{"object by name", request{"shop", routes, "cart", "rps", "", ""}, "shop/cart rps 20"},
		{"objects without a selector", request{"shop", routes, "*", "rps", "", ""}, "shop/checkout rps 12\nshop/cart rps 20"},
		{
			"objects by selector without a cluster", request{"shop", routes, "*", "rps", "team=a", ""},
			`ServiceUnavailable: metric shop/rps has no fresh value: there is no cluster to ask which httproutes.gateway.networking.k8s.io selector "team=a" matches: read it without a selector, or one by its name`,
		},
		{
			"object without a value", request{"shop", routes, "search", "rps", "", ""},
			`ServiceUnavailable: metric shop/rps has no fresh value: httproutes.gateway.networking.k8s.io search has no value: it is not among the 2 that the metric has a value of`,
		},
		{
			"no element is of an object", request{"shop", routes, "search", "unlabelled", "", ""},
			`ServiceUnavailable: metric shop/unlabelled has no fresh value: none of its 1 elements has the label route: aggregate with by("route")`,
		},
		{
			"several elements of an object", request{"shop", "services", "checkout", "codes", "", ""},
			`ServiceUnavailable: metric shop/codes has no fresh value: several of its elements are of services checkout: aggregate with by("route") in the expression, or choose one with a metric selector`,
		},
		{"one of them", request{"shop", "services", "checkout", "codes", "", "code=500"}, "shop/checkout codes 2"},

		{
			"unknown metric", request{"shop", "pods", "a", "rsp", "", ""},
			`NotFound: metric "rsp" of pods is not declared in namespace "shop"; nearest of 10 declared there: rps, nan, sum`,
		},
		{
			"metric of another resource", request{"shop", "services", "checkout", "rps", "", ""},
			`NotFound: metric "rps" of services is not declared in namespace "shop"; declared there: codes, tokens_of; a metric of that name is declared for httproutes.gateway.networking.k8s.io, pods`,
		},
		{
			"name of the external API", request{"shop", "pods", "a", "tokens", "", ""},
			`NotFound: metric "tokens" of pods is not declared in namespace "shop"; nearest of 10 declared there: codes, huge, nan; a metric of that name is declared for external metrics`,
		},
		{
			"metric of another namespace", request{"bank", "pods", "x", "rps", "", ""},
			`NotFound: metric "rps" of pods is not declared in namespace "bank", nor is any other: a metric can only be read in its own namespace`,
		},
		{
			"not namespaced", request{"", "nodes", "n", "rps", "", ""},
			`NotFound: metric "rps" of nodes is not declared: only metrics of namespaced resources are, and each is read in its own namespace`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, ask(p, test.request)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestPodsWithoutCluster(t *testing.T) {
	t.Parallel()
	p := serve(podsEntry("shop", "rps", fresh(item(1, "pod", "a"))))
	want := `ServiceUnavailable: metric shop/rps has no fresh value: there is no cluster to ask which pods selector "app=x" matches: read it without a selector, or one by its name`
	if diff := cmp.Diff(want, ask(p, request{"shop", "pods", "*", "rps", "app=x", ""})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := ask(p, request{"shop", "pods", "*", "rps", "", ""}); got != "v1 Pod shop/a rps 1" {
		t.Errorf("got %s", got)
	}
}

// TestMetricValue: time and window are those of external metrics, and the metric
// selector is repeated as far as the API has words for it.
func TestMetricValue(t *testing.T) {
	t.Parallel()
	r := fresh(item(1, "pod", "a", "code", "200"))
	r.Window = 30_001
	p := serve(podsEntry("shop", "rps", r))
	get := func(selector string) *custom_metrics.MetricValue {
		t.Helper()
		parsed, err := labels.Parse(selector)
		if err != nil {
			t.Fatal(err)
		}
		info := provider.CustomMetricInfo{GroupResource: schema.GroupResource{Resource: "pods"}, Namespaced: true, Metric: "rps"}
		value, err := p.GetMetricByName(t.Context(), types.NamespacedName{Namespace: "shop", Name: "a"}, info, parsed)
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
	value := get("")
	if !value.Timestamp.Time.Equal(now.Add(-2*time.Second)) || value.WindowSeconds == nil || *value.WindowSeconds != 31 {
		t.Errorf("timestamp %s, window %v", value.Timestamp, value.WindowSeconds)
	}
	if value.Metric.Selector != nil {
		t.Errorf("selector is %v, want none", value.Metric.Selector)
	}
	if got := get("code in (200, 201)").Metric.Selector; got == nil || len(got.MatchExpressions) != 1 {
		t.Errorf("selector is %v, want one expression", got)
	}
	if got := get("code>100").Metric.Selector; got != nil {
		t.Errorf("selector is %v, want none", got)
	}
	if again := get(""); again.Metric.Selector != nil {
		t.Errorf("a selector of an earlier read was kept: %v", again.Metric.Selector)
	}
}

func TestListAllMetrics(t *testing.T) {
	t.Parallel()
	both := podsEntry("shop", "rps")
	both.Object = metric.ObjectName{Name: "rps", Resource: routes, Label: "route"}
	var got []string
	for _, info := range serve(both, podsEntry("bank", "rps"), podsEntry("bank", "p95"), entry("bank", "queue")).ListAllMetrics() {
		got = append(got, info.String())
	}
	want := []string{"httproutes.gateway.networking.k8s.io/rps(namespaced)", "pods/p95(namespaced)", "pods/rps(namespaced)"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestAnswerOfAPIs: a metric that is declared for several APIs says which of
// them has no answer, and shows what the others answer.
func TestAnswerOfAPIs(t *testing.T) {
	t.Parallel()
	all := func(r *metric.Result) *metric.Entry {
		e := entry("shop", "rps", r)
		e.Pods, e.Object = "rps", metric.ObjectName{Name: "rps", Resource: routes, Label: "route"}
		return e
	}
	onlyPods := func(r *metric.Result) *metric.Entry { return podsEntry("shop", "rps", r) }
	onlyObject := func(r *metric.Result) *metric.Entry { return objectEntry("shop", "rps", routes, r) }
	onlyExternal := func(r *metric.Result) *metric.Entry { return entry("shop", "rps", r) }
	full := item(1, "pod", "a", "route", "checkout")
	tests := []struct {
		name   string
		entry  *metric.Entry
		state  metric.State
		reason string
		items  []float64
	}{
		{"all answer", all(fresh(full)), metric.StateFresh, "", []float64{1}},
		{"scaled as External", all(scaled(4, 2, full)), metric.StatePartial, "", []float64{4}},
		{"scaled as Object", onlyObject(scaled(4, 2, full)), metric.StatePartial, "", []float64{4}},
		{"scaled as Pods", onlyPods(scaled(4, 2, full)), metric.StatePartial, "", []float64{2}},
		{"External is undefined", onlyExternal(undefined("one is NaN", full)), metric.StateMissing, "one is NaN", nil},
		{"Pods go without the undefined", onlyPods(undefined("one is NaN", full)), metric.StateFresh, "", []float64{1}},
		{"one of three is undefined", all(undefined("one is NaN", full)), metric.StateMissing, "external: one is NaN", []float64{1}},
		{
			"no pods", all(fresh(item(1, "route", "checkout"))), metric.StateMissing,
			`pods: none of its 1 elements has a label pod of namespace shop: aggregate with by("pod"), or map addresses with pod_of`, []float64{1},
		},
		{"only what is of pods is shown", onlyPods(fresh(full, item(7))), metric.StateFresh, "", []float64{1}},
		{"several of a pod are for metric selectors", onlyPods(fresh(full, item(7, "pod", "a"))), metric.StateFresh, "", []float64{1, 7}},
		{"too large", onlyExternal(scaled(2, 1, item(math.MaxFloat64))), metric.StateMissing, "its element {}: +Inf is not a number that an autoscaler can read: guard divisions with ratio(a, b, default)", nil},
		{"before the first result", podsEntry("shop", "rps"), metric.StateMissing, "it has not been evaluated yet", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			answer := serve(test.entry).Answer(test.entry)
			var values []float64
			for _, i := range answer.Items {
				values = append(values, i.Value)
			}
			if answer.State != test.state || answer.Reason != test.reason {
				t.Errorf("got %s: %s\nwant %s: %s", answer.State, answer.Reason, test.state, test.reason)
			}
			if diff := cmp.Diff(test.items, values); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestCustomIsFresh: a metric of pods is held against maxAge as an external one is.
func TestCustomIsFresh(t *testing.T) {
	t.Parallel()
	r := fresh(item(1, "pod", "a"))
	r.Time = ago(31 * time.Second)
	want := "ServiceUnavailable: metric shop/rps has no fresh value: its samples are 31s old, maxAge is 30s"
	for _, name := range []string{"a", "*"} {
		if got := ask(serve(podsEntry("shop", "rps", r)), request{"shop", "pods", name, "rps", "", ""}); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestReadPodsWhilePublishing(t *testing.T) {
	t.Parallel()
	e := podsEntry("shop", "rps", fresh(item(1, "pod", "a")))
	p := serve(e)
	p.pods = pods
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for range 200 {
				if got := ask(p, request{"shop", "pods", "*", "rps", "app", ""}); got != "v1 Pod shop/a rps 1" && got != "v1 Pod shop/a rps 2" {
					t.Errorf("got %s", got)
				}
			}
		})
	}
	for i := range 200 {
		e.Publish(fresh(item(float64(i%2+1), "pod", "a")))
	}
	readers.Wait()
}

// BenchmarkGetMetricBySelector reads 50 pods of a metric that has 10,000, and
// all of them.
func BenchmarkGetMetricBySelector(b *testing.B) {
	var items []metric.Item
	for i := range 10_000 {
		items = append(items, item(float64(i), "pod", fmt.Sprintf("gateway-%05d", i), "namespace", "shop"))
	}
	var names []string
	for i := range 50 {
		names = append(names, items[i*200].Labels.Get("pod"))
	}
	e := podsEntry("shop", "rps", fresh(items...))
	p := serve(e)
	p.pods = func(string, labels.Selector) ([]string, error) { return names, nil }
	info := provider.CustomMetricInfo{GroupResource: schema.GroupResource{Resource: "pods"}, Namespaced: true, Metric: "rps"}
	read := func(b *testing.B, selector labels.Selector, want int) {
		b.ReportAllocs()
		for b.Loop() {
			list, err := p.GetMetricBySelector(b.Context(), "shop", selector, info, nil)
			if err != nil || len(list.Items) != want {
				b.Fatal(err, len(list.Items))
			}
		}
	}
	b.Run("50", func(b *testing.B) { read(b, labels.SelectorFromSet(labels.Set{"app": "gateway"}), 50) })
	b.Run("all", func(b *testing.B) { read(b, nil, 10_000) })
	b.Run("convert", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			convert(e, e.Latest())
		}
	})
}
