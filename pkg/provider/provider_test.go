package provider

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	promlabels "github.com/prometheus/prometheus/model/labels"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/metrics/pkg/apis/external_metrics"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/provider"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// now is when the tests read.
var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// ago returns a time in milliseconds.
func ago(d time.Duration) int64 { return now.Add(-d).UnixMilli() }

func entry(namespace, external string, results ...*metric.Result) *metric.Entry {
	e := &metric.Entry{
		Key:      metric.Key{Namespace: namespace, Name: "object-" + external},
		External: external,
		MaxAge:   30 * time.Second,
	}
	for _, r := range results {
		e.Publish(r)
	}
	return e
}

func fresh(items ...metric.Item) *metric.Result {
	return &metric.Result{
		State: metric.StateFresh, Items: items,
		Time: ago(2 * time.Second), Evaluated: ago(time.Second), Covered: 1, Expected: 1,
	}
}

func item(value float64, pairs ...string) metric.Item {
	return metric.Item{Labels: promlabels.FromStrings(pairs...), Value: value}
}

func serve(entries ...*metric.Entry) *Provider {
	board := new(metric.Board)
	board.Set(entries)
	return New(Options{Board: board, Clock: clocktesting.NewFakePassiveClock(now)})
}

// get prints what the API answers: one line an item, or the error.
func get(p *Provider, namespace, name, selector string) string {
	parsed, err := labels.Parse(selector)
	if err != nil {
		return err.Error()
	}
	list, err := p.GetExternalMetric(context.Background(), namespace, parsed, provider.ExternalMetricInfo{Metric: name})
	if err != nil {
		return string(apierrors.ReasonForError(err)) + ": " + err.Error()
	}
	var lines []string
	for _, i := range list.Items {
		lines = append(lines, i.MetricName+"{"+labels.Set(i.MetricLabels).String()+"} "+i.Value.String())
	}
	return strings.Join(lines, "\n")
}

