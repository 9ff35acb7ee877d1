package engine

import (
	"maps"
	"slices"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/exposition"
	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/preset"
	"github.com/gaugeway/gaugeway/pkg/script"
)

// namedPresets are the presets that sources name.
type namedPresets map[metric.Key]string

func presetsOf(sources []*v1alpha1.GatewaySource) namedPresets {
	named := namedPresets{}
	for _, s := range sources {
		named[metric.Key{Namespace: s.Namespace, Name: s.Name}] = s.Spec.Preset
	}
	return named
}

// of returns the preset that all sources of a metric name; empty for none.
func (n namedPresets) of(m *v1alpha1.GatewayMetric) string {
	var names []string
	for _, ref := range m.Spec.Sources {
		key := metric.Key{Namespace: ref.Namespace, Name: ref.Name}
		if key.Namespace == "" {
			key.Namespace = m.Namespace
		}
		names = append(names, n[key])
	}
	return common(names)
}

// UsePresets makes these what sources and programs may name, from the next Apply
// on. That compiles the programs anew that use a preset which is another now; what
// does not compile goes on as it was.
func (e *Engine) UsePresets(s *preset.Set) { e.presets.Store(s) }

// uses reports whether the presets that the program uses are those of modules.
func (p *program) uses(modules map[string]*script.Module) bool {
	return !slices.ContainsFunc(p.script.Uses(), func(u script.Use) bool { return p.modules[u.Preset] != modules[u.Preset] })
}

// gatewayOf returns the preset that all sources name; empty for none. The caller
// holds e.mu.
func gatewayOf(sources []*source) string {
	var names []string
	for _, s := range sources {
		names = append(names, s.object.Spec.Preset)
	}
	return common(names)
}

func common(names []string) string {
	if len(names) == 0 || slices.ContainsFunc(names, func(name string) bool { return name != names[0] }) {
		return ""
	}
	return names[0]
}

// expressionField names the field that a metric's expression comes from.
func expressionField(m *v1alpha1.GatewayMetric) string {
	if m.Spec.Preset != nil {
		return "spec.preset"
	}
	return "spec.lua"
}

// watch has a poller's parser tell what the target shows of the names by which
// gateways are known, where the source names a preset.
func (s *source) watch(p *poller, of *preset.Preset, o *exposition.Options) {
	if of == nil {
		return
	}
	p.sighting = s.engine.presets.Load().NewSighting()
	p.sighting.Watch(of, o)
}

// recognize compares what a target shows with the preset that the source names.
// Targets share what their parsers know, so that one which is like others may have
// shown nothing itself: it is as they are.
func (s *source) recognize(p *poller) {
	s.mu.Lock()
	of := s.settings.preset
	s.mu.Unlock()
	if p.sighting == nil || of == nil {
		return
	}
	text := ""
	if s.recognized = s.recognized || p.sighting.Is(of); !s.recognized || p.sighting.Foreign() {
		text = p.sighting.Unlike(of)
	}
	instance := p.target.Labels.Get(metric.LabelInstance)
	s.mu.Lock()
	_, before := s.unlike[p.target.ID]
	if text == "" {
		delete(s.unlike, p.target.ID)
	} else {
		s.unlike[p.target.ID] = instance + " " + text
	}
	s.mu.Unlock()
	if text != "" && !before {
		s.engine.log.Info("target does not look like the source's preset", "source", s.key, "target", instance, "reason", text)
	}
}

// unrecognize forgets what targets look like: they show it anew.
func (s *source) unrecognize() {
	s.recognized = false
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.unlike)
}

// doubts returns which targets do not look like the source's preset, in order.
func (s *source) doubts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Values(s.unlike))
}

// explain says why there is nothing: which targets are not what their source says,
// what matched no series, and what presets know of it. No window is held, because
// who holds a source's lock may wait for its window.
func (p *program) explain(o *observation, empty []*metric.Selector) {
	for _, s := range p.sources {
		o.notes = append(o.notes, s.doubts()...)
	}
	e := explanation{presets: p.engine.presets.Load(), near: p.nearby(), empty: empty}
	for _, n := range e.near {
		e.versions = append(e.versions, n.Version())
	}
	if !e.same(&p.explained) {
		e.selectors, e.missed = e.presets.Unmatched(p.script, empty, e.near...)
		p.explained = e
	}
	o.empty = p.explained.selectors
	o.notes = append(o.notes, p.explained.missed...)
}

// An explanation is what is said of selectors that match nothing, and what it is
// said by. It is kept, as a service without traffic has one at each tick, and to
// look for what is nearest takes longer than to evaluate the metric.
type explanation struct {
	presets  *preset.Set
	near     []*preset.Nearby
	versions []uint64 // of near
	empty    []*metric.Selector

	selectors, missed []string
}

// same reports whether another explanation is of the same.
func (e *explanation) same(other *explanation) bool {
	return e.presets == other.presets && slices.Equal(e.near, other.near) &&
		slices.Equal(e.versions, other.versions) && slices.Equal(e.empty, other.empty)
}

// nearby returns what the targets show beside what is wanted: of the sources of
// which the program may see all.
func (p *program) nearby() []*preset.Nearby {
	var near []*preset.Nearby
	for i, s := range p.sources {
		if len(p.parts[i].Matchers) > 0 {
			continue
		}
		s.mu.Lock()
		if s.nearby != nil {
			near = append(near, s.nearby)
		}
		s.mu.Unlock()
	}
	return near
}
