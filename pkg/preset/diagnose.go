package preset

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/script"
)

// Unmatched explains a result without items by the selectors that matched no
// series: it returns those that the program names itself, and notes about the
// others. Where all that a function of a preset reads is among them, it says so
// once, with the names in all versions and what the gateway needs to show them;
// where only some are, such as those of older versions, it says nothing of it. Where
// a name is among what is nearby, but no label has the value that was asked for, it
// says which values there are.
func (s *Set) Unmatched(program *script.Program, empty []*metric.Selector, near ...*Nearby) (selectors, notes []string) {
	missing := map[[2]int][]*metric.Selector{}
	for _, sel := range empty {
		u, ok := program.UseOf(sel)
		if !ok {
			selectors = append(selectors, described(sel, near))
			continue
		}
		at := [2]int{u.Line, u.Column}
		missing[at] = append(missing[at], sel)
	}
	for _, u := range program.Uses() {
		if sels := missing[[2]int{u.Line, u.Column}]; len(sels) > 0 {
			if note := s.missed(program, u, sels, near); note != "" {
				notes = append(notes, note)
			}
		}
	}
	return selectors, notes
}

// described prints a selector, and of its labels which values there are instead.
func described(sel *metric.Selector, near []*Nearby) string {
	_, why := lacking(near, []*metric.Selector{sel}, func(label string) string { return label })
	if why == "" {
		return sel.String()
	}
	return sel.String() + " (" + why + ")"
}

// missed says which names a use of a preset's function looked for in vain; empty
// where it found some.
func (s *Set) missed(program *script.Program, u script.Use, empty []*metric.Selector, near []*Nearby) string {
	absent := map[string]bool{}
	for _, sel := range empty {
		absent[base(sel.Name)] = true
	}
	for _, want := range program.Wants() {
		if of, ok := program.UseOf(&want); ok && of.Line == u.Line && of.Column == u.Column && !absent[base(want.Name)] {
			return ""
		}
	}
	p := s.Get(u.Preset)
	if name, why := lacking(near, empty, p.called(u)); why != "" {
		note := u.Name + " found " + name + ", but " + why
		if p != nil && p.Enable != "" && strings.Contains(why, noSuchLabel) {
			note += "; it needs: " + p.Enable
		}
		return note
	}
	note := u.Name + " found none of " + strings.Join(shown(empty), ", ")
	if p == nil {
		return note
	}
	note += fmt.Sprintf(" (tested with %s %s)", p.Title, strings.Join(p.Versions, ", "))
	if p.Enable != "" {
		note += "; it needs: " + p.Enable
	}
	return note
}

// called returns what the labels of a use are called where it is written: those that
// it selects by. The preset may be nil.
func (p *Preset) called(u script.Use) func(label string) string {
	names := map[string]string{}
	for _, name := range u.Labels {
		names[name] = name
	}
	if p != nil {
		m, _ := p.Metric(u.Metric)
		for _, name := range u.Labels {
			for _, label := range m.Labels[name] {
				names[label] = name
			}
		}
	}
	return func(label string) string { return names[label] }
}

// bucketSuffix ends the names of classic histograms' buckets.
const bucketSuffix = "_bucket"

// base returns the name that all shapes of a histogram share.
func base(name string) string { return strings.TrimSuffix(name, bucketSuffix) }

// shown returns selectors without other shapes of the same histogram, in their
// order, each once.
func shown(sels []*metric.Selector) []string {
	buckets := map[string]bool{}
	for _, sel := range sels {
		if strings.HasSuffix(sel.Name, bucketSuffix) {
			buckets[base(sel.Name)] = true
		}
	}
	var texts []string
	for _, sel := range sels {
		if text := sel.String(); !buckets[sel.Name] && !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return texts
}
