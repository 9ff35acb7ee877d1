package discover

import (
	"cmp"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/prometheus/prometheus/model/labels"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	k8slabels "k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/metric"
)

// maxProblems is how many problems of a source are told one by one.
const maxProblems = 20

// selected are the targets of a source that selects pods or names a Service.
type selected struct {
	cluster   *Cluster
	namespace string
	source    string
	scheme    string
	path      string // with the query, if any
	port      intstr.IntOrString
	selector  k8slabels.Selector // of pods; nil for a Service
	service   string
	built     atomic.Pointer[targets]
}

var _ Discoverer = (*selected)(nil)

// targets are what was built at a generation of the namespace.
type targets struct {
	generation uint64
	list       []metric.Target
	problems   []string
}

// newSelected returns the discoverer of a source. Its Params are the scraper's
// to add.
func newSelected(c *Cluster, src *v1alpha1.GatewaySource) (*selected, error) {
	s := &selected{
		cluster: c, namespace: src.Namespace, source: src.Name,
		scheme: cmp.Or(string(src.Spec.Scheme), string(v1alpha1.SchemeHTTP)),
	}
	var path, field string
	if pods := src.Spec.Pods; pods != nil {
		selector, err := metav1.LabelSelectorAsSelector(&pods.Selector)
		if err != nil {
			return nil, fmt.Errorf("spec.pods.selector: %w", err)
		}
		s.selector, s.port, path, field = selector, pods.Port, pods.Path, "spec.pods.path"
	} else {
		service := src.Spec.Service
		s.service, s.port, path, field = service.Name, service.Port, service.Path, "spec.service.path"
	}
	u, err := url.Parse("http://pod/" + strings.TrimPrefix(cmp.Or(path, "/metrics"), "/"))
	if err != nil {
		return nil, fmt.Errorf("%s: it is no path of a URL: give one such as /metrics", field) // the cause would quote its query
	}
	s.path = u.RequestURI()
	return s, nil
}

// Targets implements Discoverer. What it returns is read only. A target whose
// URL is empty is a pod that counts as expected and cannot be scraped, because
// it has no address or one that is refused.
func (s *selected) Targets() []metric.Target { return s.current().list }

// Problems returns what keeps pods that the source means from being scraped.
func (s *selected) Problems() []string { return s.current().problems }

// current returns the targets as they are now, built again only if something of
// the namespace has changed.
func (s *selected) current() *targets {
	if !s.cluster.HasSynced() {
		return &targets{problems: []string{errNotSynced.Error()}}
	}
	generation := s.cluster.view(s.namespace).generation.Load()
	if built := s.built.Load(); built != nil && built.generation == generation {
		return built
	}
	built := s.build()
	built.generation = generation
	s.built.Store(built)
	return built
}

// build finds the targets.
func (s *selected) build() *targets {
	list, err := s.cluster.podsOf(s.namespace)
	if err != nil {
		return &targets{problems: []string{err.Error()}}
	}
	b := &builder{selected: s, pods: list, endpoints: map[string]int{}, candidates: map[podPortKey]int{}}
	if s.selector != nil {
		b.addPods()
	} else {
		b.addService()
	}
	return b.finish()
}

// A builder collects the targets of a source.
type builder struct {
	*selected
	pods     *podList
	found    []candidate
	problems []string
	// candidates are indices of found.
	candidates map[podPortKey]int
	// endpoints are indices of the targets by address and port.
	endpoints map[string]int
}

// podPortKey is a port of a pod.
type podPortKey struct {
	uid  types.UID
	port int32
}

// A candidate is a port of a pod that the source means.
type candidate struct {
	pod     *corev1.Pod
	port    int32
	address netip.Addr // not valid where the pod has none
	refusal string     // why it is not to be scraped
}

// problem notes what keeps a pod from being scraped.
func (b *builder) problem(format string, args ...any) {
	b.problems = append(b.problems, fmt.Sprintf(format, args...))
}

