// Package config turns configuration, files or objects of the cluster, into one
// immutable Snapshot and keeps it up to date.
//
// The way through the package is Read (files into objects, each valid in
// itself), Merge (objects that fit together, and the last good versions of
// those that are broken) and Watcher (both again whenever the files change).
// Load is Read and Merge for those who read once. Cluster is for the objects of
// a cluster what Watcher is for files.
//
// Nothing is refused silently: each problem is a Finding with the place in the
// file, the field and the cure. A problem costs one object, never its file, and
// all problems are found in one go.
package config

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
)

// DefaultNamespace is the namespace of an object whose file names none.
const DefaultNamespace = "default"

// A Snapshot is a configuration that fits together: every object is valid with
// its defaults applied, every metric's sources are in it and let the metric's
// namespace use them, and no two metrics of a namespace have one name in the
// same API.
// It and all that it points to are read only.
type Snapshot struct {
	// Sources and Metrics are sorted by namespace and name.
	Sources []*Source
	Metrics []*Metric

	fingerprint fingerprint // of the files or objects that were read
}

// Source returns the source of that name, or nil.
func (s *Snapshot) Source(namespace, name string) *Source {
	i, found := slices.BinarySearchFunc(s.Sources, [2]string{namespace, name}, func(s *Source, key [2]string) int {
		return cmp.Or(cmp.Compare(s.Namespace, key[0]), cmp.Compare(s.Name, key[1]))
	})
	if !found {
		return nil
	}
	return s.Sources[i]
}

// SourcesOf returns the sources of a metric of this snapshot, in the metric's order.
func (s *Snapshot) SourcesOf(m *Metric) []*Source {
	sources := make([]*Source, len(m.Spec.Sources))
	for i, ref := range m.Spec.Sources {
		sources[i] = s.Source(ref.Namespace, ref.Name)
	}
	return sources
}

// A Source is a GatewaySource and the place it comes from. The files that it
// names (certificates, credentials) have absolute paths.
type Source struct {
	*v1alpha1.GatewaySource
	Origin
}

// Object returns GatewaySource/namespace/name.
func (s *Source) Object() string { return objectName(v1alpha1.KindGatewaySource, s.Namespace, s.Name) }

// A Metric is a GatewayMetric and the place it comes from.
type Metric struct {
	*v1alpha1.GatewayMetric
	Origin
	// LuaLine is the line of File on which the Lua text begins, 0 where lines of
	// the text are not lines of the file: folded (lua: >), in quotes with
	// escapes or over several lines.
	LuaLine int

	luaIndent int // columns before the Lua text on its lines; 0 if LuaLine is
}

// Object returns GatewayMetric/namespace/name.
func (m *Metric) Object() string { return objectName(v1alpha1.KindGatewayMetric, m.Namespace, m.Name) }

// Finding returns a finding about a field of the metric, such as
// spec.external.name, at the field's place in the file; an absent field is
// shown at its parent.
func (m *Metric) Finding(field, message, cure string) Finding {
	return m.finding(m.Object(), field, message, cure)
}

// LuaFinding returns a finding about the Lua text. Line and column count from 1
// within the text, 0 for unknown; where lines of the text are not lines of the
// file, the finding is shown at the field and its message names the line. Where
// the metric is one of a preset, it is shown at that.
func (m *Metric) LuaFinding(line, column int, message, cure string) Finding {
	if m.Spec.Preset != nil {
		return m.Finding("spec.preset", message, cure)
	}
	f := m.Finding("spec.lua", message, cure)
	switch {
	case line <= 0:
	case m.LuaLine > 0:
		f.Line, f.Column = m.LuaLine+line-1, 0
		if column > 0 {
			f.Column = m.luaIndent + column
		}
	case strings.Contains(strings.TrimSpace(m.Spec.Lua), "\n"):
		f.Message = "line " + strconv.Itoa(line) + " of the text: " + message
	}
	return f
}

// PresetOf returns the preset that all of the sources name; empty where one names
// none, or another.
func PresetOf(sources []*Source) string {
	if len(sources) == 0 || slices.ContainsFunc(sources, func(s *Source) bool { return s.Spec.Preset != sources[0].Spec.Preset }) {
		return ""
	}
	return sources[0].Spec.Preset
}

// SlowestInterval returns the source with the longest interval, the first of
// several; nil for none.
func SlowestInterval(sources []*Source) (slowest *Source, interval time.Duration) {
	for _, s := range sources {
		if d := s.Spec.Interval.Duration; d > interval {
			slowest, interval = s, d
		}
	}
	return slowest, interval
}

// A Check examines a metric that is valid otherwise, with its sources in the
// metric's order: the caller of this package compiles the Lua. A finding that
// is not a warning keeps the metric out of the Snapshot. The Reason of a finding
// may be left empty: it is then CompileError for spec.lua and spec.preset and Invalid for all else.
type Check func(m *Metric, sources []*Source) []Finding

// Load reads a folder once: Read, then Merge with nothing to fall back on. Nil
// presets know none, and a nil check finds nothing. The error is that of Read.
func Load(dir string, presets Presets, check Check) (*Snapshot, []Finding, error) {
	objects, err := Read(dir, presets)
	if err != nil {
		return nil, nil, err
	}
	snapshot, findings := Merge(nil, objects, check)
	return snapshot, findings, nil
}

func objectName(kind, namespace, name string) string { return kind + "/" + namespace + "/" + name }
