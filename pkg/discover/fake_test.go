package discover

import (
	"context"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	k8slabels "k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache/informertest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
)

// A fakeCache is a cache whose events are handled when they are made.
type fakeCache struct {
	informertest.FakeInformers
	t        testing.TB
	revision int
	unsynced bool
	lists    int
	kinds    map[reflect.Type]*fakeInformer
}

// A fakeInformer holds the objects of one kind.
type fakeInformer struct {
	toolscache.SharedIndexInformer
	cache    *fakeCache
	objects  map[client.ObjectKey]client.Object
	handlers []toolscache.ResourceEventHandler
}

func newFakeCache(t testing.TB, objects ...client.Object) *fakeCache {
	c := &fakeCache{t: t, kinds: map[reflect.Type]*fakeInformer{}}
	for _, o := range objects {
		c.set(o)
	}
	return c
}

// cluster returns a Cluster that starts now.
func (c *fakeCache) cluster() *Cluster {
	c.t.Helper()
	cluster, err := NewCluster(c.t.Context(), c)
	if err != nil {
		c.t.Fatal(err)
	}
	return cluster
}

func (c *fakeCache) kind(o client.Object) *fakeInformer {
	k := c.kinds[reflect.TypeOf(o)]
	if k == nil {
		k = &fakeInformer{cache: c, objects: map[client.ObjectKey]client.Object{}}
		c.kinds[reflect.TypeOf(o)] = k
	}
	return k
}

// store puts a copy of an object in, without an event.
func (c *fakeCache) store(o client.Object) (before, now client.Object) {
	c.revision++
	o = o.DeepCopyObject().(client.Object)
	o.SetResourceVersion(strconv.Itoa(c.revision))
	stripped, err := strip(o)
	if err != nil {
		c.t.Fatal(err)
	}
	now = stripped.(client.Object)
	k := c.kind(now)
	before = k.objects[client.ObjectKeyFromObject(now)]
	k.objects[client.ObjectKeyFromObject(now)] = now
	return before, now
}

// set adds or updates an object.
func (c *fakeCache) set(o client.Object) {
	before, now := c.store(o)
	for _, h := range c.kind(o).handlers {
		if before == nil {
			h.OnAdd(now, false)
		} else {
			h.OnUpdate(before, now)
		}
	}
}

// remove deletes an object.
func (c *fakeCache) remove(o client.Object) {
	k := c.kind(o)
	before := k.objects[client.ObjectKeyFromObject(o)]
	delete(k.objects, client.ObjectKeyFromObject(o))
	for _, h := range k.handlers {
		h.OnDelete(before)
	}
}

// resync tells of each pod again.
func (c *fakeCache) resync() {
	k := c.kind(&corev1.Pod{})
	for _, o := range k.objects {
		for _, h := range k.handlers {
			h.OnUpdate(o, o)
		}
	}
}

// removeMissed deletes an object whose event was missed, as a later list finds.
func (c *fakeCache) removeMissed(o client.Object) {
	k := c.kind(o)
	key := client.ObjectKeyFromObject(o)
	before := k.objects[key]
	delete(k.objects, key)
	for _, h := range k.handlers {
		h.OnDelete(toolscache.DeletedFinalStateUnknown{Key: key.String(), Obj: before})
	}
}

func (c *fakeCache) GetInformer(_ context.Context, o client.Object, _ ...cache.InformerGetOption) (cache.Informer, error) {
	return c.kind(o), nil
}

func (i *fakeInformer) AddEventHandler(h toolscache.ResourceEventHandler) (toolscache.ResourceEventHandlerRegistration, error) {
	i.handlers = append(i.handlers, h)
	for _, o := range i.objects {
		h.OnAdd(o, true)
	}
	return i, nil
}

func (i *fakeInformer) HasSynced() bool { return !i.cache.unsynced }

func (c *fakeCache) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	o, ok := c.kind(into).objects[key]
	if !ok {
		return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
	}
	reflect.ValueOf(into).Elem().Set(reflect.ValueOf(o).Elem())
	return nil
}

func (c *fakeCache) List(_ context.Context, into client.ObjectList, options ...client.ListOption) error {
	c.lists++
	o := (&client.ListOptions{}).ApplyOptions(options)
	matches := func(object client.Object) bool {
		return object.GetNamespace() == o.Namespace && (o.LabelSelector == nil || o.LabelSelector.Matches(k8slabels.Set(object.GetLabels())))
	}
	switch list := into.(type) {
	case *corev1.PodList:
		for _, object := range c.kind(&corev1.Pod{}).objects {
			if matches(object) {
				list.Items = append(list.Items, *object.(*corev1.Pod))
			}
		}
	case *discoveryv1.EndpointSliceList:
		for _, object := range c.kind(&discoveryv1.EndpointSlice{}).objects {
			if matches(object) {
				list.Items = append(list.Items, *object.(*discoveryv1.EndpointSlice))
			}
		}
	default:
		return fmt.Errorf("%T is not listed", into)
	}
	return nil
}

var epoch = metav1.NewTime(time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC))

func after(seconds int) metav1.Time {
	return metav1.NewTime(epoch.Add(time.Duration(seconds) * time.Second))
}

