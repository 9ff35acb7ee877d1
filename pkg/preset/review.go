package preset

import (
	"fmt"
	"maps"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/exposition"
)

// Watch has a parser of the endpoint read as the preset says, tell the Sighting
// what the endpoint shows, and say of a body that cannot be read so which gateway it
// looks like. The parser asks once for each series that it has not seen before, so
// that a scrape costs no more.
func (g *Sighting) Watch(p *Preset, o *exposition.Options) {
	want := o.Want
	o.Want = func(lset labels.Labels) bool {
		g.See(lset.Get(labels.MetricName))
		return want == nil || want(lset)
	}
	if p == nil {
		return
	}
	o.JSON = p.JSON
	o.Review = func(body []byte, contentType string, err error) error { return g.review(p, body, contentType, err) }
}

// reviewAgain is of how many bodies, each with another error, one is looked at.
const reviewAgain = 20

// review looks at a body that the preset cannot read, or reads as nothing that any
// gateway is known by, in the ways of other presets. It does so once, and again
// when the error is another one, but seldom: an error may quote what changes.
func (g *Sighting) review(p *Preset, body []byte, contentType string, err error) error {
	if err == nil && (p.JSON == nil || g.Foreign()) {
		return nil
	}
	why := ""
	if err != nil {
		why = err.Error()
	}
	g.since++
	if g.reviewed == nil || g.why != why && g.since >= reviewAgain {
		g.why, g.since, g.reviewed = why, 0, g.set.look(p, body, contentType)
	}
	if err == nil {
		if g.why == "" {
			g.add(g.reviewed)
		}
		return nil
	}
	if text := g.reviewed.Unlike(p); text != "" {
		return fmt.Errorf("it %s (%w)", text, err)
	}
	return err
}

// look reads a body in the ways of other presets than this one, each once. What
// none of them knows is as if it were not there.
func (s *Set) look(p *Preset, body []byte, contentType string) *Sighting {
	g := s.NewSighting()
	want := func(lset labels.Labels) bool {
		if name := lset.Get(labels.MetricName); len(s.signatures[name]) > 0 {
			g.See(name)
		}
		return false
	}
	tried := map[exposition.Format]bool{exposition.Format(p.Format): true}
	for _, name := range s.Names() {
		o := exposition.Options{Format: exposition.Format(s.entries[name].format), Want: want}
		if o.Format == exposition.Json {
			other := s.Get(name)
			if other == nil || name == p.Name {
				continue
			}
			o.JSON = other.JSON
		} else if tried[o.Format] {
			continue
		}
		tried[o.Format] = true
		// What it cannot read is not of that gateway.
		_, _, _ = exposition.NewParser(o).Parse(body, contentType, 0)
	}
	return g
}

// add takes what another Sighting has seen of the same endpoint.
func (g *Sighting) add(o *Sighting) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.any = g.any || o.any
	maps.Copy(g.names, o.names)
}
