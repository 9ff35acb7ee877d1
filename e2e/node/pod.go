package node

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// probePeriod is how often containers are probed and pods looked at.
const probePeriod = 200 * time.Millisecond

// restartDelay is how long a container that has ended stays down.
const restartDelay = time.Second

// A Pod is a pod that the node runs, and the test's handle on it.
type Pod struct {
	node    *Node
	number  int
	sandbox *sandbox
	dir     string

	containers []*Container
	terminate  chan struct{} // closed once the pod is to end
	abandoned  chan struct{} // closed once its object is gone
	poke       chan struct{} // looks at the pod at once

	mu        sync.Mutex
	object    *corev1.Pod // as the API server has it
	status    corev1.PodStatus
	written   corev1.PodStatus // as the API server was told
	readiness *bool            // forced by the test
	down      bool             // what has ended is not restarted
	grace     time.Duration
}

func newPod(n *Node, object *corev1.Pod, number int, address string) *Pod {
	return &Pod{
		node:      n,
		number:    number,
		sandbox:   &sandbox{address: address},
		dir:       filepath.Join(n.podsDir(), string(object.UID)),
		terminate: make(chan struct{}),
		abandoned: make(chan struct{}),
		poke:      make(chan struct{}, 1),
		object:    object,
	}
}

// Name of the pod.
func (p *Pod) Name() string { return p.Object().Name }

// Namespace of the pod.
func (p *Pod) Namespace() string { return p.Object().Namespace }

// Address of the pod.
func (p *Pod) Address() string { return p.sandbox.address }

// Object returns the pod as the node has last seen it. It is not to be changed.
func (p *Pod) Object() *corev1.Pod {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.object
}

// Ready says whether the node has reported the pod as ready.
func (p *Pod) Ready() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := condition(&p.status, corev1.PodReady)
	return c != nil && c.Status == corev1.ConditionTrue
}

// Terminating says whether the pod was told to end.
func (p *Pod) Terminating() bool { return closed(p.terminate) }

// Cut cuts the pod off from the network: packets are dropped without an answer.
// The kubelet's probes are local and still pass.
func (p *Pod) Cut() error { return p.sandbox.cut() }

// Mend ends Cut.
func (p *Pod) Mend() error { return p.sandbox.mend() }

// Isolate keeps the pod and all other isolated pods apart, as a network policy
// does: packets between them are dropped without an answer. Clients outside, the
// API server and the other pods reach it all the same.
func (p *Pod) Isolate(isolated bool) error { return p.sandbox.isolate(isolated) }

// Pause stops the pod's processes: they accept connections and answer nothing.
func (p *Pod) Pause() { p.signal(syscall.SIGSTOP) }

// Resume ends Pause.
func (p *Pod) Resume() { p.signal(syscall.SIGCONT) }

// Kill kills the pod's processes. They are restarted after a second, unless
// HoldDown keeps them down.
func (p *Pod) Kill() { p.signal(syscall.SIGKILL) }

// HoldDown says whether processes that end stay down.
func (p *Pod) HoldDown(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
}

// HoldReadiness reports the pod as ready or not, whatever its probe says; nil
// believes the probe again.
func (p *Pod) HoldReadiness(ready *bool) {
	p.mu.Lock()
	p.readiness = ready
	p.mu.Unlock()
	p.lookSoon()
}

func (p *Pod) signal(s syscall.Signal) {
	p.mu.Lock()
	containers := p.containers
	p.mu.Unlock()
	for _, c := range containers {
		c.signal(s)
	}
}

// update takes in the pod's object.
func (p *Pod) update(object *corev1.Pod) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.object = object
	if object.DeletionTimestamp != nil && !closed(p.terminate) {
		p.grace = time.Duration(ptr.Deref(object.DeletionGracePeriodSeconds, 30)) * time.Second
		close(p.terminate)
	}
}

// abandon ends a pod whose object is gone.
func (p *Pod) abandon() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !closed(p.abandoned) {
		close(p.abandoned)
	}
	if !closed(p.terminate) {
		close(p.terminate)
	}
}

func (p *Pod) lookSoon() {
	select {
	case p.poke <- struct{}{}:
	default:
	}
}

// run is the pod's life.
func (p *Pod) run(ctx context.Context) {
	defer p.tidyUp()
	starting, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(ctx, cancel)
	defer stop()
	go func() {
		select {
		case <-p.terminate:
			cancel()
		case <-starting.Done():
		}
	}()
	if err := p.begin(starting); err != nil && starting.Err() == nil {
		p.report("starting: %v", err)
	}
	cancel()

	tick := time.NewTicker(probePeriod)
	defer tick.Stop()
	for {
		p.look(ctx)
		select {
		case <-ctx.Done():
			p.kill()
			return
		case <-p.terminate:
			p.end(ctx)
			return
		case <-tick.C:
		case <-p.poke:
		}
	}
}