// newPod returns a running, Ready pod with a container of ports status, 8100, and
// proxy, 8000, created some seconds after the epoch.
func newPod(namespace, name, ip string, created int, change ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, UID: types.UID(namespace + "." + name),
			Labels: map[string]string{"app": "kong"}, CreationTimestamp: after(created),
		},
		Spec: corev1.PodSpec{
			NodeName: "node-1",
			Containers: []corev1.Container{{Name: "proxy", Image: "kong", Ports: []corev1.ContainerPort{
				{Name: "proxy", ContainerPort: 8000}, {Name: "status", ContainerPort: 8100, Protocol: corev1.ProtocolTCP},
				{Name: "dns", ContainerPort: 53, Protocol: corev1.ProtocolUDP},
			}}},
		},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, HostIP: "192.0.2.1", HostIPs: []corev1.HostIP{{IP: "192.0.2.1"}}},
	}
	addressed(ip)(p)
	conditions(corev1.ConditionTrue, created+10)(p)
	for _, f := range change {
		f(p)
	}
	return p
}

// addressed gives a pod these addresses, separated by commas.
func addressed(ips string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Status.PodIP, p.Status.PodIPs = "", nil
		for ip := range strings.SplitSeq(ips, ",") {
			if ip != "" {
				p.Status.PodIPs = append(p.Status.PodIPs, corev1.PodIP{IP: ip})
			}
		}
		if len(p.Status.PodIPs) > 0 {
			p.Status.PodIP = p.Status.PodIPs[0].IP
		}
	}
}

// host puts a pod on a node of an address.
func host(node, ip string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.NodeName, p.Status.HostIP, p.Status.HostIPs = node, ip, []corev1.HostIP{{IP: ip}}
	}
}

// conditions says that a pod, created at the epoch, was initialised after 5 s and
// that its readiness turned then.
func conditions(ready corev1.ConditionStatus, turned int) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		started := metav1.NewTime(p.CreationTimestamp.Add(5 * time.Second))
		p.Status.Conditions = []corev1.PodCondition{
			{Type: corev1.PodReadyToStartContainers, Status: corev1.ConditionTrue, LastTransitionTime: started},
			{Type: corev1.PodInitialized, Status: corev1.ConditionTrue, LastTransitionTime: started},
			{Type: corev1.PodReady, Status: ready, LastTransitionTime: after(turned)},
		}
	}
}

func phase(phase corev1.PodPhase) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Status.Phase = phase }
}

func uid(uid string) func(*corev1.Pod) { return func(p *corev1.Pod) { p.UID = types.UID(uid) } }

func label(key, value string) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Labels = map[string]string{key: value} }
}

func hostNetwork(p *corev1.Pod) { p.Spec.HostNetwork = true }

func neverReady(p *corev1.Pod) {
	created := int(p.CreationTimestamp.Sub(epoch.Time).Seconds())
	conditions(corev1.ConditionFalse, created+1)(p)
}

func deleted(p *corev1.Pod) {
	at := after(3600)
	p.DeletionTimestamp = &at
}

func noNode(p *corev1.Pod) { p.Spec.NodeName = "" }

// podSource returns the source kong of a namespace: pods with app=kong.
func podSource(namespace, port string) *v1alpha1.GatewaySource {
	src := &v1alpha1.GatewaySource{}
	src.Namespace, src.Name = namespace, "kong"
	src.Spec.Pods = &v1alpha1.PodTargets{
		Selector: metav1.LabelSelector{MatchLabels: map[string]string{"app": "kong"}}, Port: intstr.Parse(port),
	}
	return src
}

// serviceSource returns the source kong of a namespace: the Service kong.
func serviceSource(namespace, port string) *v1alpha1.GatewaySource {
	src := &v1alpha1.GatewaySource{}
	src.Namespace, src.Name = namespace, "kong"
	src.Spec.Service = &v1alpha1.ServiceTargets{Name: "kong", Port: intstr.Parse(port)}
	return src
}

// discoverer returns the discoverer of a source.
func (c *Cluster) discoverer(t testing.TB, src *v1alpha1.GatewaySource) *selected {
	t.Helper()
	d, err := c.Discoverer(src)
	if err != nil {
		t.Fatal(err)
	}
	return d.(*selected)
}

// show prints each target: its ID, its URL, what it is, its pod.
func show(d *selected) []string {
	var out []string
	for _, target := range d.Targets() {
		url := target.URL
		if url == "" {
			url = "-"
		}
		line := target.ID + " " + url
		if target.Expected {
			line += " expected"
		}
		if target.Terminating {
			line += " terminating"
		}
		out = append(out, line)
	}
	return out
}

// expect compares the targets and problems of a source. A problem is found by a
// part of it.
func expect(t testing.TB, d *selected, want []string, problems ...string) {
	t.Helper()
	got := show(d)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("targets\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	told := d.Problems()
	ok := len(told) == len(problems)
	for i := range min(len(told), len(problems)) {
		ok = ok && strings.Contains(told[i], problems[i])
	}
	if !ok {
		t.Errorf("problems\n  %s\nwant\n  %s", strings.Join(told, "\n  "), strings.Join(problems, "\n  "))
	}
}
