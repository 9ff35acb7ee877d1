// Package node stands in for a cluster's scheduler, kubelet, container runtime
// and network plugin. Every pod gets an address and a network namespace of its
// own; a container runs what its image names: the real gaugeway, a real nginx or
// HAProxy, or a server inside the test's process that the test steers.
//
// Probes, terminations, restarts and statuses are a kubelet's, only faster:
// readiness is probed five times a second.
package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/gaugeway/gaugeway/e2e/process"
)

// Name of the only node.
const Name = "e2e-node"

// AnnotationUnmanaged with the value "true" makes the node leave a pod alone:
// it stays an object whose status the test writes.
const AnnotationUnmanaged = "e2e.gaugeway.dev/unmanaged"

// AnnotationStartDelay is how long the containers of a pod take to start, such
// as 5s: the time to pull an image or to load a model.
const AnnotationStartDelay = "e2e.gaugeway.dev/start-delay"

// Options of a node.
type Options struct {
	// Client of an administrator.
	Client kubernetes.Interface
	// Dir is for files of pods and for logs.
	Dir string
	// Gaugeway is the program that images called .../gaugeway run.
	Gaugeway string
	// Examples is the folder docs/examples of the checkout: nginx runs the Lua module in it.
	Examples string
	// Logf says what goes wrong.
	Logf func(format string, arguments ...any)
}

// A Node runs the pods of a cluster.
type Node struct {
	Options
	addresses  addresses
	slices     discoverylisters.EndpointSliceLister
	settings   settings
	ctx        context.Context
	background sync.WaitGroup

	mu   sync.Mutex
	pods map[types.UID]*Pod
}

// Start creates the Node object and runs all pods, present and to come, until
// the context ends; Wait waits for their end.
func Start(ctx context.Context, o Options) (*Node, error) {
	n := &Node{Options: o, ctx: ctx, pods: map[types.UID]*Pod{}}
	for _, dir := range []string{n.logDir(), n.podsDir()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	if err := n.pull(); err != nil {
		return nil, fmt.Errorf("copying gaugeway: %w", err)
	}
	if err := n.register(); err != nil {
		return nil, err
	}
	factory := informers.NewSharedInformerFactory(o.Client, 0)
	_, err := factory.Core().V1().Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { n.observe(obj) },
		UpdateFunc: func(_, obj any) { n.observe(obj) },
		DeleteFunc: n.forget,
	})
	if err != nil {
		return nil, err
	}
	n.slices = factory.Discovery().V1().EndpointSlices().Lister()
	factory.Start(ctx.Done())
	for kind, synced := range factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return nil, fmt.Errorf("watching %v: %w", kind, context.Cause(ctx))
		}
	}
	return n, nil
}

// Wait waits until everything that the node runs has ended, after the end of
// the context that it was started with.
func (n *Node) Wait() { n.background.Wait() }

// Pod returns a pod that the node runs or has not yet finished to terminate.
func (n *Node) Pod(namespace, name string) (*Pod, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.pods {
		if p.Namespace() == namespace && p.Name() == name {
			return p, true
		}
	}
	return nil, false
}

