package provider

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// An apiServer is as much of one as Kinds ask: it knows resources and lists
// objects. It counts what it is asked.
type apiServer struct {
	meta.RESTMapper
	client.Reader

	mu      sync.Mutex
	mapper  *meta.DefaultRESTMapper
	away    bool
	denied  bool
	objects map[string]map[string]string // labels of services by name
	asked   map[string]int               // by resource
	listed  []string
}

func newAPIServer() *apiServer {
	a := &apiServer{
		mapper:  meta.NewDefaultRESTMapper(nil),
		asked:   map[string]int{},
		objects: map[string]map[string]string{"checkout": {"team": "a"}, "cart": {"team": "b"}},
	}
	a.install(schema.GroupVersionKind{Version: "v1", Kind: "Service"}, meta.RESTScopeNamespace)
	a.install(schema.GroupVersionKind{Version: "v1", Kind: "Node"}, meta.RESTScopeRoot)
	a.install(schema.GroupVersionKind{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress"}, meta.RESTScopeNamespace)
	return a
}

func (a *apiServer) install(kind schema.GroupVersionKind, scope meta.RESTScope) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mapper.Add(kind, scope)
}

func (a *apiServer) set(away, denied bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.away, a.denied = away, denied
}

func (a *apiServer) KindFor(resource schema.GroupVersionResource) (schema.GroupVersionKind, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked[resource.GroupResource().String()]++
	if a.away {
		return schema.GroupVersionKind{}, errors.New("connection refused")
	}
	return a.mapper.KindFor(resource)
}

func (a *apiServer) RESTMapping(kind schema.GroupKind, versions ...string) (*meta.RESTMapping, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.mapper.RESTMapping(kind, versions...)
}

// List pages through the objects one by one.
func (a *apiServer) List(_ context.Context, list client.ObjectList, opts ...client.ListOption) error {
	var o client.ListOptions
	o.ApplyOptions(opts)
	a.mu.Lock()
	defer a.mu.Unlock()
	page := list.(*metav1.PartialObjectMetadataList)
	a.listed = append(a.listed, fmt.Sprintf("%s in %s", page.GroupVersionKind().Kind, o.Namespace))
	switch {
	case a.away:
		return errors.New("connection refused")
	case a.denied:
		return apierrors.NewForbidden(schema.GroupResource{Resource: "services"}, "", errors.New("no"))
	}
	for _, name := range []string{"cart", "checkout"} {
		if name <= o.Continue {
			continue
		}
		page.Items = []metav1.PartialObjectMetadata{{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: a.objects[name]}}}
		if name == "cart" {
			page.Continue = name
		}
		return nil
	}
	return nil
}

func (a *apiServer) count(resource string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked[resource]
}

// A cluster is a provider with Kinds that ask an apiServer, run step by step.
type cluster struct {
	*Provider
	kinds *Kinds
	api   *apiServer
	clock *clocktesting.FakeClock
}

func newCluster(entries ...*metric.Entry) *cluster {
	board := new(metric.Board)
	board.Set(entries)
	c := &cluster{api: newAPIServer(), clock: clocktesting.NewFakeClock(now)}
	c.kinds = NewKinds(c.api, c.api)
	c.kinds.clock = c.clock
	c.Provider = New(Options{Board: board, Clock: clocktesting.NewFakePassiveClock(now), Kinds: c.kinds})
	return c
}

// step does what Run does at one of its ticks.
func (c *cluster) step(all bool) {
	c.kinds.resolve(context.Background(), c.kinds.declared())
	c.kinds.readObjects(context.Background(), all)
}

func TestKinds(t *testing.T) {
	t.Parallel()
	r := fresh(item(3, "route", "checkout"))
	f := func(resource, want string) {
		t.Helper()
		c := newCluster(objectEntry("shop", "rps", resource, r))
		c.step(true)
		got := ask(c.Provider, request{"shop", resource, "checkout", "rps", "", ""})
		if diff := cmp.Diff(want, strings.TrimPrefix(got, "ServiceUnavailable: metric shop/rps has no fresh value: ")); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		answer := c.Answer(c.board.All()[0])
		if served := strings.HasSuffix(want, "rps 3"); served != (answer.State == metric.StateFresh) || served != (answer.Reason == "") {
			t.Errorf("%s is %s: %s", resource, answer.State, answer.Reason)
		}
	}
	f("services", "v1 Service shop/checkout rps 3")
	f("ingresses.networking.k8s.io", "networking.k8s.io/v1 Ingress shop/checkout rps 3")
	f(routes, "the API server knows no resource httproutes.gateway.networking.k8s.io: install what brings it, or write it in the plural and with its group, such as httproutes.gateway.networking.k8s.io; it is looked up again every 30s")
	f("ingresses", "the API server calls resource ingresses ingresses.networking.k8s.io: write it so")
	f("service", "the API server calls resource service services: write it so")
	f("nodes", "resource nodes is not namespaced, and a metric can only be one of its own namespace's objects: serve it as external")
}

