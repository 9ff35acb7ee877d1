package preset

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// A Sighting is what one endpoint shows of the names by which gateways are
// known. It may be used concurrently.
type Sighting struct {
	set *Set

	mu    sync.Mutex
	any   bool            // it shows something
	names map[string]bool // of signatures

	// Of the parser that is watched: what the last body that it could not read shows
	// in the ways of other presets, why it could not, and how many bodies came since.
	// The parser's alone.
	reviewed *Sighting
	why      string
	since    int
}

// NewSighting returns a Sighting of an endpoint that has shown nothing yet.
func (s *Set) NewSighting() *Sighting { return &Sighting{set: s, names: map[string]bool{}} }

// See takes the name of a series that the endpoint shows.
func (g *Sighting) See(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.any = true
	if g.set != nil && len(g.set.signatures[name]) > 0 {
		g.names[name] = true
	}
}

// Is reports whether the endpoint shows a name by which the preset's gateway is
// known.
func (g *Sighting) Is(p *Preset) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.ContainsFunc(p.Signature, func(name string) bool { return g.names[name] })
}

// Foreign reports whether the endpoint shows a name by which some gateway is
// known.
func (g *Sighting) Foreign() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.names) > 0
}

// Unlike says that an endpoint does not look like the preset's gateway, what it
// looks like, and what to write; empty where it does, or has shown nothing.
func (g *Sighting) Unlike(p *Preset) string {
	if g.Is(p) {
		return ""
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.any {
		return ""
	}
	text := "does not look like " + p.Name
	var names, looks []string
	for _, like := range g.set.recognize(g.names) {
		names = append(names, like.preset)
		looks = append(looks, fmt.Sprintf("%s (%s)", like.preset, like.names[0]))
	}
	if len(names) == 0 {
		return fmt.Sprintf("%s, which shows one of %s; compare the URL, the port and the path with what the gateway has", text, strings.Join(p.Signature, ", "))
	}
	return fmt.Sprintf("%s: it looks like %s; write preset: %s", text, strings.Join(looks, " or "), strings.Join(names, " or "))
}

// Looks returns the presets of the gateways that the endpoint looks like, the
// most specific, of which there may be several.
func (g *Sighting) Looks() []*Preset {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []*Preset
	for _, like := range g.set.recognize(g.names) {
		if p := g.set.Get(like.preset); p != nil {
			out = append(out, p)
		}
	}
	return out
}

// A likeness is the name of a preset, and names of it that an endpoint shows.
type likeness struct {
	preset string
	names  []string
}

// recognize returns the presets of which one of the names tells, by name: not
// those that are part of another one of them; of the others those with a name
// that is of no other preset, if there are any; and of these those with the most
// names.
func (s *Set) recognize(names map[string]bool) []likeness {
	var all []likeness
	for _, preset := range s.Names() {
		like := likeness{preset: preset}
		for _, name := range s.entries[preset].signature {
			if names[name] {
				like.names = append(like.names, name)
			}
		}
		if len(like.names) > 0 {
			all = append(all, like)
		}
	}
	specific := slices.DeleteFunc(slices.Clone(all), func(part likeness) bool {
		return slices.ContainsFunc(all, func(whole likeness) bool { return s.embeds(whole.preset, part.preset, 0) })
	})
	own := func(l likeness) bool {
		return slices.ContainsFunc(l.names, func(name string) bool { return len(s.signatures[name]) == 1 })
	}
	if slices.ContainsFunc(specific, own) {
		specific = slices.DeleteFunc(specific, func(l likeness) bool { return !own(l) })
	}
	most := 0
	for _, l := range specific {
		most = max(most, len(l.names))
	}
	specific = slices.DeleteFunc(specific, func(l likeness) bool { return len(l.names) < most })
	slices.SortFunc(specific, func(a, b likeness) int { return cmp.Compare(a.preset, b.preset) })
	return specific
}

// embeds reports whether a gateway contains another one, directly or not.
func (s *Set) embeds(whole, part string, depth int) bool {
	if depth > len(s.entries) {
		return false
	}
	return slices.ContainsFunc(s.entries[whole].embeds, func(name string) bool {
		return name == part || s.embeds(name, part, depth+1)
	})
}

// sign notes by which names the presets are known.
func (s *Set) sign() {
	s.signatures = map[string][]string{}
	for _, preset := range s.Names() {
		for _, name := range s.entries[preset].signature {
			s.signatures[name] = append(s.signatures[name], preset)
		}
	}
}
