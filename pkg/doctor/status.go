package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/script"
)

// How far a status trails the truth: its value is written at most every 30 s,
// and samples are at most maxAge old. statusSlack is twice the former.
const (
	statusSlack   = time.Minute
	defaultMaxAge = 30 * time.Second
)

// sourceStatuses checks the GatewaySources by what their statuses say.
func (e *examination) sourceStatuses() {
	if e.sourcesErr != nil {
		e.unlisted(v1alpha1.KindGatewaySource, "gatewaysources", e.sourcesErr)
		return
	}
	for i := range e.sources {
		if s := &e.sources[i]; e.looksAt(s.Namespace) {
			e.sourceStatus(s)
		}
	}
}

func (e *examination) sourceStatus(s *v1alpha1.GatewaySource) {
	object := name(v1alpha1.KindGatewaySource, s.Namespace, s.Name)
	if !e.accepted(object, "gws", s, s.Status.ObservedGeneration, s.Status.Conditions) {
		return
	}
	fresh := meta.FindStatusCondition(s.Status.Conditions, v1alpha1.ConditionFresh)
	look := fmt.Sprintf("kubectl -n %s describe gws %s", s.Namespace, s.Name)
	switch {
	case fresh == nil:
		e.add(Warning, object, "its status does not say whether its targets answer", look)
	case fresh.Reason == v1alpha1.ReasonPartial:
		e.add(Warning, object, fmt.Sprintf("targets %s answer: %s", s.Status.Targets, fresh.Message), look)
	case fresh.Reason == v1alpha1.ReasonNoTargets:
		e.add(Error, object, "it has no targets: "+fresh.Message, "see that its selector or Service matches pods, and its port is theirs: "+look)
	case fresh.Reason == v1alpha1.ReasonOtherGateway:
		e.add(Warning, object, fresh.Message, "correct spec.preset, or the port and the path: "+look)
	case fresh.Status != metav1.ConditionTrue:
		e.add(Error, object, fmt.Sprintf("%s: targets %s answer: %s", fresh.Reason, s.Status.Targets, fresh.Message), look)
	default:
		e.ok(object, "accepted, targets %s answer", s.Status.Targets)
	}
}

// unlisted says that objects of gaugeway cannot be listed. That their kind is
// not known to the cluster was said already.
func (e *examination) unlisted(kind, resource string, err error) {
	if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
		return
	}
	e.unread(name(kind, "", "*"), e.needsList(resource+"."+v1alpha1.GroupName), err)
}

// needsList is the permission to list a resource where it was asked for.
func (e *examination) needsList(resource string) string {
	if e.Namespace != "" {
		return "list on " + resource + " in " + e.Namespace
	}
	return "list on " + resource + " in all namespaces (or look at one only, with --namespace)"
}

// metricStatuses checks the GatewayMetrics by what their statuses say.
func (e *examination) metricStatuses() {
	if e.metricsErr != nil {
		e.unlisted(v1alpha1.KindGatewayMetric, "gatewaymetrics", e.metricsErr)
		return
	}
	for i := range e.metrics {
		if m := &e.metrics[i]; e.looksAt(m.Namespace) {
			e.metricStatus(m)
		}
	}
}

func (e *examination) metricStatus(m *v1alpha1.GatewayMetric) {
	object := name(v1alpha1.KindGatewayMetric, m.Namespace, m.Name)
	e.memory(object, m)
	if !e.accepted(object, "gwm", m, m.Status.ObservedGeneration, m.Status.Conditions) {
		return
	}
	look := fmt.Sprintf("kubectl -n %s describe gwm %s", m.Namespace, m.Name)
	reason := cmp.Or(m.Status.Reason, "no reason is given")
	switch state := metric.State(m.Status.State); state {
	case "":
		e.add(Warning, object, "its status has no state yet", look)
	case metric.StateMissing:
		e.add(Error, object, "Missing, so that the autoscaler gets an error: "+reason, look)
	case metric.StateHeld, metric.StateSubstituted:
		e.add(Warning, object, fmt.Sprintf("%s: there is no data, and missing.policy gives %s: %s", state, cmp.Or(m.Status.Value, "the answer"), reason), look)
	case metric.StateWarming:
		e.add(Warning, object, "Warming, so that the autoscaler gets an error until its window is filled: "+reason, "wait for the length of its longest range")
	case metric.StatePartial:
		e.add(Warning, object, fmt.Sprintf("Partial, coverage %s: %s", m.Status.Coverage, reason), look)
	default:
		if age, old := e.sampleAge(m); old {
			e.add(Warning, object, fmt.Sprintf("%s, and yet its sample is %s old: the status is not being written", state, age.Round(time.Second)), e.leaderCure())
			return
		}
		e.ok(object, "%s, %s", state, cmp.Or(m.Status.Value, "no value yet"))
	}
}

