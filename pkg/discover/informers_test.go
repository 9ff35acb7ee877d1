package discover

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	cachetesting "k8s.io/client-go/tools/cache/testing"
	"sigs.k8s.io/controller-runtime/pkg/cache"
)

// A source lists and watches objects that a test puts in.
type source struct {
	*cachetesting.FakeControllerSource
}

// IsWatchListSemanticsUnSupported says that lists come from List.
func (source) IsWatchListSemanticsUnSupported() bool { return true }

// sources are those of a cache, by type.
type sources map[reflect.Type]source

func (s sources) of(o runtime.Object) source { return s[reflect.TypeOf(o)] }

// newSources returns a real cache, not started, and what it reads.
func newSources(t *testing.T) (sources, cache.Cache) {
	t.Helper()
	all := sources{}
	mapper := meta.NewDefaultRESTMapper(nil)
	for o := range CacheOptions() {
		all[reflect.TypeOf(o)] = source{cachetesting.NewFakeControllerSource()}
	}
	for gvk := range scheme.Scheme.AllKnownTypes() {
		mapper.Add(gvk, meta.RESTScopeNamespace)
	}
	c, err := cache.New(&rest.Config{}, cache.Options{
		HTTPClient: &http.Client{}, Scheme: scheme.Scheme, Mapper: mapper, ByObject: CacheOptions(),
		NewInformer: func(_ toolscache.ListerWatcher, o runtime.Object, resync time.Duration, by toolscache.Indexers) toolscache.SharedIndexInformer {
			return toolscache.NewSharedIndexInformer(all.of(o), o, resync, by)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, c
}

// eventually waits until the targets of a source are these.
func eventually(t *testing.T, d *selected, want ...string) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		return slices.Equal(show(d), want), nil
	})
	if err != nil {
		t.Fatalf("targets %q, want %q, problems %q", show(d), want, d.Problems())
	}
}

func TestInformers(t *testing.T) {
	t.Parallel()
	all, c := newSources(t)
	pods, slicesOf := all.of(&corev1.Pod{}), all.of(&discoveryv1.EndpointSlice{})
	a := newPod("shop", "a", "10.0.0.1", 0)
	pods.Add(a)
	all.of(&corev1.Service{}).Add(newService("shop"))
	slicesOf.Add(newSlice("shop", "kong-1", endpoint("10.0.0.1", "a"), endpoint("10.0.0.2", "b")))

	cluster, err := NewCluster(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	byPods, byService := cluster.discoverer(t, podSource("shop", "status")), cluster.discoverer(t, serviceSource("shop", "9000"))
	if cluster.HasSynced() || len(byPods.Targets()) > 0 {
		t.Error("it has synced before the cache was started")
	}
	ended := make(chan error)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- c.Start(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()

	const targetA, targetB = "shop.a:8100 http://10.0.0.1:8100/metrics expected", "shop.b:8100 http://10.0.0.2:8100/metrics expected"
	eventually(t, byPods, targetA)
	eventually(t, byService, targetA)
	pods.Add(newPod("shop", "b", "10.0.0.2", 1))
	eventually(t, byPods, targetA, targetB)
	eventually(t, byService, targetA, targetB)

	// The connection breaks; what happened meanwhile is found by the next list.
	pods.DeleteDropWatch(a)
	pods.AddDropWatch(newPod("shop", "a", "10.0.0.3", 5, uid("second")))
	pods.ModifyDropWatch(newPod("shop", "b", "10.0.0.2", 1, deleted))
	pods.ResetWatch()
	eventually(t, byPods, "second:8100 http://10.0.0.3:8100/metrics expected", targetB+" terminating")
	eventually(t, byService, targetB+" terminating")
	if name, ok := cluster.PodOf("shop", "10.0.0.3:80"); name != "a" || !ok {
		t.Errorf("pod of the new address: %q, %t", name, ok)
	}
	if name, ok := cluster.PodOf("shop", "10.0.0.1"); ok {
		t.Errorf("pod of the old address: %s", name)
	}
	if names, err := cluster.PodNames("shop", everything); err != nil || !slices.Equal(names, []string{"a", "b"}) {
		t.Errorf("names %q, %v", names, err)
	}
}

func TestCacheOptionsStrip(t *testing.T) {
	t.Parallel()
	p := newPod("shop", "a", "10.0.0.1", 0)
	p.Annotations = map[string]string{"note": "long"}
	p.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubelet"}}
	p.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "PASSWORD", Value: "secret"}}
	p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: corev1.PodScheduled})
	for o, options := range CacheOptions() {
		if _, ok := o.(*corev1.Pod); !ok {
			continue
		}
		out, err := options.Transform(p)
		if err != nil {
			t.Fatal(err)
		}
		got := out.(*corev1.Pod)
		if got.Annotations != nil || got.ManagedFields != nil || got.Spec.Containers[0].Env != nil || got.Spec.Containers[0].Image != "" || len(got.Status.Conditions) != 3 {
			t.Errorf("not stripped: %+v", got)
		}
		if got.Name != p.Name || got.UID != p.UID || got.Labels["app"] != "kong" || got.Spec.NodeName != "node-1" {
			t.Errorf("stripped too much: %+v", got)
		}
	}
	if lost, err := strip("else"); lost != "else" || err != nil {
		t.Errorf("%v, %v", lost, err)
	}
}

// BenchmarkTargets compares a tick without a change, which is most, with one
// after a change of one of 1000 pods.
func BenchmarkTargets(b *testing.B) {
	c := newFakeCache(b)
	for i := range 1000 {
		c.set(newPod("shop", fmt.Sprintf("kong-%d", i), fmt.Sprintf("10.0.%d.%d", i/250, 1+i%250), 0, host(fmt.Sprintf("node-%d", i/50), fmt.Sprintf("192.0.2.%d", i/50))))
	}
	cluster := c.cluster()
	d := cluster.discoverer(b, podSource("shop", "status"))
	if n := len(d.Targets()); n != 1000 {
		b.Fatalf("%d targets", n)
	}
	var unchanged, rebuilt float64
	b.Run("unchanged", func(b *testing.B) {
		for b.Loop() {
			d.Targets()
		}
		unchanged = float64(b.Elapsed().Nanoseconds()) / float64(b.N)
	})
	b.Run("changed", func(b *testing.B) {
		for b.Loop() {
			cluster.changed("shop")
			d.Targets()
		}
		rebuilt = float64(b.Elapsed().Nanoseconds()) / float64(b.N)
		if unchanged > 0 {
			b.ReportMetric(rebuilt/unchanged, "changed/unchanged")
		}
	})
}