// addPods adds the pods that the source selects.
func (b *builder) addPods() {
	matched := false
	for _, p := range b.pods.pods {
		if finished(p) || !b.selector.Matches(k8slabels.Set(p.Labels)) {
			continue
		}
		matched = true
		port, err := podPort(p, b.port)
		if err != nil {
			b.problem("pod %s/%s is not scraped: %v", p.Namespace, p.Name, err)
			continue
		}
		b.add(p, port, podAddress(p))
	}
	if !matched {
		b.problem("no pod of its namespace matches spec.pods.selector%s", selectorText(b.selector))
	}
}

// selectorText returns " (app=edge)", or nothing for a selector of all pods.
func selectorText(s k8slabels.Selector) string {
	if s.Empty() {
		return ""
	}
	return " (" + s.String() + ")"
}

// add adds a port of a pod at an address of the pod. One that is there already
// keeps the better address: one that is not refused, then the primary one.
func (b *builder) add(p *corev1.Pod, port int32, at netip.Addr) {
	c := candidate{pod: p, port: port, address: at}
	if at.IsValid() {
		c.refusal = b.cluster.addresses.refusal(p, at)
	}
	key := podPortKey{p.UID, port}
	i, known := b.candidates[key]
	if !known {
		b.candidates[key] = len(b.found)
		b.found = append(b.found, c)
		return
	}
	old := &b.found[i]
	if c.refusal == "" && (old.refusal != "" || at == podAddress(p)) {
		*old = c
	}
}

// finish turns the candidates into targets.
func (b *builder) finish() *targets {
	t := &targets{list: make([]metric.Target, 0, len(b.found))}
	slices.SortStableFunc(b.found, func(x, y candidate) int {
		return cmp.Or(cmp.Compare(x.pod.Name, y.pod.Name), cmp.Compare(x.port, y.port))
	})
	var chosen []candidate // the one of each target
	for _, c := range b.found {
		target, ok := b.target(c)
		if !ok {
			continue
		}
		i, shared := b.endpoints[target.URL]
		if !shared || target.URL == "" {
			b.endpoints[target.URL] = len(t.list)
			t.list, chosen = append(t.list, target), append(chosen, c)
			continue
		}
		expected := target.Expected || t.list[i].Expected
		if c.before(chosen[i]) {
			t.list[i], chosen[i] = target, c
		}
		t.list[i].Expected = expected
	}
	slices.Sort(b.problems)
	t.problems = slices.Compact(b.problems)
	if more := len(t.problems) - maxProblems; more > 0 {
		t.problems = append(t.problems[:maxProblems:maxProblems], fmt.Sprintf("and %d more", more))
	}
	return t
}

// before reports whether c stands for an endpoint that it shares with another
// pod on the network of the same node.
func (c *candidate) before(other candidate) bool {
	if a, b := ready(c.pod), ready(other.pod); a != b {
		return a
	}
	return c.pod.CreationTimestamp.Time.Before(other.pod.CreationTimestamp.Time)
}

// target returns the target of a candidate, if it is one.
//
// A pod that cannot be scraped is still expected if it was ever Ready, so that
// its load is not read as lost; one that is terminating has departed then.
func (b *builder) target(c candidate) (metric.Target, bool) {
	p := c.pod
	port := strconv.Itoa(int(c.port))
	t := metric.Target{
		ID:          string(p.UID) + ":" + port,
		Expected:    wasReady(p) || b.cluster.addresses.everReady(p.UID),
		Terminating: terminating(p),
	}
	instance := p.Name + ":" + port
	if c.refusal != "" {
		b.problem("pod %s/%s is not scraped at %s: %s", p.Namespace, p.Name, c.address, c.refusal)
	}
	if c.address.IsValid() {
		instance = hostPort(c.address, c.port)
	}
	if c.refusal == "" && c.address.IsValid() {
		t.URL = b.scheme + "://" + instance + b.path
	} else if !t.Expected || t.Terminating {
		return t, false
	}
	lset := labels.NewScratchBuilder(5)
	lset.Add(metric.LabelInstance, instance)
	lset.Add(metric.LabelNamespace, p.Namespace)
	if p.Spec.NodeName != "" {
		lset.Add(metric.LabelNode, p.Spec.NodeName)
	}
	lset.Add(metric.LabelPod, p.Name)
	lset.Add(metric.LabelSource, b.source)
	t.Labels = lset.Labels() // the names above are in order
	return t, true
}
