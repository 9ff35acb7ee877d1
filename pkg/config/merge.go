package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
)

// Merge makes a Snapshot of the objects that were read, and keeps the last good
// version of those that are broken. It changes neither of its arguments; last is
// nil at the start, and a nil check finds nothing. The findings are those of
// objects and what is found here, sorted by place.
//
// An object is broken if it is in the files and not usable: it is not valid; its
// document does not even tell its name, in which case every object of the last
// snapshot that came from that file and is nowhere else counts as broken; a
// metric's source is missing or not allowed, check finds something, or its
// external name is taken. An object that is no longer in the files is gone, and
// so is a metric, in whatever version, whose source is.
//
// Of two metrics of a namespace with one name in the same API, the first by file
// and position wins, and what the files say wins over a last good version. In a
// cluster the older object wins, with its last good version if it is broken: a
// mistake in an old metric does not hand its name to a younger one.
func Merge(last *Snapshot, objects *Objects, check Check) (*Snapshot, []Finding) {
	if last == nil {
		last = &Snapshot{}
	}
	m := merge{
		broken:  map[string]Finding{},
		sources: map[string]*Source{},
		metrics: map[string]*Metric{},
		names:   map[servedName]*Metric{},
		kept:    map[string]bool{},
		cluster: objects.byAge != nil,
	}
	m.add(objects.Findings...)
	m.addSources(last.Sources, objects.Sources)
	if m.cluster {
		m.addByAge(last.Metrics, objects, check)
	} else {
		for _, metric := range objects.Metrics {
			m.addMetric(metric, check)
		}
		for _, metric := range last.Metrics {
			m.keepMetric(metric)
		}
	}
	return m.snapshot(objects.fingerprint), m.marked()
}

// A merge is a snapshot in the making.
type merge struct {
	findings []Finding
	broken   map[string]Finding // the first finding of each broken object or, where that is unknown, file
	sources  map[string]*Source // by Object
	metrics  map[string]*Metric // by Object
	names    map[servedName]*Metric
	kept     map[string]bool // objects and files of which last good versions are in use
	cluster  bool            // the objects are those of a cluster
}

// A servedName is a name that one metric of a namespace may have: one in
// external.metrics.k8s.io, whose resource is empty, or one in
// custom.metrics.k8s.io for the objects of a resource.
type servedName struct{ namespace, resource, name string }

// servedNames returns the names of a metric by field.
func servedNames(m *Metric) map[string]servedName {
	names := make(map[string]servedName, 1)
	if external := m.Spec.External; external != nil {
		names["spec.external.name"] = servedName{m.Namespace, "", external.Name}
	}
	if pods := m.Spec.Pods; pods != nil {
		names["spec.pods.name"] = servedName{m.Namespace, "pods", pods.Name}
	}
	if object := m.Spec.Object; object != nil {
		names["spec.object.name"] = servedName{m.Namespace, object.Resource, object.Name}
	}
	return names
}

func (m *merge) add(findings ...Finding) {
	for _, f := range findings {
		if f.Reason == "" && !f.Warning {
			f.Reason = v1alpha1.ReasonInvalid
		}
		m.findings = append(m.findings, f)
		key := cmp.Or(f.Object, f.File)
		if _, known := m.broken[key]; !known && !f.Warning {
			m.broken[key] = f
		}
	}
}

// keep reports whether an object of the last snapshot is broken now, and not gone.
func (m *merge) keep(object, file string) bool {
	for _, key := range []string{object, file} {
		if _, broken := m.broken[key]; broken {
			return true
		}
	}
	return false
}

func (m *merge) markKept(object, file string) {
	if _, broken := m.broken[object]; broken {
		m.kept[object] = true
	} else {
		m.kept[file] = true
	}
}

func (m *merge) addSources(last, read []*Source) {
	for _, s := range read {
		m.sources[s.Object()] = s
	}
	for _, s := range last {
		if m.sources[s.Object()] == nil && m.keep(s.Object(), s.File) {
			m.sources[s.Object()] = s
			m.markKept(s.Object(), s.File)
		}
	}
}

// addByAge adds the metrics of a cluster, each or its last good version, the
// oldest first.
func (m *merge) addByAge(last []*Metric, objects *Objects, check Check) {
	read, before := map[string]*Metric{}, map[string]*Metric{}
	for _, metric := range objects.Metrics {
		read[metric.Object()] = metric
	}
	for _, metric := range last {
		before[metric.Object()] = metric
	}
	for _, object := range objects.byAge {
		if metric := read[object]; metric != nil {
			m.addMetric(metric, check)
		}
		if metric := before[object]; metric != nil {
			m.keepMetric(metric)
		}
	}
}

func (m *merge) addMetric(metric *Metric, check Check) {
	sources, findings := m.link(metric)
	if len(findings) == 0 && check != nil {
		findings = withReasons(check(metric, sources))
	}
	findings = append(findings, m.conflicts(metric)...)
	m.add(findings...)
	if !slices.ContainsFunc(findings, func(f Finding) bool { return !f.Warning }) {
		m.take(metric)
	}
}

// withReasons returns a copy of what a Check found, each with a reason.
func withReasons(findings []Finding) []Finding {
	findings = slices.Clone(findings)
	for i := range findings {
		if f := &findings[i]; f.Reason == "" && !f.Warning && (f.Field == "spec.lua" || f.Field == "spec.preset") {
			f.Reason = v1alpha1.ReasonCompileError
		}
	}
	return findings
}

// take puts a metric in and gives it its names.
func (m *merge) take(metric *Metric) {
	m.metrics[metric.Object()] = metric
	for _, name := range servedNames(metric) {
		m.names[name] = metric
	}
}

