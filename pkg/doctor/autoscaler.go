package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/script"
)

// AutoscalerOptions say in what surroundings autoscalers are checked.
type AutoscalerOptions struct {
	// External and Custom are how grave it is that an autoscaler names a metric of
	// that API which no GatewayMetric declares; OK or empty: it is not said,
	// because another adapter serves the API.
	External, Custom Level
	// Kinds has the kind of resources by their name with the group, such as
	// httproutes.gateway.networking.k8s.io; of others it is guessed.
	Kinds map[string]string
	// Sources are those of the metrics, as far as they are known, and Modules the
	// functions of the presets that they name.
	Sources []v1alpha1.GatewaySource
	Modules map[string]*script.Module
	// Version of the API server that accepted the autoscalers; empty: none did,
	// they come from files.
	Version string
}

// CheckAutoscalers holds HorizontalPodAutoscalers against the metrics that they
// name, by namespace and name. Each gives its findings, or one check that is OK,
// or nothing where it uses no metric of gaugeway. The metrics are those of all
// namespaces, with their defaults set; statuses are used where there are any.
func CheckAutoscalers(autoscalers []autoscalingv2.HorizontalPodAutoscaler, metrics []v1alpha1.GatewayMetric, o AutoscalerOptions) []Check {
	sorted := slices.Clone(autoscalers)
	slices.SortFunc(sorted, func(a, b autoscalingv2.HorizontalPodAutoscaler) int { return compareNames(&a, &b) })
	programs := map[*v1alpha1.GatewayMetric]*script.Program{}
	var out []Check
	for i := range sorted {
		c := autoscalerCheck{o: o, h: &sorted[i], metrics: metrics, programs: programs}
		out = append(out, c.run()...)
	}
	return out
}

// An autoscalerCheck is the check of one autoscaler.
type autoscalerCheck struct {
	o        AutoscalerOptions
	h        *autoscalingv2.HorizontalPodAutoscaler
	metrics  []v1alpha1.GatewayMetric
	programs map[*v1alpha1.GatewayMetric]*script.Program // compiled so far

	checks []Check
	used   []string // metrics of gaugeway
}

// A reference is a metric as an autoscaler names it.
type reference struct {
	index  int    // in spec.metrics
	field  string // external, pods or object
	metric autoscalingv2.MetricIdentifier
	target autoscalingv2.MetricTarget
}

func (c *autoscalerCheck) add(level Level, message, cure string) {
	c.checks = append(c.checks, Check{Level: level, Object: c.object(), Message: message, Cure: cure})
}

// offline reports whether the autoscaler comes from a file and not from a cluster.
func (c *autoscalerCheck) offline() bool { return c.o.Version == "" }

func (c *autoscalerCheck) object() string {
	return name("HorizontalPodAutoscaler", c.h.Namespace, c.h.Name)
}

func (c *autoscalerCheck) run() []Check {
	for i := range c.h.Spec.Metrics {
		switch m := &c.h.Spec.Metrics[i]; {
		case m.External != nil:
			c.external(reference{i, "external", m.External.Metric, m.External.Target})
		case m.Pods != nil:
			c.pods(reference{i, "pods", m.Pods.Metric, m.Pods.Target})
		case m.Object != nil:
			c.objectMetric(reference{i, "object", m.Object.Metric, m.Object.Target}, m.Object.DescribedObject)
		}
	}
	if len(c.used)+len(c.checks) == 0 {
		return nil
	}
	c.scaleToZero()
	c.conditions()
	if len(c.checks) == 0 {
		c.add(OK, strings.Join(c.used, ", "), "")
	}
	return c.checks
}

func (c *autoscalerCheck) external(r reference) {
	m := c.find(r, func(s *v1alpha1.GatewayMetricSpec) string {
		if s.External == nil {
			return ""
		}
		return s.External.Name
	}, c.o.External)
	if m == nil {
		return
	}
	c.target(m, r)
	if c.selector(r) {
		c.items(m, r)
	}
}

