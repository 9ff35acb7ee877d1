package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/gaugeway/gaugeway/e2e/controlplane"
	"github.com/gaugeway/gaugeway/e2e/node"
	"github.com/gaugeway/gaugeway/e2e/process"
)

// Patience is how long a scenario waits for what should come within a second or
// two, on a machine that does other work as well.
const Patience = 30 * time.Second

// A Scenario is a test with a Kubernetes namespace and a folder of its own, both
// called as the test is. Methods that can fail end the test.
type Scenario struct {
	*testing.T
	*Cluster
	// Namespace is the scenario's own; it is deleted in the end.
	Namespace string
	// Dir is the folder with the scenario's manifests.
	Dir string
}

// Scenario begins a scenario: it makes its namespace.
func (c *Cluster) Scenario(t *testing.T, name string) *Scenario {
	t.Helper()
	s := &Scenario{T: t, Cluster: c, Namespace: name, Dir: filepath.Join(c.Root, "e2e", "scenarios", name)}
	s.CreateNamespace(name)
	return s
}

// Error, Errorf, Fatal and Fatalf are those of the test. What they say is printed
// once more at the end of all scenarios.
func (s *Scenario) Error(arguments ...any) {
	s.Helper()
	s.remember(fmt.Sprint(arguments...))
	s.T.Error(arguments...)
}

// Errorf is as Error.
func (s *Scenario) Errorf(format string, arguments ...any) {
	s.Helper()
	s.remember(fmt.Sprintf(format, arguments...))
	s.T.Errorf(format, arguments...)
}

// Fatal is as Error.
func (s *Scenario) Fatal(arguments ...any) {
	s.Helper()
	s.remember(fmt.Sprint(arguments...))
	s.T.Fatal(arguments...)
}

// Fatalf is as Error.
func (s *Scenario) Fatalf(format string, arguments ...any) {
	s.Helper()
	s.remember(fmt.Sprintf(format, arguments...))
	s.T.Fatalf(format, arguments...)
}

// remember keeps what a scenario failed with.
func (s *Scenario) remember(message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = append(s.failures, time.Now().Format("15:04:05 ")+s.Namespace+": "+message)
}

// CreateNamespace makes a namespace, which is deleted in the end. Where the test
// fails, what is in it is printed first.
func (s *Scenario) CreateNamespace(name string) {
	s.Helper()
	object := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if _, err := s.Client.CoreV1().Namespaces().Create(s.Context(), object, metav1.CreateOptions{}); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		if s.Failed() {
			s.explain(name)
		}
		// The test's own context has ended.
		ctx, cancel := context.WithTimeout(context.Background(), Patience)
		defer cancel()
		s.deleteNamespace(ctx, name)
	})
}

// deleteNamespace deletes a namespace and waits for the end of its pods, which
// would otherwise slow the next scenario down.
func (s *Scenario) deleteNamespace(ctx context.Context, name string) {
	err := s.Client.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		s.Errorf("deleting namespace %s: %v", name, err)
		return
	}
	err = s.Client.CoreV1().Pods(name).DeleteCollection(ctx,
		metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](1)}, metav1.ListOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		s.Errorf("deleting the pods of namespace %s: %v", name, err)
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for len(s.Node.Pods(name, "")) > 0 {
		select {
		case <-ctx.Done():
			s.Errorf("%d pods of namespace %s do not end", len(s.Node.Pods(name, "")), name)
			return
		case <-tick.C:
		}
	}
}

// explain prints what may tell why a test has failed.
func (s *Scenario) explain(namespace string) {
	for _, what := range [][]string{
		{"get", "pods,services,endpointslices", "-o", "wide"},
		{"get", "gatewaysources,gatewaymetrics", "-o", "wide"},
		{"describe", "hpa"},
		{"get", "events", "--sort-by=.lastTimestamp"},
	} {
		stdout, stderr, _ := s.runKubectl(context.Background(), "admin", "", append([]string{"-n", namespace}, what...)...)
		s.Logf("kubectl %v:\n%s%s", what, stdout, stderr)
	}
	s.Logf("logs of the pods:\n%s", s.Node.Logs(namespace, 30))
	s.Logf("the node says:\n%s", process.Tail(s.nodeLog(), 30))
}