func TestGetExternalMetric(t *testing.T) {
	t.Parallel()
	pods := fresh(
		item(1.5, "pod", "a", "zone", "x"),
		item(2.5, "pod", "b", "zone", "x"),
		item(4, "pod", "c"),
	)
	p := serve(
		entry("shop", "p95", fresh(item(0.25))),
		entry("shop", "pods", pods),
		entry("shop", "unread"),
		entry("shop", "huge", fresh(item(1), item(1e300, "pod", "a"))),
		entry("shop", "huge_sum", fresh(item(5e15, "pod", "a"), item(-5e15, "pod", "b"))),
		entry("shop", "twice", fresh(item(1, "pod", "a"), item(2, "pod", "a"))),
		entry("shop", "empty", fresh()),
		entry("shop", "warming", &metric.Result{State: metric.StateWarming, Reason: "its window is not filled yet: 12s to go", Evaluated: ago(0)}),
		entry("shop", "missing", &metric.Result{State: metric.StateMissing, Reason: "none of 3 targets answers", Evaluated: ago(0)}),
		entry("shop", "mute", &metric.Result{State: metric.StateMissing, Evaluated: ago(0)}),
		entry("bank", "p95", fresh(item(7))),
		entry("bank", "", fresh(item(7))),
	)
	tests := []struct{ name, namespace, metric, selector, want string }{
		{"one number", "shop", "p95", "", "p95{} 250m"},
		{"same name elsewhere", "bank", "p95", "", "p95{} 7"},
		{"several elements", "shop", "pods", "", "pods{pod=a,zone=x} 1500m\npods{pod=b,zone=x} 2500m\npods{pod=c} 4"},

		{"selector =", "shop", "pods", "pod=b", "pods{pod=b,zone=x} 2500m"},
		{"selector !=", "shop", "pods", "pod!=b", "pods{pod=a,zone=x} 1500m\npods{pod=c} 4"},
		{"selector in", "shop", "pods", "pod in (a, c)", "pods{pod=a,zone=x} 1500m\npods{pod=c} 4"},
		{"selector notin", "shop", "pods", "pod notin (a, b)", "pods{pod=c} 4"},
		{"selector exists", "shop", "pods", "zone", "pods{pod=a,zone=x} 1500m\npods{pod=b,zone=x} 2500m"},
		{"selector does not exist", "shop", "pods", "!zone", "pods{pod=c} 4"},
		{"selector of two", "shop", "pods", "zone=x,pod!=a", "pods{pod=b,zone=x} 2500m"},
		{
			"selector without match", "shop", "pods", "pod=z",
			`ServiceUnavailable: metric shop/pods has no fresh value: no element matches selector "pod=z", labels seen: {pod=a,zone=x}, {pod=b,zone=x}, {pod=c}`,
		},

		{
			"unknown name", "shop", "p59", "",
			`NotFound: external metric "p59" is not declared in namespace "shop"; nearest of 10 declared there: p95, pods, empty`,
		},
		{
			"name of another namespace", "bank", "pods", "",
			`NotFound: external metric "pods" is not declared in namespace "bank"; declared there: p95`,
		},
		{
			"namespace without metrics", "lab", "p95", "",
			`NotFound: external metric "p95" is not declared in namespace "lab", nor is any other: a metric can only be read in its own namespace`,
		},
		{"metric without external name", "bank", "", "", `NotFound: external metric "" is not declared in namespace "bank"; declared there: p95`},

		{"no result yet", "shop", "unread", "", "ServiceUnavailable: metric shop/unread has no fresh value: it has not been evaluated yet"},
		{"warming", "shop", "warming", "", "ServiceUnavailable: metric shop/warming has no fresh value: its window is not filled yet: 12s to go"},
		{"missing", "shop", "missing", "", "ServiceUnavailable: metric shop/missing has no fresh value: none of 3 targets answers"},
		{"missing without reason", "shop", "mute", "", "ServiceUnavailable: metric shop/mute has no fresh value: it is Missing"},
		{"no elements", "shop", "empty", "", "ServiceUnavailable: metric shop/empty has no fresh value: its result has no elements"},
		{
			"element too large", "shop", "huge", "",
			`ServiceUnavailable: metric shop/huge has no fresh value: its element {pod="a"}: 1e+300 is beyond the 9e+15 that an autoscaler can read: choose a larger unit`,
		},
		{
			"sum too large", "shop", "huge_sum", "",
			`ServiceUnavailable: metric shop/huge_sum has no fresh value: its elements add up to 1e+16, more than the 9e+15 that an autoscaler can read: choose a larger unit`,
		},
		{
			"labels twice", "shop", "twice", "",
			`ServiceUnavailable: metric shop/twice has no fresh value: two of its elements have the labels {pod="a"}: aggregate them in the expression`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, get(p, test.namespace, test.metric, test.selector)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestSelectorWithoutMatchIsShort(t *testing.T) {
	t.Parallel()
	var items []metric.Item
	for _, pod := range strings.Split("abcdefghij", "") {
		items = append(items, item(1, "pod", pod))
	}
	got := get(serve(entry("shop", "pods", fresh(items...))), "shop", "pods", "pod=z")
	if want := "{pod=d}, {pod=e}, and 5 more"; !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want it to end in %q", got, want)
	}
}

func TestAge(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name              string
		state             metric.State
		sampled, evaluted time.Duration // ago; sampled 0 means that no series was read
		want              string        // the reason; empty: there is a value
	}{
		{"fresh", metric.StateFresh, 30 * time.Second, time.Second, ""},
		{"old samples", metric.StateFresh, 30*time.Second + time.Millisecond, time.Second, "its samples are 30.001s old, maxAge is 30s"},
		{"partial", metric.StatePartial, 31 * time.Second, time.Second, "its samples are 31s old, maxAge is 30s"},
		{"idle", metric.StateIdle, 31 * time.Second, time.Second, "its samples are 31s old, maxAge is 30s"},
		{"held longer than maxAge", metric.StateHeld, 2 * time.Minute, time.Second, ""},
		{"held, no longer evaluated", metric.StateHeld, 2 * time.Minute, time.Minute, "it was last evaluated 1m0s ago, maxAge is 30s"},
		{"substituted", metric.StateSubstituted, time.Minute, time.Second, ""},
		{"substituted, no longer evaluated", metric.StateSubstituted, time.Minute, time.Minute, "it was last evaluated 1m0s ago, maxAge is 30s"},
		{"a constant", metric.StateFresh, 0, time.Second, ""},
		{"a constant, no longer evaluated", metric.StateFresh, 0, time.Minute, "it was last evaluated 1m0s ago, maxAge is 30s"},
		{"clock set back", metric.StateFresh, -time.Hour, -time.Hour, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := &metric.Result{State: test.state, Items: []metric.Item{item(1)}, Evaluated: ago(test.evaluted)}
			if test.sampled != 0 {
				r.Time = ago(test.sampled)
			}
			e := entry("shop", "rps", r)
			answer := serve(e).Answer(e)
			want := Answer{State: test.state, Reason: test.want, Result: r, Age: test.sampled, Items: answer.Items}
			if test.want != "" {
				want.State, want.Items = metric.StateMissing, nil
			}
			if answer.State != want.State || answer.Reason != want.Reason || answer.Age != want.Age || answer.Result != r {
				t.Errorf("got %+v, want %+v", answer, want)
			}
			if (answer.Items != nil) != (test.want == "") {
				t.Errorf("got %d items and the reason %q", len(answer.Items), answer.Reason)
			}
		})
	}
}

