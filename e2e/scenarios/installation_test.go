package scenarios_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"

	"github.com/gaugeway/gaugeway/e2e/cluster"
	"github.com/gaugeway/gaugeway/e2e/controlplane"
	"github.com/gaugeway/gaugeway/e2e/node"
)

// systemNamespace is where gaugeway is installed.
const systemNamespace = "gaugeway-system"

// overlay writes an overlay of one's own over one of the manifests, as the
// documentation says, and returns its folder. Windows are short in scenarios, so
// that it has replicas replaced sooner.
func overlay(s *cluster.Scenario, name string) string {
	s.Helper()
	folder := s.TempDir()
	base, err := filepath.Rel(folder, filepath.Join(s.Root, "manifests", "overlays", name))
	if err != nil {
		s.Fatal(err)
	}
	kustomization := fmt.Sprintf(`apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [%s]
patches:
- patch: |-
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: gaugeway, namespace: gaugeway-system}
    spec: {minReadySeconds: 5}
`, base)
	if err := os.WriteFile(filepath.Join(folder, "kustomization.yaml"), []byte(kustomization), 0o600); err != nil {
		s.Fatal(err)
	}
	return folder
}

// install installs an overlay as the documentation says.
func install(s *cluster.Scenario, name string) {
	s.Helper()
	begin := time.Now()
	s.Kubectl("apply", "--kustomize", overlay(s, name))
	s.Kubectl("--namespace", systemNamespace, "rollout", "status", "deployment/gaugeway")
	s.Logf("overlay %s is rolled out after %v", name, time.Since(begin).Round(100*time.Millisecond))
}

// uninstall uninstalls an overlay as the documentation says.
func uninstall(s *cluster.Scenario, name string) {
	s.Helper()
	begin := time.Now()
	s.Kubectl("delete", "--kustomize", overlay(s, name))
	s.GaugewayRemoved()
	s.Logf("overlay %s is deleted after %v", name, time.Since(begin).Round(100*time.Millisecond))
}

// withoutGaugeway removes what the scenarios before have installed.
func withoutGaugeway(s *cluster.Scenario) {
	s.Helper()
	_, err := s.Client.CoreV1().Namespaces().Get(s.Context(), systemNamespace, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return
	}
	uninstall(s, "default")
	awaitNoGaugeway(s)
}

// awaitNoGaugeway waits until every APIService of gaugeway's is collected.
func awaitNoGaugeway(s *cluster.Scenario) {
	s.Helper()
	s.Eventually(cluster.Patience, "gaugeway's APIServices to be collected", func() error {
		list := s.Kubectl("get", "apiservices", "-l", "app.kubernetes.io/name=gaugeway", "-o", "name")
		if list = strings.TrimSpace(list); list != "" {
			return errors.New(list)
		}
		return nil
	})
}

// gaugewayPods are gaugeway's pods.
func gaugewayPods(s *cluster.Scenario) []*node.Pod {
	return s.Node.Pods(systemNamespace, "app.kubernetes.io/name=gaugeway")
}

// awaitEnd waits until pods are gone.
func awaitEnd(s *cluster.Scenario, pods []*node.Pod) {
	s.Helper()
	s.Eventually(cluster.Patience, "the pods to be gone", func() error {
		for _, p := range pods {
			if _, there := s.Node.Pod(p.Namespace(), p.Name()); there {
				return fmt.Errorf("%s is there", p.Name())
			}
		}
		return nil
	})
}

// inventory lists the objects of the cluster as resource namespace/name. Left
// out are events, which outlive what they are about, and what is in the namespaces
// of earlier scenarios, which are being deleted.
func inventory(s *cluster.Scenario) (map[string]bool, error) {
	lists, err := s.Client.Discovery().ServerPreferredResources()
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) {
		return nil, err
	}
	namespaces, err := s.Client.CoreV1().Namespaces().List(s.Context(), metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	ending := map[string]bool{}
	for _, n := range namespaces.Items {
		ending[n.Name] = n.DeletionTimestamp != nil && n.Name != systemNamespace
	}
	all := map[string]bool{}
	for _, list := range lists {
		for _, r := range list.APIResources {
			if !slices.Contains(r.Verbs, "list") || r.Kind == "Event" || strings.HasSuffix(list.GroupVersion, "metrics.k8s.io/v1beta1") {
				continue
			}
			path := "/apis/" + list.GroupVersion + "/" + r.Name
			if list.GroupVersion == "v1" {
				path = "/api/v1/" + r.Name
			}
			b, err := s.Raw(path)
			if apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err) {
				continue // it went meanwhile
			}
			var objects metav1.PartialObjectMetadataList
			if err := errors.Join(err, json.Unmarshal(b, &objects)); err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			for _, o := range objects.Items {
				if ending[o.Namespace] || r.Kind == "Namespace" && ending[o.Name] {
					continue
				}
				all[fmt.Sprintf("%s.%s %s/%s", r.Name, list.GroupVersion, o.Namespace, o.Name)] = true
			}
		}
	}
	return all, nil
}

