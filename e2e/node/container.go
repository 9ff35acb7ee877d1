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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// A program is what a container runs: a process or a server of the test's own.
type program interface {
	// Done is closed once it has ended.
	Done() <-chan struct{}
	// Signal takes SIGSTOP, SIGCONT and SIGKILL, for it and its children.
	SignalGroup(s syscall.Signal)
	// Stop asks it to end and kills it after the grace period; it returns once it has ended.
	Stop(s syscall.Signal, grace time.Duration)
}

// A Container is a container of a pod.
type Container struct {
	pod     *Pod
	spec    corev1.Container
	volumes *volumes
	dir     string
	mounts  []string // to be unmounted

	mu        sync.Mutex
	program   program
	endSignal syscall.Signal // that asks the program to end
	started   time.Time
	ended     time.Time // zero while the program runs
	restarts  int32
	up        bool      // the startup probe has passed
	passes    bool      // the readiness probe has
	failures  int32     // of the readiness probe, in a row
	dead      int32     // of the liveness probe, in a row
	asked     time.Time // when the liveness probe last ran
}

// start starts the container's program.
func (c *Container) start(ctx context.Context) {
	program, stop, err := c.launch(ctx)
	if err != nil {
		c.pod.report("container %s: %v", c.spec.Name, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.program, c.endSignal = program, stop
	c.started, c.ended = time.Now(), time.Time{}
	c.up, c.passes, c.failures, c.dead, c.asked = false, false, 0, 0, time.Now()
	if err != nil {
		c.program, c.ended = nil, time.Now()
	}
}

// restart starts the program again some time after it has ended.
func (c *Container) restart(ctx context.Context) {
	c.mu.Lock()
	if c.program != nil && c.ended.IsZero() && closed(c.program.Done()) {
		c.ended = time.Now()
		c.pod.report("container %s has ended, see %s", c.spec.Name, c.log())
	}
	due := !c.ended.IsZero() && time.Since(c.ended) >= restartDelay
	if due {
		c.restarts++
	}
	c.mu.Unlock()
	if due {
		c.start(ctx)
	}
}

// probe finds out whether the container is ready.
func (c *Container) probe(ctx context.Context) {
	c.mu.Lock()
	program, up := c.program, c.up
	c.mu.Unlock()
	if program == nil || closed(program.Done()) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.up, c.passes = false, false
		return
	}
	if !up && c.spec.StartupProbe != nil {
		up = c.check(ctx, c.spec.StartupProbe) == nil
		if !up {
			return
		}
	}
	passes := true
	var threshold int32 = 1
	if probe := c.spec.ReadinessProbe; probe != nil {
		passes = c.check(ctx, probe) == nil
		threshold = max(probe.FailureThreshold, 1)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.up = true
	if passes {
		c.passes, c.failures = true, 0
		return
	}
	c.failures++
	if c.failures >= threshold {
		c.passes = false
	}
}

// answers says whether the readiness probe passes.
func (c *Container) answers() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.passes
}

// revive kills a container whose liveness probe fails, so that it is restarted.
// That probe runs as rarely as it says: a test's machine may be busy.
func (c *Container) revive(ctx context.Context) {
	probe := c.spec.LivenessProbe
	c.mu.Lock()
	due := probe != nil && c.up && time.Since(c.asked) >= time.Duration(max(probe.PeriodSeconds, 1))*time.Second
	c.mu.Unlock()
	if !due {
		return
	}
	err := c.check(ctx, probe)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = time.Now()
	if err == nil {
		c.dead = 0
		return
	}
	c.dead++
	if c.dead >= max(probe.FailureThreshold, 1) && c.program != nil {
		c.pod.report("container %s: killed, its liveness probe fails: %v", c.spec.Name, err)
		c.program.SignalGroup(syscall.SIGKILL)
	}
}

// status is what the pod's status says of the container.
func (c *Container) status() corev1.ContainerStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := corev1.ContainerStatus{
		Name: c.spec.Name, Image: c.spec.Image, ImageID: c.spec.Image,
		RestartCount: c.restarts, Started: ptr.To(c.up), Ready: c.passes,
	}
	if c.program != nil && !closed(c.program.Done()) {
		s.State.Running = &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(c.started.Truncate(time.Second))}
	} else {
		s.Ready = false
		s.State.Waiting = &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}
	}
	return s
}

// stop ends the container before the deadline, as its preStop hook allows.
func (c *Container) stop(ctx context.Context, deadline time.Time, abandoned <-chan struct{}) {
	if hook := c.spec.Lifecycle; hook != nil && hook.PreStop != nil && hook.PreStop.Sleep != nil {
		timer := time.NewTimer(min(time.Duration(hook.PreStop.Sleep.Seconds)*time.Second, time.Until(deadline)))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-abandoned:
		case <-ctx.Done():
		}
	}
	c.mu.Lock()
	program, signal := c.program, c.endSignal
	c.mu.Unlock()
	if program == nil {
		return
	}
	if closed(abandoned) {
		deadline = time.Now()
	}
	program.Stop(signal, max(0, time.Until(deadline)))
}

func (c *Container) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.program != nil {
		c.program.Stop(syscall.SIGKILL, 0)
	}
}

func (c *Container) signal(s syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.program != nil {
		c.program.SignalGroup(s)
	}
}

// log is the file with what the program prints.
func (c *Container) log() string {
	return filepath.Join(c.pod.node.logDir(), fmt.Sprintf("%s_%s_%s.log", c.pod.Namespace(), c.pod.Name(), c.spec.Name))
}

// mkdir makes the folder for the program's own files.
func (c *Container) mkdir() error { return os.MkdirAll(c.dir, 0o755) }
