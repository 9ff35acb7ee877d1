package discover

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/metric"
)

// sidecar gives a pod an init container with a port, which goes on running or not.
func sidecar(port string, number int32, restarts bool) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		c := corev1.Container{Name: port, Ports: []corev1.ContainerPort{{Name: port, ContainerPort: number}}}
		if restarts {
			c.RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
		}
		p.Spec.InitContainers = append(p.Spec.InitContainers, c)
	}
}

func TestPods(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		port     string
		pods     []client.Object
		want     []string
		problems []string
	}{
		{name: "no pods", problems: []string{"no pod of its namespace matches spec.pods.selector (app=kong)"}},
		{
			name: "selected pods of the namespace, by name",
			pods: []client.Object{
				newPod("shop", "b", "10.0.0.2", 0), newPod("shop", "a", "10.0.0.1", 0),
				newPod("shop", "other", "10.0.0.3", 0, label("app", "nginx")), newPod("elsewhere", "c", "10.0.0.4", 0),
			},
			want: []string{"shop.a:8100 http://10.0.0.1:8100/metrics expected", "shop.b:8100 http://10.0.0.2:8100/metrics expected"},
		},
		{
			name: "port by number, declared or not", port: "9999",
			pods: []client.Object{newPod("shop", "a", "10.0.0.1", 0)},
			want: []string{"shop.a:9999 http://10.0.0.1:9999/metrics expected"},
		},
		{
			name: "port of a sidecar", port: "stats",
			pods: []client.Object{newPod("shop", "a", "10.0.0.1", 0, sidecar("stats", 9901, true))},
			want: []string{"shop.a:9901 http://10.0.0.1:9901/metrics expected"},
		},
		{
			name: "an init container has ended", port: "stats",
			pods:     []client.Object{newPod("shop", "a", "10.0.0.1", 0, sidecar("stats", 9901, false))},
			problems: []string{`pod shop/a is not scraped: it has no TCP port named "stats": it has proxy, status`},
		},
		{
			name: "UDP is no port to scrape", port: "dns",
			pods:     []client.Object{newPod("shop", "a", "10.0.0.1", 0)},
			problems: []string{`it has no TCP port named "dns": it has proxy, status`},
		},
		{
			name: "no named port at all",
			pods: []client.Object{newPod("shop", "a", "10.0.0.1", 0, func(p *corev1.Pod) {
				p.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 8100}}
			})},
			problems: []string{`it has no TCP port with a name, and so none named "status": give the number`},
		},
		{
			name: "no port", port: "70000",
			pods:     []client.Object{newPod("shop", "a", "10.0.0.1", 0)},
			problems: []string{"70000 is no port: give a number from 1 to 65535, or a name"},
		},
		{
			name: "IPv6",
			pods: []client.Object{newPod("shop", "a", "2001:db8::1", 0)},
			want: []string{"shop.a:8100 http://[2001:db8::1]:8100/metrics expected"},
		},
		{
			name: "dual stack: the primary address",
			pods: []client.Object{newPod("shop", "a", "2001:db8::1,10.0.0.1", 0), newPod("shop", "b", "10.0.0.2,2001:db8::2", 0)},
			want: []string{"shop.a:8100 http://[2001:db8::1]:8100/metrics expected", "shop.b:8100 http://10.0.0.2:8100/metrics expected"},
		},
		{
			name: "Ready or not, never Ready, waiting, ended, deleted",
			pods: []client.Object{
				newPod("shop", "a-ready", "10.0.0.1", 0),
				newPod("shop", "b-unready", "10.0.0.2", 0, conditions(corev1.ConditionFalse, 60)),
				newPod("shop", "c-lost", "10.0.0.3", 0, conditions(corev1.ConditionUnknown, 60)),
				newPod("shop", "d-never", "10.0.0.4", 0, neverReady),
				newPod("shop", "e-pending", "", 0, phase(corev1.PodPending), neverReady),
				newPod("shop", "f-starting", "10.0.0.6", 0, phase(corev1.PodPending), neverReady),
				newPod("shop", "g-succeeded", "10.0.0.7", 0, phase(corev1.PodSucceeded)),
				newPod("shop", "h-failed", "10.0.0.8", 0, phase(corev1.PodFailed)),
				newPod("shop", "i-deleted", "10.0.0.9", 0, deleted),
				newPod("shop", "j-deleted", "10.0.0.10", 0, deleted, neverReady),
				newPod("shop", "k-unknown", "10.0.0.11", 0, phase(corev1.PodUnknown)),
			},
			want: []string{
				"shop.a-ready:8100 http://10.0.0.1:8100/metrics expected",
				"shop.b-unready:8100 http://10.0.0.2:8100/metrics expected",
				"shop.c-lost:8100 http://10.0.0.3:8100/metrics expected",
				"shop.d-never:8100 http://10.0.0.4:8100/metrics",
				"shop.f-starting:8100 http://10.0.0.6:8100/metrics",
				"shop.i-deleted:8100 http://10.0.0.9:8100/metrics expected terminating",
				"shop.j-deleted:8100 http://10.0.0.10:8100/metrics terminating",
				"shop.k-unknown:8100 http://10.0.0.11:8100/metrics expected",
			},
		},
		{
			name: "a pod that was Ready and lost its address is expected until it is deleted",
			pods: []client.Object{newPod("shop", "a", "", 0), newPod("shop", "b", "", 0, deleted), newPod("shop", "c", "", 0)},
			want: []string{"shop.a:8100 - expected", "shop.c:8100 - expected"},
		},
		{
			name: "pods on the network of one node share an endpoint: the Ready one, then the older",
			pods: []client.Object{
				newPod("shop", "a-old", "192.0.2.1", 0, hostNetwork, conditions(corev1.ConditionFalse, 60)),
				newPod("shop", "b-ready", "192.0.2.1", 20, hostNetwork),
				newPod("shop", "c-young", "192.0.2.1", 30, hostNetwork),
				newPod("shop", "d-other", "192.0.2.2", 0, hostNetwork, host("node-2", "192.0.2.2")),
			},
			want: []string{
				"shop.b-ready:8100 http://192.0.2.1:8100/metrics expected",
				"shop.d-other:8100 http://192.0.2.2:8100/metrics expected",
			},
		},
		{
			name: "an endpoint is expected if one of its pods is",
			pods: []client.Object{
				newPod("shop", "a-never", "192.0.2.1", 0, hostNetwork, neverReady),
				newPod("shop", "b-was", "192.0.2.1", 20, hostNetwork, conditions(corev1.ConditionFalse, 60)),
			},
			want: []string{"shop.a-never:8100 http://192.0.2.1:8100/metrics expected"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			port := test.port
			if port == "" {
				port = "status"
			}
			d := newFakeCache(t, test.pods...).cluster().discoverer(t, podSource("shop", port))
			expect(t, d, test.want, test.problems...)
		})
	}
}

