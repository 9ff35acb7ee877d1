package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/prometheus/client_golang/prometheus"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/record"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	clientfake "sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/config"
	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/provider"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A world is an API server, and what the rest of gaugeway says.
type world struct {
	t        *testing.T
	clock    *testingclock.FakeClock
	client   client.WithWatch // uncounted
	counted  client.Client    // as the controller has it
	kube     *fake.Clientset
	recorder *record.FakeRecorder
	board    metric.Board
	registry *prometheus.Registry

	mu      sync.Mutex
	log     strings.Builder
	writes  []string // verb name, of the API requests that write
	fail    func(verb, name string) error
	answers map[string]provider.Answer
	targets map[string]targets
	bundle  string

	sources []*v1alpha1.GatewaySource
	metrics []*v1alpha1.GatewayMetric
	found   []config.Finding
}

// targets are what the engine says about a source.
type targets struct {
	covered, expected int
	failures          []string // or, where none is missing, doubts
}

func newWorld(t *testing.T, objects ...client.Object) *world {
	t.Helper()
	w := &world{
		t:        t,
		clock:    testingclock.NewFakeClock(start),
		kube:     fake.NewClientset(),
		recorder: record.NewFakeRecorder(1000),
		registry: prometheus.NewRegistry(),
		fail:     func(string, string) error { return nil },
		answers:  map[string]provider.Answer{},
		targets:  map[string]targets{},
		bundle:   "CA one",
	}
	scheme := runtime.NewScheme()
	if err := AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	objects = append(objects, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "gaugeway", UID: "role-uid"}})
	w.client = clientfake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).
		WithStatusSubresource(&v1alpha1.GatewayMetric{}, &v1alpha1.GatewaySource{}).Build()
	w.counted = interceptor.NewClient(w.client, w.interceptors())
	return w
}

func (w *world) interceptors() interceptor.Funcs {
	return interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			if err := w.request("get", key.Name); err != nil {
				return err
			}
			return c.Get(ctx, key, o, opts...)
		},
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if err := w.request("create", o.GetName()); err != nil {
				return err
			}
			return c.Create(ctx, o, opts...)
		},
		Update: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
			if err := w.request("update", o.GetName()); err != nil {
				return err
			}
			return c.Update(ctx, o, opts...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
			if err := w.request("patch", o.GetName()); err != nil {
				return err
			}
			return c.Patch(ctx, o, p, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			if err := w.request("delete", o.GetName()); err != nil {
				return err
			}
			return c.Delete(ctx, o, opts...)
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			if err := w.request("patch", o.GetName()+"/"+sub); err != nil {
				return err
			}
			return c.SubResource(sub).Patch(ctx, o, p, opts...)
		},
		SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, o client.Object, opts ...client.SubResourceUpdateOption) error {
			if err := w.request("update", o.GetName()+"/"+sub); err != nil {
				return err
			}
			return c.SubResource(sub).Update(ctx, o, opts...)
		},
	}
}

// request notes a request that writes, and says whether it fails.
func (w *world) request(verb, name string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if verb != "get" {
		w.writes = append(w.writes, verb+" "+name)
	}
	return w.fail(verb, name)
}

// failing has requests fail.
func (w *world) failing(fail func(verb, name string) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fail = fail
}

// written returns the writes since it was last called, sorted.
func (w *world) written() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	writes := slices.Sorted(slices.Values(w.writes))
	w.writes = nil
	return strings.Join(writes, ", ")
}

func (w *world) logger() logr.Logger {
	return funcr.New(func(prefix, args string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.log.WriteString(prefix + args + "\n")
	}, funcr.Options{})
}