// begin gives the pod its network, its volumes and its containers.
func (p *Pod) begin(ctx context.Context) error {
	object := p.Object()
	p.initialStatus(object)
	p.writeStatus(ctx)
	if err := p.node.awaitStart(ctx, object.Namespace); err != nil {
		return err
	}
	if delay, err := time.ParseDuration(object.Annotations[AnnotationStartDelay]); err == nil {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(delay):
		}
	}
	if object.Spec.HostNetwork {
		p.sandbox.address = gatewayAddress
	} else {
		s, err := newSandbox(p.number, p.sandbox.address)
		if err != nil {
			return err
		}
		p.sandbox = s
	}
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return err
	}
	volumes := &volumes{pod: p, dir: filepath.Join(p.dir, "volumes")}
	retry(ctx, func() error { return volumes.write(ctx) }, func(err error) { p.report("volumes: %v", err) })
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if volumes.changing() {
		p.node.background.Go(func() { volumes.follow(p.node.ctx, p.terminate) })
	}

	var containers []*Container
	for _, spec := range p.specs(object) {
		c := &Container{pod: p, spec: spec, volumes: volumes, dir: filepath.Join(p.dir, spec.Name)}
		containers = append(containers, c)
		c.start(ctx)
	}
	p.mu.Lock()
	p.containers = containers
	p.mu.Unlock()
	p.runningStatus()
	return nil
}

// specs returns the containers, those of init containers that keep running first.
func (p *Pod) specs(object *corev1.Pod) []corev1.Container {
	var specs []corev1.Container
	for _, c := range object.Spec.InitContainers {
		if ptr.Deref(c.RestartPolicy, "") != corev1.ContainerRestartPolicyAlways {
			p.report("init container %s is not run: only sidecars are", c.Name)
			continue
		}
		specs = append(specs, c)
	}
	return append(specs, object.Spec.Containers...)
}

// look restarts what has ended, probes what runs and reports what has changed.
func (p *Pod) look(ctx context.Context) {
	p.mu.Lock()
	containers, down := p.containers, p.down
	p.mu.Unlock()
	for _, c := range containers {
		if !down {
			c.revive(ctx)
			c.restart(ctx)
		}
		c.probe(ctx)
	}
	p.refreshStatus()
	p.writeStatus(ctx)
}

// end terminates the pod as it was told to, and deletes its object.
func (p *Pod) end(ctx context.Context) {
	deadline := time.Now().Add(p.grace)
	p.mu.Lock()
	containers := p.containers
	p.mu.Unlock()
	var ending sync.WaitGroup
	for _, c := range containers {
		ending.Go(func() { c.stop(ctx, deadline, p.abandoned) })
	}
	ended := make(chan struct{})
	go func() { ending.Wait(); close(ended) }()
	tick := time.NewTicker(probePeriod)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			p.delete(ctx)
			return
		case <-ctx.Done():
			p.kill()
			<-ended
			return
		case <-tick.C:
			p.mu.Lock()
			p.down = true
			p.mu.Unlock()
			p.look(ctx)
		}
	}
}

// delete removes the pod's object: the kubelet's last act.
func (p *Pod) delete(ctx context.Context) {
	p.refreshStatus()
	p.writeStatus(ctx)
	object := p.Object()
	retry(ctx, func() error {
		err := p.node.Client.CoreV1().Pods(object.Namespace).Delete(ctx, object.Name, metav1.DeleteOptions{
			GracePeriodSeconds: ptr.To[int64](0),
			Preconditions:      &metav1.Preconditions{UID: &object.UID},
		})
		if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
			return nil
		}
		return err
	}, func(err error) { p.report("deleting: %v", err) })
}

// kill ends the processes at once.
func (p *Pod) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.containers {
		c.kill()
	}
}

// tidyUp removes what the pod has left.
func (p *Pod) tidyUp() {
	p.kill()
	for _, c := range p.containers {
		c.unmount()
	}
	if err := p.sandbox.remove(); err != nil {
		p.report("removing its network: %v", err)
	}
	if err := os.RemoveAll(p.dir); err != nil {
		p.report("removing its files: %v", err)
	}
}

func (p *Pod) report(format string, arguments ...any) {
	p.node.Logf("pod %s/%s: %s", p.Namespace(), p.Name(), fmt.Sprintf(format, arguments...))
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
