package preset

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/config"
	"github.com/gaugeway/gaugeway/pkg/window"
)

// Bounds of the time between two scrapes, as for a GatewaySource.
const (
	defaultInterval = 5 * time.Second
	minInterval     = time.Second
	maxInterval     = 5 * time.Minute
)

// A loader makes cases of files. What it reads are files, each once.
type loader struct {
	presets    *Set
	readFile   func(path string, limit int64) ([]byte, error)
	loadConfig func(dir string, presets config.Presets, check config.Check) (*config.Snapshot, []config.Finding, error)
	snapshots  map[string]*snapshot // by folder
	bodies     map[string][]byte    // of recorded scrapes, by path
}

func newLoader(presets *Set) *loader {
	return &loader{presets: presets, readFile: readFile, loadConfig: config.Load, snapshots: map[string]*snapshot{}, bodies: map[string][]byte{}}
}

// A snapshot is what a configuration folder holds.
type snapshot struct {
	*config.Snapshot
	findings []config.Finding
	err      error
}

// load returns the cases of a file; none if there are findings.
func (l *loader) load(path string, data []byte) ([]*Case, []config.Finding) {
	var spec fileSpec
	doc, findings := config.Decode(path, data, &spec)
	presets, found := l.presets.beside(filepath.Dir(path))
	findings = append(findings, found...)
	if len(findings) > 0 {
		return nil, findings
	}
	var cases []*Case
	first := map[string]int{} // lines of names
	for i, t := range spec.Tests {
		r := &caseReader{
			loader: l,
			place:  place{doc: doc, findings: &findings}.index("tests", i),
			dir:    filepath.Dir(path),
			c:      &Case{Name: t.Name, Path: path, presets: presets},
		}
		r.c.Line = r.place.line()
		if line, twice := first[t.Name]; twice && t.Name != "" {
			r.field("name").add(fmt.Sprintf("there is another test of this name on line %d", line), "rename one of them")
		}
		first[t.Name] = r.c.Line
		r.read(t)
		cases = append(cases, r.c)
	}
	if len(findings) > 0 {
		slices.SortStableFunc(findings, func(a, b config.Finding) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		return nil, findings
	}
	return cases, nil
}

// A place is a field of a file.
type place struct {
	doc      *config.Document
	path     string
	findings *[]config.Finding
}

func (p place) field(name string) place {
	p.path = strings.TrimPrefix(p.path+"."+name, ".")
	return p
}

func (p place) index(list string, i int) place { return p.field(fmt.Sprintf("%s[%d]", list, i)) }

func (p place) line() int { return p.doc.Line(p.path) }

// add adds a finding about the field.
func (p place) add(message, cure string) {
	*p.findings = append(*p.findings, p.doc.Finding(p.path, message, cure))
}

// A caseReader makes a case of what the file says.
type caseReader struct {
	*loader
	place
	dir string
	c   *Case

	sources []*config.Source // of a case that tests a GatewayMetric
}

func (r *caseReader) read(t testSpec) {
	if t.Name == "" {
		r.field("name").add("missing", "write name: and what is tested")
	}
	r.readCovers(t.Covers)
	r.readStart(t.Start)
	r.readProgram(t)
	if len(r.c.parts) == 0 {
		return // what follows needs to know the sources
	}
	r.readInput(t.Input)
	r.readPods(t.Pods)
	r.readHistory(t.History)
	r.readEvaluations(t.Evaluate)
}

func (r *caseReader) readStart(text string) {
	if text == "" {
		return
	}
	start, err := time.Parse(time.RFC3339, text)
	if err != nil {
		r.field("start").add(fmt.Sprintf("bad time %q", text), "write date, time and zone, such as 2026-01-05T08:00:00Z")
		return
	}
	r.c.start = start.UnixMilli()
}

func (r *caseReader) readProgram(t testSpec) {
	given := 0
	for _, is := range []bool{t.Lua != "", t.Program != "", t.Metric != nil, t.Preset != nil} {
		if is {
			given++
		}
	}
	if given != 1 {
		message := "there is nothing to test"
		if given > 1 {
			message = "lua, program, metric and preset exclude each other"
		}
		r.add(message, "write one of lua: EXPRESSION, program: FILE.lua, metric: {config: DIR, name: NAME} and preset: {gateway: NAME, metric: NAME}")
		return
	}
	if t.Metric != nil {
		if t.Interval != nil {
			r.field("interval").add("the interval is that of the metric's sources", "remove it")
		}
		r.readMetric(t.Metric)
		return
	}
	interval := defaultInterval
	if t.Interval != nil {
		interval = t.Interval.Duration
	}
	if interval < minInterval || interval > maxInterval {
		r.field("interval").add(fmt.Sprintf("%s is not between %s and %s", interval, model.Duration(minInterval), model.Duration(maxInterval)), "write the interval of the source that this stands for")
		return
	}
	r.c.program = program{source: t.Lua, name: "self", origin: "lua"}
	if t.Preset != nil {
		r.readPreset(t.Preset)
	}
	if t.Program != "" {
		source, err := r.readFile(r.path(t.Program), maxProgramBytes)
		if err != nil {
			r.field("program").add(fmt.Sprintf("%s: %v", t.Program, err), "name a file, its path beginning at this file's folder")
			return
		}
		r.c.program.source, r.c.program.origin = string(source), t.Program
	}
	r.c.parts = []part{{interval: interval.Milliseconds()}}
}

// path returns the path of a file that the case names.
func (r *caseReader) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(r.dir, name)
}

