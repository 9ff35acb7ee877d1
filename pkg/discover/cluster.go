package discover

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	k8slabels "k8s.io/apimachinery/pkg/labels"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
)

// A Cluster knows the pods, EndpointSlices and Services of a cluster through a
// cache's informers, and finds the targets of sources among them.
//
// Targets are read from the informers' stores; events only tell that a namespace
// has changed since its targets were built. It is safe for concurrent use.
type Cluster struct {
	reader    client.Reader
	informers []toolscache.ResourceEventHandlerRegistration
	synced    atomic.Bool
	addresses *addresses
	// views are those of the namespaces that have been asked for.
	views sync.Map // namespace -> *view
}

// A view is what is known of a namespace.
type view struct {
	// generation changes whenever something of the namespace does.
	generation atomic.Uint64
	pods       atomic.Pointer[podList]
}

// A podList holds the pods of a namespace by name, as they were at a generation
// of it or later.
type podList struct {
	generation uint64
	pods       []*corev1.Pod
}

// find returns the pod of a name, or nil.
func (l *podList) find(name string) *corev1.Pod {
	i, found := slices.BinarySearchFunc(l.pods, name, func(p *corev1.Pod, name string) int { return cmp.Compare(p.Name, name) })
	if !found {
		return nil
	}
	return l.pods[i]
}

// NewCluster returns a Cluster that reads a cache, which the caller starts. The
// cache should have been made with CacheOptions.
func NewCluster(ctx context.Context, c cache.Cache) (*Cluster, error) {
	cluster := &Cluster{reader: c, addresses: newAddresses()}
	for _, follow := range []struct {
		object  client.Object
		handler toolscache.ResourceEventHandler
	}{
		{&corev1.Pod{}, podHandler{cluster}},
		{&discoveryv1.EndpointSlice{}, sliceHandler{cluster}},
		{&corev1.Service{}, serviceHandler{cluster}},
	} {
		informer, err := c.GetInformer(ctx, follow.object, cache.BlockUntilSynced(false))
		if err != nil {
			return nil, fmt.Errorf("following %T: %w", follow.object, err)
		}
		registration, err := informer.AddEventHandler(follow.handler)
		if err != nil {
			return nil, fmt.Errorf("following %T: %w", follow.object, err)
		}
		cluster.informers = append(cluster.informers, registration)
	}
	return cluster, nil
}

// HasSynced reports whether all pods, EndpointSlices and Services have been
// listed once. Until then sources have no targets.
func (c *Cluster) HasSynced() bool {
	if c.synced.Load() {
		return true
	}
	for _, informer := range c.informers {
		if !informer.HasSynced() {
			return false
		}
	}
	c.synced.Store(true)
	return true
}

// Discoverer returns the targets of a source: those listed by URL, the pods that
// it selects or those behind its Service. What it returns has a method
// Problems() []string as well, unless the source lists URLs. The error says what
// is wrong with the source.
func (c *Cluster) Discoverer(src *v1alpha1.GatewaySource) (Discoverer, error) {
	if src.Spec.Pods == nil && src.Spec.Service == nil {
		return NewStatic(src)
	}
	return newSelected(c, src)
}

// PodOf returns the name of the namespace's pod that has an address: an IP
// address, or one with a port, an IPv6 address then in brackets. Pods on their
// node's network and those that have finished have none of their own, and a pod
// whose status claims an address that belongs to another does not have it. Before
// HasSynced no pod is found: a sum over some of them would read low.
func (c *Cluster) PodOf(namespace, address string) (string, bool) {
	if !c.HasSynced() {
		return "", false
	}
	at := parseAddress(strings.TrimSuffix(strings.TrimPrefix(address, "["), "]"))
	if !at.IsValid() {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return "", false
		}
		if at = parseAddress(host); !at.IsValid() {
			return "", false
		}
	}
	return c.addresses.podOf(namespace, at)
}

// errNotSynced: nothing is known yet.
var errNotSynced = errors.New("the cluster's pods are not all listed yet: " +
	"try again, and if it lasts, grant list and watch on pods, services and endpointslices.discovery.k8s.io")

// PodNames returns the names of a namespace's pods that a selector matches and
// that have not finished, in order. It does no I/O. It is an error that the pods
// have not been listed yet.
func (c *Cluster) PodNames(namespace string, selector k8slabels.Selector) ([]string, error) {
	if !c.HasSynced() {
		return nil, errNotSynced
	}
	if !c.addresses.hasPods(namespace) {
		return nil, nil // and no view of it is kept
	}
	list, err := c.podsOf(namespace)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, p := range list.pods {
		if !finished(p) && selector.Matches(k8slabels.Set(p.Labels)) {
			names = append(names, p.Name)
		}
	}
	return names, nil
}