// sampleAge returns how old the samples of a status are, and whether that is
// more than it can be while the status is kept up to date.
func (e *examination) sampleAge(m *v1alpha1.GatewayMetric) (age time.Duration, old bool) {
	state := metric.State(m.Status.State)
	if m.Status.SampleTime == nil || state != metric.StateFresh && state != metric.StatePartial {
		return 0, false
	}
	maxAge, known := e.maxAge(m)
	age = e.now.Sub(m.Status.SampleTime.Time)
	return age, known && age > maxAge+statusSlack
}

// maxAge returns how old a metric's samples may be; it is not known where it
// follows from sources that may not be read.
func (e *examination) maxAge(m *v1alpha1.GatewayMetric) (age time.Duration, known bool) {
	if m.Spec.MaxAge != nil {
		return m.Spec.MaxAge.Duration, true
	}
	age = defaultMaxAge
	for _, r := range m.Spec.Sources {
		i := slices.IndexFunc(e.sources, func(s v1alpha1.GatewaySource) bool {
			return s.Name == r.Name && s.Namespace == cmp.Or(r.Namespace, m.Namespace)
		})
		if i < 0 {
			return 0, false
		}
		age = max(age, 3*e.sources[i].Spec.Interval.Duration)
	}
	return age, true
}

// memory warns of a program that reads earlier results where several replicas
// serve: each remembers only its own.
func (e *examination) memory(object string, m *v1alpha1.GatewayMetric) {
	program := compile(m, e.sources, e.Modules)
	if program == nil || len(program.History()) == 0 || e.install.replicas() < 2 {
		return
	}
	e.add(Warning, object, fmt.Sprintf("its expression reads earlier results, and each of the %d replicas remembers only its own since it started: after a restart they answer differently for as long as it looks back", e.install.replicas()),
		"compute it from scraped series, or run one replica")
}

// compile returns the program of a metric; nil where it does not compile, which
// its condition Accepted says.
func compile(m *v1alpha1.GatewayMetric, sources []v1alpha1.GatewaySource, modules map[string]*script.Module) *script.Program {
	o := script.Options{Name: m.Name, Modules: modules, Gateway: gatewayOf(m, sources)}
	program, err := script.Compile(m.Spec.Expression(), o)
	if err != nil {
		return nil
	}
	return program
}

// gatewayOf returns the preset that all sources of a metric name, as far as they
// are known; empty for none.
func gatewayOf(m *v1alpha1.GatewayMetric, sources []v1alpha1.GatewaySource) string {
	var presets []string
	for _, r := range m.Spec.Sources {
		for i := range sources {
			if s := &sources[i]; s.Name == r.Name && s.Namespace == cmp.Or(r.Namespace, m.Namespace) {
				presets = append(presets, s.Spec.Preset)
			}
		}
	}
	if presets = slices.Compact(presets); len(presets) != 1 {
		return ""
	}
	return presets[0]
}

// accepted checks that the leader has looked at an object as it is, and took it.
func (e *examination) accepted(object, short string, o client.Object, observed int64, conditions []metav1.Condition) bool {
	condition := meta.FindStatusCondition(conditions, v1alpha1.ConditionAccepted)
	level := Warning
	if e.leaderless {
		level = Error
	}
	if condition == nil {
		e.add(level, object, "it has no status: no leader of gaugeway has looked at it", e.leaderCure())
		return false
	}
	if observed < o.GetGeneration() {
		e.add(level, object, fmt.Sprintf("its status is of generation %d, and it is at %d: no leader of gaugeway has looked at the change", observed, o.GetGeneration()), e.leaderCure())
		return false
	}
	if condition.Status != metav1.ConditionTrue {
		e.add(Error, object, fmt.Sprintf("not accepted (%s): %s", condition.Reason, condition.Message), refusalCure(condition.Reason, short, o))
		return false
	}
	return true
}

func (e *examination) leaderCure() string {
	return fmt.Sprintf("kubectl -n %s get lease %s (who leads?), and see its log", e.InstallNamespace, installName)
}

// refusalCure says what to do about an object that is not accepted; messages of
// refusals carry their own cure where there is more to say.
func refusalCure(reason, short string, o client.Object) string {
	edit := fmt.Sprintf("kubectl -n %s edit %s %s", o.GetNamespace(), short, o.GetName())
	switch reason {
	case v1alpha1.ReasonNameConflict:
		return "rename the metric, or delete the other one that has its name: " + edit
	case v1alpha1.ReasonSourceNotFound:
		return "kubectl get gws -A (is spec.sources right?)"
	case v1alpha1.ReasonSourceDenied:
		return fmt.Sprintf("have the source's owner add %s to its spec.allowedNamespaces", o.GetNamespace())
	case v1alpha1.ReasonNotAllowed:
		return "use pods or service; static URLs need --allow-static of gaugeway's administrator: " + edit
	}
	return edit
}