// inventoryBefore is the inventory to compare a later one with.
func inventoryBefore(s *cluster.Scenario) (before map[string]bool) {
	s.Helper()
	s.Eventually(cluster.Patience, "the objects of the cluster", func() (err error) {
		before, err = inventory(s)
		return err
	})
	return before
}

// awaitNothingLeft waits until the cluster has no object that it did not have
// before, and has those that it had.
func awaitNothingLeft(s *cluster.Scenario, before map[string]bool) {
	s.Helper()
	s.Eventually(cluster.Patience, "nothing to be left", func() error {
		after, err := inventory(s)
		if err != nil {
			return err // APIs that are going may fail
		}
		left, lost := maps.Clone(after), maps.Clone(before)
		maps.DeleteFunc(left, func(o string, _ bool) bool { return before[o] })
		// The addresses of Services of earlier scenarios end after their namespaces.
		maps.DeleteFunc(lost, func(o string, _ bool) bool { return after[o] || strings.HasPrefix(o, "ipaddresses.") })
		if len(left)+len(lost) > 0 {
			return fmt.Errorf("left: %q, lost: %q", slices.Sorted(maps.Keys(left)), slices.Sorted(maps.Keys(lost)))
		}
		return nil
	})
}

// awaitTermination makes a namespace, deletes it and waits for its end, which
// every API of the cluster can hold up.
func awaitTermination(s *cluster.Scenario, name string) {
	s.Helper()
	namespaces := s.Client.CoreV1().Namespaces()
	if _, err := namespaces.Create(s.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}); err != nil {
		s.Fatal(err)
	}
	if err := namespaces.Delete(s.Context(), name, metav1.DeleteOptions{}); err != nil {
		s.Fatal(err)
	}
	s.Eventually(cluster.Patience, "namespace "+name+" to terminate", func() error {
		n, err := namespaces.Get(s.Context(), name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		return fmt.Errorf("its conditions are %+v", n.Status.Conditions)
	})
}

// reads are the answers to an external metric that is read all the time, and
// what went wrong with them.
type reads struct {
	name string

	mu       sync.Mutex
	failures []failure
	wrong    []string
	want     []float64
	count    int
	since    time.Time // reads that began earlier are of what was before
}

// A failure is a read without an answer.
type failure struct {
	at  time.Time
	err error
}

// String is for people.
func (f failure) String() string { return f.at.Format("15:04:05.000 ") + f.err.Error() }

// tolerate takes out failures for one reason if they are all within one sync
// period of the HPA controller.
func (r *reads) tolerate(reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	of := func(f failure) bool { return strings.Contains(f.err.Error(), reason) }
	first := slices.IndexFunc(r.failures, of)
	if first >= 0 {
		end := r.failures[first].at.Add(controlplane.FastHPA.SyncPeriod)
		r.failures = slices.DeleteFunc(r.failures, func(f failure) bool { return of(f) && f.at.Before(end) })
	}
}

// column reads for a timeline.
func (r *reads) column(s *cluster.Scenario) cluster.Column {
	return cluster.Column{Name: r.name, Read: func(ctx context.Context) float64 {
		begin := time.Now()
		value, err := s.External(r.name)
		r.mu.Lock()
		defer r.mu.Unlock()
		if begin.Before(r.since) {
			return math.NaN()
		}
		r.count++
		switch {
		case ctx.Err() != nil:
		case err != nil:
			r.failures = append(r.failures, failure{time.Now(), err})
			return math.NaN()
		case !slices.Contains(r.want, value):
			r.wrong = append(r.wrong, fmt.Sprint(value))
		}
		return value
	}}
}

// expect begins to count anew; answers are to be one of these values.
func (r *reads) expect(values ...float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.want, r.failures, r.wrong, r.count, r.since = values, nil, nil, 0, time.Now()
}

// check says what went wrong since expect.
func (r *reads) check(s *cluster.Scenario, while string) {
	s.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	s.Logf("%s: %d reads", while, r.count)
	if r.count == 0 || len(r.failures) > 0 {
		s.Errorf("%s: %d of %d reads failed: %v", while, len(r.failures), r.count, r.failures)
	}
	if len(r.wrong) > 0 {
		s.Errorf("%s: reads answered %v, want %v", while, r.wrong, r.want)
	}
}

// caBundle is what the API server trusts of an APIService.
func caBundle(s *cluster.Scenario, apiService string) []byte {
	s.Helper()
	b, err := s.Raw("/apis/apiregistration.k8s.io/v1/apiservices/" + apiService)
	if err != nil {
		s.Fatal(err)
	}
	var object struct {
		Spec struct {
			CABundle []byte `json:"caBundle"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(b, &object); err != nil {
		s.Fatal(err)
	}
	return object.Spec.CABundle
}