// TestKindsLearn: what the API server did not know is asked for again, what it
// said is kept, and resources that are no longer declared are let go of.
func TestKindsLearn(t *testing.T) {
	t.Parallel()
	r := fresh(item(3, "route", "checkout"))
	service, route := objectEntry("shop", "rps", "services", r), objectEntry("shop", "rps", routes, r)
	c := newCluster(service, podsEntry("shop", "rps", r))
	serviceRequest, routeRequest := request{"shop", "services", "checkout", "rps", "", ""}, request{"shop", routes, "checkout", "rps", "", ""}
	check := func(r request, want string) {
		t.Helper()
		if got := ask(c.Provider, r); !strings.Contains(got, want) {
			t.Errorf("got %s, want %q in it", got, want)
		}
	}
	check(serviceRequest, "the API server has not been asked for resource services yet: try again in a few seconds")
	c.api.set(true, false)
	c.step(true)
	check(serviceRequest, "the API server could not be asked for resource services: connection refused")
	c.api.set(false, false)
	c.step(true)
	check(serviceRequest, "v1 Service shop/checkout")

	c.board.Set([]*metric.Entry{service, route})
	check(routeRequest, "has not been asked for resource "+routes)
	c.step(false)
	check(routeRequest, "the API server knows no resource "+routes)
	c.api.install(schema.GroupVersionKind{Group: "gateway.networking.k8s.io", Version: "v1", Kind: "HTTPRoute"}, meta.RESTScopeNamespace)
	c.step(true)
	check(routeRequest, "gateway.networking.k8s.io/v1 HTTPRoute shop/checkout")

	c.api.set(true, false)
	c.step(true)
	check(serviceRequest, "v1 Service shop/checkout")
	if n := c.api.count("services"); n != 2 {
		t.Errorf("the API server was asked %d times for services, want 2", n)
	}
	if n := c.api.count("pods"); n != 0 {
		t.Errorf("the API server was asked %d times for pods, want 0", n)
	}
	c.board.Set([]*metric.Entry{route})
	c.step(false)
	if n := len(*c.kinds.resolved.Load()); n != 1 {
		t.Errorf("%d resources are known, want 1", n)
	}
}

// TestObjectsBySelector: objects are read once somebody chooses from them.
func TestObjectsBySelector(t *testing.T) {
	t.Parallel()
	c := newCluster(objectEntry("shop", "rps", "services", fresh(item(3, "route", "checkout"), item(4, "route", "cart"))))
	c.step(true)
	check := func(selector, want string) {
		t.Helper()
		got := ask(c.Provider, request{"shop", "services", "*", "rps", selector, ""})
		if diff := cmp.Diff(want, strings.TrimPrefix(got, "ServiceUnavailable: metric shop/rps has no fresh value: ")); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	check("", "v1 Service shop/checkout rps 3\nv1 Service shop/cart rps 4")
	c.step(true)
	if len(c.api.listed) != 0 {
		t.Errorf("objects were listed that nobody chooses from: %q", c.api.listed)
	}
	check("team=a", "the services of namespace shop are being read, because a selector chooses from them: try again in a few seconds")

	c.api.set(true, false)
	c.step(false)
	check("team=a", "the services of namespace shop could not be read: connection refused")
	c.api.set(false, true)
	c.step(true)
	check("team=a", `gaugeway may not list the services of namespace shop, from which the selector chooses: grant it with a Role there (apiGroups: [""], resources: ["services"], verbs: [list]) and a RoleBinding to its service account, or read the metric by the object's name: services is forbidden: no`)
	c.api.set(false, false)
	c.step(true)
	check("team=a", "v1 Service shop/checkout rps 3")
	check("team!=a", "v1 Service shop/cart rps 4")
	check("team in (a, b)", "v1 Service shop/cart rps 4\nv1 Service shop/checkout rps 3")
	check("team=c", `selector "team=c" matches no services of namespace shop`)

	c.api.set(true, false)
	c.step(true)
	check("team=a", "v1 Service shop/checkout rps 3") // what was read is kept
	for _, listed := range c.api.listed {
		if listed != "ServiceList in shop" {
			t.Errorf("listed %s", listed)
		}
	}

	c.clock.Step(kindsIdle + time.Second)
	c.step(true)
	if n := len(c.kinds.namespaces); n != 0 {
		t.Errorf("%d namespaces are still read", n)
	}
}

// TestKindsRun: Run asks at once, when the board changes, when a selector wants
// objects, and again after a while.
func TestKindsRun(t *testing.T) {
	t.Parallel()
	r := fresh(item(3, "route", "checkout"))
	c := newCluster(objectEntry("shop", "rps", "services", r))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.kinds.Run(ctx) }()

	await := func(r request, want string) {
		t.Helper()
		for {
			if strings.Contains(ask(c.Provider, r), want) {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}
	await(request{"shop", "services", "checkout", "rps", "", ""}, "v1 Service shop/checkout")
	await(request{"shop", "services", "*", "rps", "team=a", ""}, "v1 Service shop/checkout")

	c.board.Set([]*metric.Entry{objectEntry("shop", "rps", routes, r)})
	c.clock.Step(kindsTick)
	await(request{"shop", routes, "checkout", "rps", "", ""}, "knows no resource")
	c.api.install(schema.GroupVersionKind{Group: "gateway.networking.k8s.io", Version: "v1", Kind: "HTTPRoute"}, meta.RESTScopeNamespace)
	c.clock.Step(kindsRetry)
	await(request{"shop", routes, "checkout", "rps", "", ""}, "HTTPRoute shop/checkout")

	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run returned %v", err)
	}
}