func TestTargetOfAPod(t *testing.T) {
	t.Parallel()
	c := newFakeCache(t, newPod("shop", "kong-1", "2001:db8::1", 0))
	src := podSource("shop", "status")
	src.Spec.Scheme = v1alpha1.SchemeHTTPS
	src.Spec.Pods.Path = "/stats/prometheus?usedonly&filter=a%2Fb"
	src.Spec.Params = map[string][]string{"x": {"y"}} // the scraper's
	targets := c.cluster().discoverer(t, src).Targets()
	if len(targets) != 1 {
		t.Fatalf("%d targets", len(targets))
	}
	got := targets[0]
	if want := "https://[2001:db8::1]:8100/stats/prometheus?usedonly&filter=a%2Fb"; got.URL != want {
		t.Errorf("URL %s, want %s", got.URL, want)
	}
	if want := `{instance="[2001:db8::1]:8100", namespace="shop", node="node-1", pod="kong-1", source="kong"}`; got.Labels.String() != want {
		t.Errorf("labels %s, want %s", got.Labels, want)
	}
}

func TestPathStaysOnThePod(t *testing.T) {
	t.Parallel()
	f := func(path, want string) {
		t.Helper()
		src := podSource("shop", "status")
		src.Spec.Pods.Path = path
		targets := newFakeCache(t, newPod("shop", "a", "10.0.0.1", 0)).cluster().discoverer(t, src).Targets()
		if len(targets) != 1 || targets[0].URL != want {
			t.Errorf("%q: %+v, want %s", path, targets, want)
		}
	}
	f("", "http://10.0.0.1:8100/metrics")
	f("stats", "http://10.0.0.1:8100/stats")
	f("@evil.example/", "http://10.0.0.1:8100/@evil.example/")
	f("//evil.example/", "http://10.0.0.1:8100//evil.example/")
	f("/a#b", "http://10.0.0.1:8100/a")
}