// readMetric takes the expression and its sources from a configuration folder.
func (r *caseReader) readMetric(spec *metricSpec) {
	at := r.field("metric")
	if spec.Config == "" {
		at.field("config").add("missing", "write config: and the folder with the GatewayMetric, its path beginning at this file's folder")
	}
	if spec.Name == "" {
		at.field("name").add("missing", "write name: and the GatewayMetric's name")
	}
	if spec.Config == "" || spec.Name == "" {
		return
	}
	s := r.snapshot(r.path(spec.Config))
	if s.err != nil {
		at.field("config").add(s.err.Error(), "name the folder, its path beginning at this file's folder")
		return
	}
	namespace := spec.Namespace
	if namespace == "" {
		namespace = config.DefaultNamespace
	}
	i := slices.IndexFunc(s.Metrics, func(m *config.Metric) bool { return m.Namespace == namespace && m.Name == spec.Name })
	if i < 0 {
		at.field("name").add(s.missing(namespace, spec.Name))
		return
	}
	m := s.Metrics[i]
	r.sources = s.SourcesOf(m)
	r.c.program = program{
		source: m.Spec.Expression(), name: m.Name, origin: m.File, metric: m, kind: m.Spec.Type, gateway: config.PresetOf(r.sources),
	}
	for _, source := range r.sources {
		p := part{interval: source.Spec.Interval.Milliseconds()}
		if values, ok := source.Allows(m.Namespace); ok {
			p.matchers = window.Values(values)
		}
		r.c.parts = append(r.c.parts, p)
	}
}

// missing says why a metric is not in the snapshot.
func (s *snapshot) missing(namespace, name string) (message, cure string) {
	object := v1alpha1.KindGatewayMetric + "/" + namespace + "/" + name
	for _, f := range s.findings {
		if f.Object == object && !f.Warning {
			return "the GatewayMetric is not valid: " + f.String(), "see gaugeway check"
		}
	}
	var known []string
	for _, m := range s.Metrics {
		known = append(known, m.Namespace+"/"+m.Name)
	}
	switch {
	case len(s.findings) > 0 && len(known) == 0:
		cure = "see gaugeway check: there is no valid GatewayMetric in the folder"
	case len(known) == 0:
		cure = "there is no GatewayMetric in the folder"
	default:
		cure = "there are " + strings.Join(known[:min(len(known), 5)], ", ")
	}
	return fmt.Sprintf("there is no GatewayMetric %s/%s", namespace, name), cure
}

// snapshot returns what a folder holds, reading it once.
func (l *loader) snapshot(dir string) *snapshot {
	if s := l.snapshots[dir]; s != nil {
		return s
	}
	s := &snapshot{}
	s.Snapshot, s.findings, s.err = l.loadConfig(dir, l.presets, nil)
	l.snapshots[dir] = s
	return s
}