// externalItem returns the first item that the API answers.
func externalItem(t *testing.T, p *Provider, e *metric.Entry) external_metrics.ExternalMetricValue {
	t.Helper()
	list, err := p.GetExternalMetric(context.Background(), e.Key.Namespace, nil, provider.ExternalMetricInfo{Metric: e.External})
	if err != nil {
		t.Fatal(err)
	}
	return list.Items[0]
}

func TestItems(t *testing.T) {
	t.Parallel()
	f := func(r *metric.Result, timestamp time.Time, window int64) {
		t.Helper()
		e := entry("shop", "rps", r)
		got := externalItem(t, serve(e), e)
		if !got.Timestamp.Time.Equal(timestamp) {
			t.Errorf("timestamp is %s, want %s", got.Timestamp, timestamp)
		}
		switch {
		case window == 0 && got.WindowSeconds != nil:
			t.Errorf("window is %d, want none", *got.WindowSeconds)
		case window != 0 && (got.WindowSeconds == nil || *got.WindowSeconds != window):
			t.Errorf("window is %v, want %d", got.WindowSeconds, window)
		}
		if got.MetricLabels == nil {
			t.Errorf("labels are nil, which JSON shows as null")
		}
	}
	r := func(sampled, window int64) *metric.Result {
		return &metric.Result{State: metric.StateFresh, Items: []metric.Item{item(1)}, Time: sampled, Evaluated: ago(time.Second), Window: window}
	}
	f(r(ago(2*time.Second), 0), now.Add(-2*time.Second), 0)
	f(r(ago(2*time.Second), 1), now.Add(-2*time.Second), 1)
	f(r(ago(2*time.Second), 30_000), now.Add(-2*time.Second), 30)
	f(r(ago(2*time.Second), 30_001), now.Add(-2*time.Second), 31)
	f(r(0, 0), now.Add(-time.Second), 0)
}

// TestConvertedOnce: readers of one result share its items, a new result or a
// new board do not bring back old ones, and metrics that left are let go of.
func TestConvertedOnce(t *testing.T) {
	t.Parallel()
	a, b := entry("shop", "a", fresh(item(1))), entry("shop", "b", fresh(item(2)))
	board := new(metric.Board)
	board.Set([]*metric.Entry{a, b})
	p := New(Options{Board: board, Clock: clocktesting.NewFakePassiveClock(now)})

	first := p.Answer(a).Items
	if again := p.Answer(a).Items; &again[0] != &first[0] {
		t.Errorf("a second read converted again")
	}
	board.Set([]*metric.Entry{a})
	if again := p.Answer(a).Items; &again[0] != &first[0] {
		t.Errorf("a new board forgot the conversion of a metric that stayed")
	}
	if n := len(p.slots.Load().of); n != 1 {
		t.Errorf("there are slots of %d metrics, want 1", n)
	}
	if got := p.Answer(b).Items[0].Value; got != 2 {
		t.Errorf("a metric that left the board reads %g while it is in use, want 2", got)
	}
	a.Publish(fresh(item(3)))
	if got := p.Answer(a).Items[0].Value; got != 3 {
		t.Errorf("after a new result it reads %g, want 3", got)
	}
}