func TestDiscovererRefuses(t *testing.T) {
	t.Parallel()
	f := func(src *v1alpha1.GatewaySource, want string) {
		t.Helper()
		if _, err := newFakeCache(t).cluster().Discoverer(src); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	src := podSource("shop", "status")
	src.Spec.Pods.Path = "/%zz?token=secret"
	f(src, "spec.pods.path: it is no path of a URL: give one such as /metrics")
	src = serviceSource("shop", "status")
	src.Spec.Service.Path = "/%zz"
	f(src, "spec.service.path: it is no path of a URL: give one such as /metrics")
	src = podSource("shop", "status")
	src.Spec.Pods.Selector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Near"}}
	f(src, `spec.pods.selector: "Near" is not a valid label selector operator`)
}

func TestDiscovererOfURLs(t *testing.T) {
	t.Parallel()
	src := &v1alpha1.GatewaySource{Spec: v1alpha1.GatewaySourceSpec{Static: &v1alpha1.StaticTargets{URLs: []string{"http://a:1/m"}}}}
	d, err := newFakeCache(t).cluster().Discoverer(src)
	if err != nil || len(d.Targets()) != 1 {
		t.Fatalf("%v, %v", d, err)
	}
}

func TestExpectedOnceReady(t *testing.T) {
	t.Parallel()
	c := newFakeCache(t)
	d := c.cluster().discoverer(t, podSource("shop", "status"))

	c.set(newPod("shop", "a", "10.0.0.1", 0, neverReady))
	expect(t, d, []string{"shop.a:8100 http://10.0.0.1:8100/metrics"})
	c.set(newPod("shop", "a", "10.0.0.1", 0))
	expect(t, d, []string{"shop.a:8100 http://10.0.0.1:8100/metrics expected"})
	// The conditions alone do not tell that it was Ready; it is remembered.
	c.set(newPod("shop", "a", "10.0.0.1", 0, neverReady))
	expect(t, d, []string{"shop.a:8100 http://10.0.0.1:8100/metrics expected"})
	// A pod of the same name is another.
	c.set(newPod("shop", "a", "10.0.0.1", 0, neverReady, uid("second")))
	expect(t, d, []string{"second:8100 http://10.0.0.1:8100/metrics"})
}

func TestWasReady(t *testing.T) {
	t.Parallel()
	f := func(want bool, conditions ...corev1.PodCondition) {
		t.Helper()
		p := &corev1.Pod{Status: corev1.PodStatus{Conditions: conditions}}
		if got := wasReady(p); got != want {
			t.Errorf("%v: %t", conditions, got)
		}
	}
	of := func(kind corev1.PodConditionType, status corev1.ConditionStatus, turned int) corev1.PodCondition {
		return corev1.PodCondition{Type: kind, Status: status, LastTransitionTime: after(turned)}
	}
	f(false)
	f(true, of(corev1.PodReady, corev1.ConditionTrue, 0))
	f(false, of(corev1.PodReady, corev1.ConditionFalse, 9)) // nothing to compare with
	// Without init containers: Initialized with the first status.
	f(false, of(corev1.PodReady, corev1.ConditionFalse, 1), of(corev1.PodInitialized, corev1.ConditionTrue, 1))
	f(true, of(corev1.PodReady, corev1.ConditionFalse, 9), of(corev1.PodInitialized, corev1.ConditionTrue, 1))
	// With init containers, which end later.
	f(false, of(corev1.PodReady, corev1.ConditionFalse, 1), of(corev1.PodInitialized, corev1.ConditionTrue, 30),
		of(corev1.PodReadyToStartContainers, corev1.ConditionTrue, 3))
	f(true, of(corev1.PodReady, corev1.ConditionFalse, 9), of(corev1.PodReadyToStartContainers, corev1.ConditionTrue, 3))
	// The sandbox was made again after the pod had been Ready.
	f(true, of(corev1.PodReady, corev1.ConditionFalse, 60), of(corev1.PodInitialized, corev1.ConditionTrue, 1),
		of(corev1.PodReadyToStartContainers, corev1.ConditionTrue, 62))
	f(true, of(corev1.PodReady, corev1.ConditionUnknown, 60), of(corev1.PodInitialized, corev1.ConditionTrue, 1))
}

func TestTargetsFollowTheStore(t *testing.T) {
	t.Parallel()
	a := newPod("shop", "a", "10.0.0.1", 0)
	c := newFakeCache(t, a)
	d := c.cluster().discoverer(t, podSource("shop", "status"))
	onlyA := []string{"shop.a:8100 http://10.0.0.1:8100/metrics expected"}
	expect(t, d, onlyA)

	// Nothing is built again while nothing of the namespace changes.
	lists := c.lists
	c.set(newPod("elsewhere", "x", "10.0.0.9", 0))
	expect(t, d, onlyA)
	if c.lists != lists {
		t.Error("the targets were built again for another namespace's pod")
	}
	c.resync()
	expect(t, d, onlyA)
	if c.lists != lists {
		t.Error("the targets were built again for a resync")
	}
	// A replaced pod is another target.
	c.set(newPod("shop", "a", "10.0.0.2", 5, uid("second")))
	expect(t, d, []string{"second:8100 http://10.0.0.2:8100/metrics expected"})
	// Events that were missed come with the next one: the store counts.
	c.store(newPod("shop", "b", "10.0.0.3", 6, neverReady))
	c.set(newPod("shop", "b", "10.0.0.3", 6, neverReady))
	c.set(newPod("shop", "b", "10.0.0.4", 6, neverReady))
	expect(t, d, []string{"second:8100 http://10.0.0.2:8100/metrics expected", "shop.b:8100 http://10.0.0.4:8100/metrics"})
	c.removeMissed(a)
	c.remove(newPod("shop", "b", "", 0))
	expect(t, d, nil, "no pod of its namespace matches spec.pods.selector (app=kong)")
	if len(d.cluster.addresses.pods) != 1 || len(d.cluster.addresses.perNamespace) != 1 {
		t.Errorf("pods that are gone are remembered: %v", d.cluster.addresses.pods)
	}
}

func TestNoTargetsBeforeTheFirstLists(t *testing.T) {
	t.Parallel()
	c := newFakeCache(t, newPod("shop", "a", "10.0.0.1", 0))
	c.unsynced = true
	cluster := c.cluster()
	d := cluster.discoverer(t, podSource("shop", "status"))
	expect(t, d, nil, "are not all listed yet")
	if _, err := cluster.PodNames("shop", everything); err == nil || cluster.HasSynced() {
		t.Error("names of pods are given before the pods are listed")
	}
	if pod, ok := cluster.PodOf("shop", "10.0.0.1"); ok {
		t.Errorf("%s is found before the pods are listed", pod)
	}
	c.unsynced = false
	expect(t, d, []string{"shop.a:8100 http://10.0.0.1:8100/metrics expected"})
	if !cluster.HasSynced() {
		t.Error("not synced")
	}
}

func TestTwoSourcesOverOnePod(t *testing.T) {
	t.Parallel()
	cluster := newFakeCache(t, newPod("shop", "a", "10.0.0.1", 0)).cluster()
	other := podSource("shop", "8000")
	other.Name = "proxy"
	for _, src := range []*v1alpha1.GatewaySource{podSource("shop", "status"), other} {
		targets := cluster.discoverer(t, src).Targets()
		if len(targets) != 1 || targets[0].Labels.Get(metric.LabelSource) != src.Name {
			t.Errorf("%s: %+v", src.Name, targets)
		}
	}
}

func TestManyProblems(t *testing.T) {
	t.Parallel()
	c := newFakeCache(t)
	for i := range 30 {
		c.set(newPod("shop", string(rune('A'+i)), "10.0.0.1", 0))
	}
	problems := c.cluster().discoverer(t, podSource("shop", "nope")).Problems()
	if len(problems) != maxProblems+1 || problems[maxProblems] != "and 10 more" {
		t.Errorf("%q", problems)
	}
}