// Pods returns the pods of a namespace that a selector such as "app=edge"
// matches, terminating ones included, the oldest first.
func (n *Node) Pods(namespace, selector string) []*Pod {
	s, err := labels.Parse(selector)
	if err != nil {
		n.Logf("selector %q: %v", selector, err)
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	var pods []*Pod
	for _, p := range n.pods {
		if p.Namespace() == namespace && s.Matches(labels.Set(p.Object().Labels)) {
			pods = append(pods, p)
		}
	}
	slices.SortFunc(pods, func(a, b *Pod) int { return a.number - b.number })
	return pods
}

// HoldStarts says whether pods of a namespace that are created from now on wait
// with their start.
func (n *Node) HoldStarts(namespace string, hold bool) {
	n.settings.mu.Lock()
	defer n.settings.mu.Unlock()
	n.settings.of(namespace).held = hold
}

// awaitStart waits until pods of a namespace may start.
func (n *Node) awaitStart(ctx context.Context, namespace string) error {
	held := func() bool {
		n.settings.mu.Lock()
		defer n.settings.mu.Unlock()
		return n.settings.of(namespace).held
	}
	for held() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

// Endpoints returns host:port of the ready endpoints of a Service's first port.
func (n *Node) Endpoints(namespace, service string) []string {
	list, err := n.slices.EndpointSlices(namespace).List(labels.SelectorFromSet(labels.Set{discoveryv1.LabelServiceName: service}))
	if err != nil {
		n.Logf("endpoints of %s/%s: %v", namespace, service, err)
	}
	var all []string
	for _, slice := range list {
		if len(slice.Ports) == 0 || slice.Ports[0].Port == nil {
			continue
		}
		for _, e := range slice.Endpoints {
			if e.Conditions.Ready != nil && !*e.Conditions.Ready {
				continue
			}
			for _, address := range e.Addresses {
				all = append(all, fmt.Sprintf("%s:%d", address, *slice.Ports[0].Port))
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Logs returns the last lines of each container log of a namespace.
func (n *Node) Logs(namespace string, lines int) string {
	entries, err := os.ReadDir(n.logDir())
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), namespace+"_") {
			path := filepath.Join(n.logDir(), e.Name())
			fmt.Fprintf(&b, "--- %s\n%s", path, process.Tail(path, lines))
		}
	}
	return b.String()
}

func (n *Node) logDir() string  { return filepath.Join(n.Dir, "logs") }
func (n *Node) podsDir() string { return filepath.Join(n.Dir, "pods") }

// register creates the Node object.
func (n *Node) register() error {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{
		Name:   Name,
		Labels: map[string]string{corev1.LabelHostname: Name, corev1.LabelOSStable: "linux"},
	}}
	created, err := n.Client.CoreV1().Nodes().Create(n.ctx, node, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	created.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now()}}
	created.Status.Addresses = []corev1.NodeAddress{
		{Type: corev1.NodeInternalIP, Address: gatewayAddress},
		{Type: corev1.NodeHostName, Address: Name},
	}
	_, err = n.Client.CoreV1().Nodes().UpdateStatus(n.ctx, created, metav1.UpdateOptions{})
	return err
}

// observe takes in a pod that is new or has changed.
func (n *Node) observe(obj any) {
	object, ok := obj.(*corev1.Pod)
	if !ok || object.Annotations[AnnotationUnmanaged] == "true" {
		return
	}
	if object.Spec.NodeName == "" {
		n.bind(object)
		return
	}
	if object.Spec.NodeName != Name {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	p, known := n.pods[object.UID]
	if !known {
		number, address := n.addresses.take()
		p = newPod(n, object, number, address)
		n.pods[object.UID] = p
		n.background.Go(func() {
			p.run(n.ctx)
			n.mu.Lock()
			defer n.mu.Unlock()
			delete(n.pods, object.UID)
		})
	}
	p.update(object)
}

// forget ends a pod that was deleted without waiting for it.
func (n *Node) forget(obj any) {
	if last, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = last.Obj
	}
	object, ok := obj.(*corev1.Pod)
	if !ok {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if p := n.pods[object.UID]; p != nil {
		p.abandon()
	}
}

// bind is what the scheduler does.
func (n *Node) bind(object *corev1.Pod) {
	n.background.Go(func() {
		retry(n.ctx, func() error {
			err := n.Client.CoreV1().Pods(object.Namespace).Bind(n.ctx, &corev1.Binding{
				ObjectMeta: metav1.ObjectMeta{Name: object.Name, UID: object.UID},
				Target:     corev1.ObjectReference{Kind: "Node", Name: Name},
			}, metav1.CreateOptions{})
			if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
				return nil // it is bound, or gone
			}
			return err
		}, func(err error) { n.Logf("binding pod %s/%s: %v", object.Namespace, object.Name, err) })
	})
}

// retry calls a function until it succeeds or the context ends. The first
// error is reported.
func retry(ctx context.Context, f func() error, report func(error)) {
	for reported := false; ; {
		err := f()
		if err == nil || ctx.Err() != nil || errors.Is(err, context.Canceled) {
			return
		}
		if !reported {
			report(err)
			reported = true
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}