func (c *autoscalerCheck) pods(r reference) {
	m := c.find(r, func(s *v1alpha1.GatewayMetricSpec) string {
		if s.Pods == nil {
			return ""
		}
		return s.Pods.Name
	}, c.o.Custom)
	if m == nil {
		return
	}
	c.small(r)
	c.selector(r)
	c.labelled(m, r, "pod")
}

func (c *autoscalerCheck) objectMetric(r reference, described autoscalingv2.CrossVersionObjectReference) {
	var resources []string
	m := c.find(r, func(s *v1alpha1.GatewayMetricSpec) string {
		if s.Object == nil {
			return ""
		}
		return s.Object.Name
	}, c.o.Custom, func(s *v1alpha1.GatewayMetricSpec) bool {
		resources = append(resources, s.Object.Resource)
		return c.describes(s.Object.Resource, described)
	})
	if m == nil {
		if len(resources) > 0 {
			c.add(Error, fmt.Sprintf("%s is declared for %s, and describedObject is %s %s of %s", r, strings.Join(resources, ", "), described.Kind, described.Name, cmp.Or(described.APIVersion, "v1")),
				"correct describedObject, or spec.object.resource of the GatewayMetric")
		}
		return
	}
	c.target(m, r)
	c.selector(r)
	c.labelled(m, r, m.Spec.Object.Label)
}

// describes reports whether a resource is of the kind of an object.
func (c *autoscalerCheck) describes(resource string, described autoscalingv2.CrossVersionObjectReference) bool {
	gvk := metav1.GroupVersionKind{Kind: described.Kind}
	if group, version, found := strings.Cut(described.APIVersion, "/"); found {
		gvk.Group, gvk.Version = group, version
	}
	if kind, known := c.o.Kinds[resource]; known {
		_, group, _ := strings.Cut(resource, ".")
		return gvk.Group == group && kind == gvk.Kind
	}
	return guessResource(gvk) == resource
}

// find returns the metric of the autoscaler's namespace that nameOf gives the
// referenced name to, for which all of fits hold. Where no metric has the name,
// it says so, as grave as undeclared.
func (c *autoscalerCheck) find(r reference, nameOf func(*v1alpha1.GatewayMetricSpec) string, undeclared Level, fits ...func(*v1alpha1.GatewayMetricSpec) bool) *v1alpha1.GatewayMetric {
	var best *v1alpha1.GatewayMetric
	var elsewhere, names []string
	named := false
	for i := range c.metrics {
		m := &c.metrics[i]
		declared := nameOf(&m.Spec)
		switch {
		case declared == "":
		case m.Namespace != c.h.Namespace:
			if declared == r.metric.Name && !slices.Contains(elsewhere, m.Namespace) {
				elsewhere = append(elsewhere, m.Namespace)
			}
		case declared != r.metric.Name:
			names = append(names, declared)
		default:
			named = true
			if !slices.ContainsFunc(fits, func(fit func(*v1alpha1.GatewayMetricSpec) bool) bool { return !fit(&m.Spec) }) && (best == nil || holds(m, best)) {
				best = m
			}
		}
	}
	if best != nil {
		c.used = append(c.used, fmt.Sprintf("%s, %s (%s)", r, targetText(r.target), best.Spec.Type))
	}
	if !named && undeclared != OK && undeclared != "" {
		c.undeclared(r, undeclared, elsewhere, names)
	}
	return best
}

// holds reports whether of two metrics with one name a rather than b has it: the
// one that is accepted, else the older one.
func holds(a, b *v1alpha1.GatewayMetric) bool {
	accepted := func(m *v1alpha1.GatewayMetric) bool {
		return meta.IsStatusConditionTrue(m.Status.Conditions, v1alpha1.ConditionAccepted)
	}
	if x, y := accepted(a), accepted(b); x != y {
		return x
	}
	return a.CreationTimestamp.Before(&b.CreationTimestamp)
}

