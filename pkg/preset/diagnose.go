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
// where only some are, such as those of older versions, it says nothing of it.
func (s *Set) Unmatched(program *script.Program, empty []*metric.Selector) (selectors, notes []string) {
	missing := map[[2]int][]*metric.Selector{}
	for _, sel := range empty {
		u, ok := program.UseOf(sel)
		if !ok {
			selectors = append(selectors, sel.String())
			continue
		}
		at := [2]int{u.Line, u.Column}
		missing[at] = append(missing[at], sel)
	}
	for _, u := range program.Uses() {
		if sels := missing[[2]int{u.Line, u.Column}]; len(sels) > 0 {
			if note := s.missed(program, u, sels); note != "" {
				notes = append(notes, note)
			}
		}
	}
	return selectors, notes
}

// missed says which names a use of a preset's function looked for in vain; empty
// where it found some.
func (s *Set) missed(program *script.Program, u script.Use, empty []*metric.Selector) string {
	absent := map[string]bool{}
	for _, sel := range empty {
		absent[base(sel.Name)] = true
	}
	for _, want := range program.Wants() {
		if of, ok := program.UseOf(&want); ok && of.Line == u.Line && of.Column == u.Column && !absent[base(want.Name)] {
			return ""
		}
	}
	note := u.Name + " found none of " + strings.Join(shown(empty), ", ")
	p := s.Get(u.Preset)
	if p == nil {
		return note
	}
	note += fmt.Sprintf(" (tested with %s %s)", p.Title, strings.Join(p.Versions, ", "))
	if p.Enable != "" {
		note += "; it needs: " + p.Enable
	}
	return note
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