// conflicts finds the names of a metric that another one has.
func (m *merge) conflicts(metric *Metric) []Finding {
	var findings []Finding
	for field, name := range servedNames(metric) {
		rival := m.names[name]
		if rival == nil {
			continue
		}
		older := ""
		if m.cluster {
			older = ", which is older"
		}
		findings = append(findings, metric.Finding(field,
			fmt.Sprintf("%q is already the name of %s%s%s", name.name, rival.Object(), rival.at(), older),
			"choose another name or remove one of the two metrics").because(v1alpha1.ReasonNameConflict))
	}
	return sortFindings(findings)
}

// keepMetric adds the last good version of a broken metric where its sources are
// still there and nobody else has its names.
func (m *merge) keepMetric(metric *Metric) {
	if m.metrics[metric.Object()] != nil || !m.keep(metric.Object(), metric.File) || len(m.conflicts(metric)) > 0 {
		return
	}
	if _, findings := m.link(metric); len(findings) == 0 {
		m.take(metric)
		m.markKept(metric.Object(), metric.File)
	}
}

// link finds a metric's sources and what stands between them.
func (m *merge) link(metric *Metric) ([]*Source, []Finding) {
	var (
		sources  []*Source
		findings []Finding
	)
	for i, ref := range metric.Spec.Sources {
		at := fmt.Sprintf("spec.sources[%d]", i)
		s := m.sources[objectName(v1alpha1.KindGatewaySource, ref.Namespace, ref.Name)]
		if s == nil {
			message, cure := m.missingSource(metric.Namespace, ref)
			findings = append(findings, metric.Finding(at, message, cure).because(v1alpha1.ReasonSourceNotFound))
			continue
		}
		if _, ok := s.Allows(metric.Namespace); !ok {
			findings = append(findings, metric.Finding(at,
				fmt.Sprintf("source %s/%s may not be used from namespace %s", s.Namespace, s.Name, metric.Namespace),
				fmt.Sprintf("add {name: %s} to spec.allowedNamespaces of the source%s", metric.Namespace, s.at())).because(v1alpha1.ReasonSourceDenied))
			continue
		}
		sources = append(sources, s)
	}
	slowest, interval := SlowestInterval(sources)
	if age := metric.Spec.MaxAge; age != nil && slowest != nil && age.Duration < interval {
		findings = append(findings, metric.Finding("spec.maxAge",
			fmt.Sprintf("%s is shorter than the interval of %s of source %s/%s, so that most answers would be too old", age.Duration, interval, slowest.Namespace, slowest.Name),
			fmt.Sprintf("choose at least %s", 2*interval)))
	}
	return sources, findings
}

// missingSource says why a source is not there, and which ones are; in a cluster
// only of those that the metric's namespace may use.
func (m *merge) missingSource(namespace string, ref v1alpha1.SourceReference) (message, cure string) {
	name := ref.Namespace + "/" + ref.Name
	if f, broken := m.broken[objectName(v1alpha1.KindGatewaySource, ref.Namespace, ref.Name)]; broken {
		at := Origin{File: f.File, Line: f.Line}
		return fmt.Sprintf("source %s is not usable", name), "correct it" + at.at()
	}
	var all, here, namespaces []string
	for _, s := range m.sources {
		if _, ok := s.Allows(namespace); m.cluster && !ok {
			continue
		}
		all = append(all, s.Namespace+"/"+s.Name)
		if s.Namespace == ref.Namespace {
			here = append(here, s.Name)
		}
		if s.Name == ref.Name {
			namespaces = append(namespaces, s.Namespace)
		}
	}
	slices.Sort(all)
	slices.Sort(here)
	const shown = 5
	switch near := Nearest(ref.Name, here); {
	case len(all) == 0 && m.cluster:
		cure = fmt.Sprintf("define it, there is no GatewaySource that namespace %s may use", namespace)
	case len(all) == 0:
		cure = "define it, there is no GatewaySource yet"
	case near != "":
		cure = fmt.Sprintf("did you mean %s?", near)
	case len(namespaces) > 0:
		cure = fmt.Sprintf("did you mean namespace: %s?", slices.Min(namespaces))
	case len(all) > shown:
		cure = fmt.Sprintf("define it or use one of %s and %d more", strings.Join(all[:shown], ", "), len(all)-shown)
	default:
		cure = "define it or use one of " + strings.Join(all, ", ")
	}
	return fmt.Sprintf("source %s does not exist", name), cure
}

func (m *merge) snapshot(of fingerprint) *Snapshot {
	s := &Snapshot{fingerprint: of}
	for _, source := range m.sources {
		s.Sources = append(s.Sources, source)
	}
	for _, metric := range m.metrics {
		s.Metrics = append(s.Metrics, metric)
	}
	slices.SortFunc(s.Sources, func(a, b *Source) int { return compareNames(a.Namespace, b.Namespace, a.Name, b.Name) })
	slices.SortFunc(s.Metrics, func(a, b *Metric) int { return compareNames(a.Namespace, b.Namespace, a.Name, b.Name) })
	return s
}

func compareNames(namespaceA, namespaceB, nameA, nameB string) int {
	return cmp.Or(strings.Compare(namespaceA, namespaceB), strings.Compare(nameA, nameB))
}

// marked returns the findings, sorted; those of what is kept say so.
func (m *merge) marked() []Finding {
	for i := range m.findings {
		f := &m.findings[i]
		f.Kept = !f.Warning && m.kept[cmp.Or(f.Object, f.File)]
	}
	return sortFindings(m.findings)
}