// logged returns how many lines of the log have a text.
func (w *world) logged(text string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for line := range strings.Lines(w.log.String()) {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// events returns the events since it was last called.
func (w *world) events() string {
	var events []string
	for {
		select {
		case e := <-w.recorder.Events:
			events = append(events, e)
		default:
			return strings.Join(events, "\n")
		}
	}
}

func (w *world) caBundle() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return []byte(w.bundle)
}

func (w *world) options() Options {
	return Options{
		Client:      w.counted,
		Cache:       w.client,
		Namespace:   "gaugeway-system",
		Identity:    "one",
		Service:     "gaugeway",
		ClusterRole: "gaugeway",
		APIServices: []string{"external.metrics.k8s.io", "custom.metrics.k8s.io"},
		CABundle:    w.caBundle,
		Board:       &w.board,
		Answer: func(e *metric.Entry) provider.Answer {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.answers[e.Key.Name]
		},
		Source: func(key metric.Key) (covered, expected int, failures []string, ok bool) {
			w.mu.Lock()
			defer w.mu.Unlock()
			t, ok := w.targets[key.Name]
			return t.covered, t.expected, t.failures, ok
		},
		Doubts: func(key metric.Key) []string {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.targets[key.Name].failures
		},
		Registry: w.registry,
		Clock:    w.clock,
		Logger:   w.logger(),
	}
}

func (w *world) controller(edit ...func(*Options)) *Controller {
	w.t.Helper()
	o := w.options()
	for _, e := range edit {
		e(&o)
	}
	c, err := newController(o, w.kube)
	if err != nil {
		w.t.Fatal(err)
	}
	c.recorder = w.recorder
	return c
}

// reporter returns a reporter of a leader that was just elected.
func (w *world) reporter(c *Controller) *reporter {
	return &reporter{
		o: &c.o, log: c.log, outage: c.outage, recorder: c.recorder, configuration: &c.configuration, memories: map[string]*memory{},
	}
}

// configure makes a configuration of copies of the world's objects as they are
// now in use, and its findings.
func (w *world) configure(c *Controller) {
	snapshot := &config.Snapshot{}
	for _, s := range w.sources {
		snapshot.Sources = append(snapshot.Sources, &config.Source{GatewaySource: s.DeepCopy()})
	}
	var entries []*metric.Entry
	for _, m := range w.metrics {
		snapshot.Metrics = append(snapshot.Metrics, &config.Metric{GatewayMetric: m.DeepCopy()})
		entries = append(entries, &metric.Entry{Key: metric.Key{Namespace: m.Namespace, Name: m.Name}})
	}
	w.board.Set(entries)
	c.SetConfiguration(snapshot, w.found)
}

func newMetric(name string) *v1alpha1.GatewayMetric {
	return &v1alpha1.GatewayMetric{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name), Generation: 1},
		Spec:       v1alpha1.GatewayMetricSpec{Lua: "1", Type: v1alpha1.TypeLevel},
	}
}

func newSource(name string) *v1alpha1.GatewaySource {
	return &v1alpha1.GatewaySource{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name), Generation: 1}}
}

// metric returns a metric as the API server has it.
func (w *world) metric(name string) *v1alpha1.GatewayMetric {
	w.t.Helper()
	m := &v1alpha1.GatewayMetric{}
	if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: "shop", Name: name}, m); err != nil {
		w.t.Fatal(err)
	}
	return m
}

// edit has a person change a metric's expression.
func (w *world) edit(name, lua string) {
	w.t.Helper()
	m := w.metric(name)
	m.Spec.Lua = lua
	m.Generation++
	if err := w.client.Update(w.t.Context(), m); err != nil {
		w.t.Fatal(err)
	}
}

// fresh is an answer of some values, computed now.
func (w *world) fresh(values ...float64) provider.Answer {
	now := w.clock.Now().UnixMilli()
	a := provider.Answer{State: metric.StateFresh, Result: &metric.Result{State: metric.StateFresh, Time: now, Evaluated: now, Covered: 3, Expected: 3}}
	for _, v := range values {
		a.Items = append(a.Items, metric.Item{Value: v})
	}
	a.Result.Items = a.Items
	return a
}

// missing is an answer without data.
func (w *world) missing(reason string) provider.Answer {
	return provider.Answer{State: metric.StateMissing, Reason: reason, Result: &metric.Result{State: metric.StateMissing, Expected: 3}}
}

func (w *world) answer(name string, a provider.Answer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers[name] = a
}

// conditions prints conditions, one a line.
func conditions(conditions []metav1.Condition) string {
	var lines []string
	for _, c := range conditions {
		lines = append(lines, fmt.Sprintf("%s=%s %s: %s @%d", c.Type, c.Status, c.Reason, c.Message, c.ObservedGeneration))
	}
	return strings.Join(lines, "\n")
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("it never came: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}
