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
// Of two metrics of a namespace with one external name, the first by file and
// position wins. What the files say wins over a last good version.
func Merge(last *Snapshot, objects *Objects, check Check) (*Snapshot, []Finding) {
	if last == nil {
		last = &Snapshot{}
	}
	m := merge{
		broken:   map[string]Finding{},
		sources:  map[string]*Source{},
		metrics:  map[string]*Metric{},
		external: map[[2]string]*Metric{},
		kept:     map[string]bool{},
	}
	m.add(objects.Findings...)
	m.addSources(last.Sources, objects.Sources)
	for _, metric := range objects.Metrics {
		m.addMetric(metric, check)
	}
	m.keepMetrics(last.Metrics)
	return m.snapshot(objects.fingerprint), m.marked()
}

// A merge is a snapshot in the making.
type merge struct {
	findings []Finding
	broken   map[string]Finding // the first finding of each broken object or, where that is unknown, file
	sources  map[string]*Source // by Object
	metrics  map[string]*Metric // by Object
	external map[[2]string]*Metric
	kept     map[string]bool // objects and files of which last good versions are in use
}

func (m *merge) add(findings ...Finding) {
	for _, f := range findings {
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

func (m *merge) addMetric(metric *Metric, check Check) {
	sources, findings := m.link(metric)
	if len(findings) == 0 && check != nil {
		findings = check(metric, sources)
	}
	if rival := m.external[externalKey(metric)]; rival != nil {
		findings = append(findings, metric.Finding("spec.external.name",
			fmt.Sprintf("%q is already the name of %s at %s", metric.Spec.External.Name, rival.Object(), rival.position()),
			"choose another name or remove one of the two metrics"))
	}
	m.add(findings...)
	if !slices.ContainsFunc(findings, func(f Finding) bool { return !f.Warning }) {
		m.metrics[metric.Object()] = metric
		m.external[externalKey(metric)] = metric
	}
}

// keepMetrics adds the last good version of broken metrics where its sources
// are still there and nobody else has its name.
func (m *merge) keepMetrics(last []*Metric) {
	for _, metric := range last {
		if m.metrics[metric.Object()] != nil || !m.keep(metric.Object(), metric.File) || m.external[externalKey(metric)] != nil {
			continue
		}
		if _, findings := m.link(metric); len(findings) == 0 {
			m.metrics[metric.Object()] = metric
			m.external[externalKey(metric)] = metric
			m.markKept(metric.Object(), metric.File)
		}
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
			message, cure := m.missingSource(ref)
			findings = append(findings, metric.Finding(at, message, cure))
			continue
		}
		if _, ok := s.Allows(metric.Namespace); !ok {
			findings = append(findings, metric.Finding(at,
				fmt.Sprintf("source %s/%s may not be used from namespace %s", s.Namespace, s.Name, metric.Namespace),
				fmt.Sprintf("add {name: %s} to spec.allowedNamespaces of the source at %s", metric.Namespace, s.position())))
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

// missingSource says why a source is not there, and which ones are.
func (m *merge) missingSource(ref v1alpha1.SourceReference) (message, cure string) {
	name := ref.Namespace + "/" + ref.Name
	if f, broken := m.broken[objectName(v1alpha1.KindGatewaySource, ref.Namespace, ref.Name)]; broken {
		return fmt.Sprintf("source %s is not usable", name), fmt.Sprintf("correct it at %s:%d", f.File, f.Line)
	}
	var all, here, namespaces []string
	for _, s := range m.sources {
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
	switch near := nearest(ref.Name, here); {
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

func externalKey(metric *Metric) [2]string {
	return [2]string{metric.Namespace, metric.Spec.External.Name}
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