func TestReadWhilePublishing(t *testing.T) {
	t.Parallel()
	a, b := entry("shop", "a", fresh(item(1))), entry("shop", "b", fresh(item(1)))
	p := serve(a)
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for range 200 {
				if got := get(p, "shop", "a", ""); got != "a{} 1" && got != "a{} 2" {
					t.Errorf("got %s", got)
				}
			}
		})
	}
	for i := range 200 {
		a.Publish(fresh(item(float64(i%2 + 1))))
		if i%10 == 0 {
			p.board.Set([]*metric.Entry{a, b}[:1+i/10%2])
		}
	}
	readers.Wait()
}

func TestListAllExternalMetrics(t *testing.T) {
	t.Parallel()
	f := func(p *Provider, want ...string) {
		t.Helper()
		var got []string
		for _, info := range p.ListAllExternalMetrics() {
			got = append(got, info.Metric)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	f(serve())
	f(serve(entry("shop", "rps"), entry("bank", "rps"), entry("bank", "p95"), entry("bank", "")), "p95", "rps")
}

// TestSelectorsOfManyItems: of many items a selector gets what it would get of
// each of them alone, whatever it asks by and however often.
func TestSelectorsOfManyItems(t *testing.T) {
	t.Parallel()
	var items []metric.Item
	var alone []*Provider
	for i := range 40 {
		one := item(float64(i), "pod", fmt.Sprintf("p%d", i), "zone", fmt.Sprintf("z%d", i%3))
		if i%5 == 0 {
			one = item(float64(i), "pod", fmt.Sprintf("p%d", i), "rack", "r")
		}
		items = append(items, one)
		alone = append(alone, serve(entry("shop", "rps", fresh(one))))
	}
	p := serve(entry("shop", "rps", fresh(items...)))
	for _, selector := range []string{
		"pod=p7", "pod==p7", "pod in (p7)", "pod in (p7,p8)", "zone=z1", "zone!=z1", "zone=z1,pod!=p7", "zone=z1,pod in (p7,p10)", "zone=z9", "none=x",
		"rack=r,zone=z1", "rack", "!rack", "a=b", "c=d", "zone=z2", "pod!=p1,zone=z1",
	} {
		var want []string
		for i := range alone {
			if got := get(alone[i], "shop", "rps", selector); !strings.HasPrefix(got, "ServiceUnavailable") {
				want = append(want, got)
			}
		}
		for range 2 {
			got := get(p, "shop", "rps", selector)
			if len(want) == 0 && strings.HasPrefix(got, "ServiceUnavailable") {
				continue
			}
			if diff := cmp.Diff(strings.Join(want, "\n"), got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", selector, diff)
			}
		}
	}
}

// BenchmarkGetExternalMetric reads a number, and one of 1,000 elements.
func BenchmarkGetExternalMetric(b *testing.B) {
	var items []metric.Item
	for i := range 1000 {
		items = append(items, item(0.25, "service", fmt.Sprintf("service-%d", i)))
	}
	read := func(b *testing.B, selector labels.Selector, items ...metric.Item) {
		p := serve(entry("shop", "p95", fresh(items...)))
		b.ReportAllocs()
		for b.Loop() {
			list, err := p.GetExternalMetric(b.Context(), "shop", selector, provider.ExternalMetricInfo{Metric: "p95"})
			if err != nil || len(list.Items) != 1 {
				b.Fatal(err, list)
			}
		}
	}
	b.Run("number", func(b *testing.B) { read(b, nil, item(0.25)) })
	b.Run("selector", func(b *testing.B) { read(b, labels.SelectorFromSet(labels.Set{"service": "service-500"}), items...) })
}