// undeclared says that no metric of the namespace has a name, and where it is or
// what may be meant.
func (c *autoscalerCheck) undeclared(r reference, level Level, elsewhere, names []string) {
	if other := c.declaredAs(r.metric.Name); other != "" {
		c.add(level, fmt.Sprintf("%s is declared in namespace %s, but as %s", r, c.h.Namespace, other), "use the type of metric that it is declared as")
		return
	}
	if len(elsewhere) > 0 {
		c.add(level, fmt.Sprintf("%s is declared in namespace %s, and an autoscaler reads the metrics of its own, %s", r, strings.Join(elsewhere, ", "), c.h.Namespace),
			fmt.Sprintf("declare it in %s; a source of another namespace lends itself by spec.allowedNamespaces", c.h.Namespace))
		return
	}
	cure := "kubectl -n " + c.h.Namespace + " get gwm"
	if c.offline() {
		cure = "declare it, unless another adapter serves it"
	}
	if near := nearest(r.metric.Name, names); near != "" {
		cure = fmt.Sprintf("did you mean %s?", near)
	}
	c.add(level, fmt.Sprintf("%s is declared by no GatewayMetric in namespace %s", r, c.h.Namespace), cure)
}

// declaredAs returns as what a name is declared in the autoscaler's namespace.
func (c *autoscalerCheck) declaredAs(metricName string) string {
	for i := range c.metrics {
		s := &c.metrics[i].Spec
		switch {
		case c.metrics[i].Namespace != c.h.Namespace:
		case s.External != nil && s.External.Name == metricName:
			return "an external metric"
		case s.Pods != nil && s.Pods.Name == metricName:
			return "a metric of pods"
		case s.Object != nil && s.Object.Name == metricName:
			return "a metric of " + s.Object.Resource
		}
	}
	return ""
}

func (c *autoscalerCheck) program(m *v1alpha1.GatewayMetric) *script.Program {
	p, seen := c.programs[m]
	if !seen {
		p = compile(m, c.o.Sources, c.o.Modules)
		c.programs[m] = p
	}
	return p
}

// scaleToZero checks that an autoscaler may have no replicas.
func (c *autoscalerCheck) scaleToZero() {
	if m := c.h.Spec.MinReplicas; m == nil || *m != 0 {
		return
	}
	const since = "the feature gate HPAScaleToZero, on by default from Kubernetes 1.37"
	switch {
	case c.offline():
		c.add(Warning, "minReplicas is 0, which needs "+since, "on older clusters set it on kube-apiserver and kube-controller-manager, or use minReplicas: 1")
	case olderThan(c.o.Version, 1, 37):
		c.add(Warning, fmt.Sprintf("minReplicas is 0, which needs %s; this is %s", since, c.o.Version), "set --feature-gates=HPAScaleToZero=true on kube-controller-manager as on kube-apiserver")
	}
}

// conditions says what the controller reports of itself.
func (c *autoscalerCheck) conditions() {
	look := fmt.Sprintf("kubectl -n %s describe hpa %s", c.h.Namespace, c.h.Name)
	for _, condition := range c.h.Status.Conditions {
		bad := condition.Status == corev1.ConditionFalse
		switch {
		case condition.Type == autoscalingv2.ScalingActive && bad && condition.Reason == "ScalingDisabled":
			c.add(Warning, "it does nothing, because its target has 0 replicas that it did not scale to itself: by hand, or from the beginning", fmt.Sprintf("kubectl -n %s scale %s/%s --replicas=1", c.h.Namespace, strings.ToLower(c.h.Spec.ScaleTargetRef.Kind), c.h.Spec.ScaleTargetRef.Name))
		case condition.Type == autoscalingv2.ScalingActive && bad:
			c.add(Error, fmt.Sprintf("it cannot compute (%s): %s", condition.Reason, condition.Message), look)
		case condition.Type == autoscalingv2.AbleToScale && bad:
			c.add(Error, fmt.Sprintf("it cannot scale (%s): %s", condition.Reason, condition.Message), look)
		case condition.Type == autoscalingv2.ScalingLimited && condition.Status == corev1.ConditionTrue && condition.Reason == "TooManyReplicas":
			c.add(Warning, fmt.Sprintf("it wants more than maxReplicas, %d", c.h.Spec.MaxReplicas), "raise spec.maxReplicas, or see what drives it: "+look)
		}
	}
}