// Eventually waits until the condition holds, which it says by returning nil;
// what it said last is printed if it never does.
func (s *Scenario) Eventually(patience time.Duration, what string, condition func() error) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := condition()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			s.Fatalf("waited %v for %s, last: %v", patience, what, err)
		case <-tick.C:
		}
	}
}

// Throughout checks that the condition holds all the time.
func (s *Scenario) Throughout(duration time.Duration, what string, condition func() error) {
	s.Helper()
	end := time.Now().Add(duration)
	for time.Now().Before(end) {
		if err := condition(); err != nil {
			s.Fatalf("%s: %v, %v before the end", what, err, time.Until(end).Round(time.Second))
		}
		s.Wait(100 * time.Millisecond)
	}
}

// Wait lets time pass: for load to go on, not for something to happen.
func (s *Scenario) Wait(d time.Duration) {
	select {
	case <-s.Context().Done():
	case <-time.After(d):
	}
}

// AwaitReady waits until a Deployment has as many pods as it should, all ready.
func (s *Scenario) AwaitReady(namespace, deployment string) {
	s.Helper()
	s.Eventually(Patience, "deployment "+deployment, func() error {
		d, err := s.Client.AppsV1().Deployments(namespace).Get(s.Context(), deployment, metav1.GetOptions{})
		if err != nil {
			return err
		}
		want := ptr.Deref(d.Spec.Replicas, 1)
		if d.Status.ObservedGeneration < d.Generation || d.Status.ReadyReplicas != want || d.Status.UpdatedReplicas != want || d.Status.Replicas != want {
			return fmt.Errorf("want %d replicas: %d there, %d updated, %d ready", want, d.Status.Replicas, d.Status.UpdatedReplicas, d.Status.ReadyReplicas)
		}
		return nil
	})
}

// AwaitEndpoints waits until a Service has so many ready endpoints, for the load
// and for gateways that follow it.
func (s *Scenario) AwaitEndpoints(service string, want int) {
	s.Helper()
	s.Eventually(Patience, fmt.Sprintf("%d endpoints of service %s", want, service), func() error {
		if got := s.Node.Endpoints(s.Namespace, service); len(got) != want {
			return fmt.Errorf("they are %v", got)
		}
		return nil
	})
}

// AwaitReplicas waits until a Deployment is scaled to a number of replicas.
func (s *Scenario) AwaitReplicas(patience time.Duration, deployment string, want int32) {
	s.Helper()
	s.Eventually(patience, fmt.Sprintf("%s with %d replicas", deployment, want), func() error {
		if got := s.Replicas(deployment); got != want {
			return fmt.Errorf("it has %d", got)
		}
		return nil
	})
}

// Replicas returns how many replicas a Deployment should have.
func (s *Scenario) Replicas(deployment string) int32 {
	s.Helper()
	d, err := s.Client.AppsV1().Deployments(s.Namespace).Get(s.Context(), deployment, metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	return ptr.Deref(d.Spec.Replicas, 1)
}

// HPA returns a HorizontalPodAutoscaler of the scenario's namespace.
func (s *Scenario) HPA(name string) *autoscalingv2.HorizontalPodAutoscaler {
	s.Helper()
	hpa, err := s.Client.AutoscalingV2().HorizontalPodAutoscalers(s.Namespace).Get(s.Context(), name, metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	return hpa
}

// Pods returns the scenario's pods that a selector such as "app=edge" matches,
// the oldest first: handles to cut them off, pause and kill them.
func (s *Scenario) Pods(selector string) []*node.Pod { return s.Node.Pods(s.Namespace, selector) }

// SetHPA sets the HPA controller up otherwise until the scenario ends.
func (s *Scenario) SetHPA(hpa controlplane.HPA) {
	s.Helper()
	if err := s.ControlPlane.StartControllerManager(s.Context(), hpa); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		if err := s.ControlPlane.StartControllerManager(context.Background(), controlplane.FastHPA); err != nil {
			s.Error(err)
		}
	})
}

// File returns the path of a file in the scenario's folder.
func (s *Scenario) File(name string) string {
	s.Helper()
	path := filepath.Join(s.Dir, name)
	if _, err := os.Stat(path); err != nil {
		s.Fatal(err)
	}
	return path
}