// view returns the view of a namespace.
func (c *Cluster) view(namespace string) *view {
	if v, ok := c.views.Load(namespace); ok {
		return v.(*view)
	}
	v, _ := c.views.LoadOrStore(namespace, &view{})
	return v.(*view)
}

// podsOf returns the pods of a namespace. It takes no lock that a rebuild holds.
func (c *Cluster) podsOf(namespace string) (*podList, error) {
	v := c.view(namespace)
	generation := v.generation.Load()
	if list := v.pods.Load(); list != nil && list.generation == generation {
		return list, nil
	}
	var pods corev1.PodList
	if err := c.list(&pods, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("reading the pods of namespace %s: %w", namespace, err)
	}
	list := &podList{generation: generation, pods: make([]*corev1.Pod, len(pods.Items))}
	for i := range pods.Items {
		list.pods[i] = &pods.Items[i]
	}
	slices.SortFunc(list.pods, func(a, b *corev1.Pod) int { return cmp.Compare(a.Name, b.Name) })
	v.pods.Store(list)
	return list, nil
}

// list reads objects from the informers' stores. They are shared: read only.
func (c *Cluster) list(into client.ObjectList, options ...client.ListOption) error {
	return c.reader.List(context.Background(), into, append(options, client.UnsafeDisableDeepCopy)...)
}

// changed has the targets of namespaces built again when they are next asked for.
func (c *Cluster) changed(namespaces ...string) {
	for _, namespace := range namespaces {
		if v, ok := c.views.Load(namespace); ok {
			v.(*view).generation.Add(1)
			v.(*view).pods.Store(nil)
		}
	}
}

// objectOf returns the object of an event, also of a deletion that was missed
// and found by a later list.
func objectOf[T any](event any) (object T, ok bool) {
	if lost, is := event.(toolscache.DeletedFinalStateUnknown); is {
		event = lost.Obj
	}
	object, ok = event.(T)
	return object, ok
}

// A podHandler takes in events of pods.
type podHandler struct{ *Cluster }

// OnAdd implements ResourceEventHandler.
func (h podHandler) OnAdd(event any, initial bool) {
	if p, ok := objectOf[*corev1.Pod](event); ok {
		h.changed(append(h.addresses.setPod(p, initial), p.Namespace)...)
	}
}

// OnUpdate implements ResourceEventHandler.
func (h podHandler) OnUpdate(before, event any) {
	old, known := objectOf[*corev1.Pod](before)
	p, ok := objectOf[*corev1.Pod](event)
	if !ok || known && old.UID == p.UID && old.ResourceVersion == p.ResourceVersion {
		return // a resync
	}
	if known && old.UID != p.UID { // its deletion was missed
		h.changed(h.addresses.removePod(old.UID)...)
	}
	h.OnAdd(p, false)
}

// OnDelete implements ResourceEventHandler.
func (h podHandler) OnDelete(event any) {
	if p, ok := objectOf[*corev1.Pod](event); ok {
		h.changed(append(h.addresses.removePod(p.UID), p.Namespace)...)
	}
}

// A sliceHandler takes in events of EndpointSlices.
type sliceHandler struct{ *Cluster }

// OnAdd implements ResourceEventHandler.
func (h sliceHandler) OnAdd(event any, _ bool) {
	if s, ok := objectOf[*discoveryv1.EndpointSlice](event); ok {
		h.changed(s.Namespace)
	}
}

// OnUpdate implements ResourceEventHandler.
func (h sliceHandler) OnUpdate(_, event any) { h.OnAdd(event, false) }

// OnDelete implements ResourceEventHandler.
func (h sliceHandler) OnDelete(event any) { h.OnAdd(event, false) }

// A serviceHandler takes in events of Services.
type serviceHandler struct{ *Cluster }

// OnAdd implements ResourceEventHandler.
func (h serviceHandler) OnAdd(event any, _ bool) { h.count(event, 1) }

// OnUpdate implements ResourceEventHandler.
func (h serviceHandler) OnUpdate(before, event any) {
	h.count(before, -1)
	h.count(event, 1)
}

// OnDelete implements ResourceEventHandler.
func (h serviceHandler) OnDelete(event any) { h.count(event, -1) }

func (h serviceHandler) count(event any, n int) {
	if s, ok := objectOf[*corev1.Service](event); ok {
		h.changed(append(h.addresses.addService(s, n), s.Namespace)...)
	}
}

var (
	_ toolscache.ResourceEventHandler = podHandler{}
	_ toolscache.ResourceEventHandler = sliceHandler{}
	_ toolscache.ResourceEventHandler = serviceHandler{}
)

// hostPort joins an address and a port.
func hostPort(at netip.Addr, port int32) string {
	return netip.AddrPortFrom(at, uint16(port)).String()
}
