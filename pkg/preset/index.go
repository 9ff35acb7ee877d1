package preset

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"sync"

	"github.com/gaugeway/gaugeway/pkg/config"
	"github.com/gaugeway/gaugeway/pkg/script"
)

// IndexFile is the name of the file beside the presets that says of each what is
// asked of those that nothing names: see [Set.Index].
const IndexFile = "index.json"

// An indexed preset is what the index says of it.
type indexed struct {
	Title     string   `json:"title"`
	Versions  []string `json:"versions"`
	Metrics   int      `json:"metrics"` // how many
	Signature []string `json:"signature"`
	Embeds    []string `json:"embeds,omitempty"`
	Format    string   `json:"format"`
}

// Index returns the text of the index of all presets, in JSON: what a list of them
// shows, by which names gateways are known, and which are part of others.
func (s *Set) Index() (string, error) {
	index := map[string]indexed{}
	for name, e := range s.entries {
		index[name] = indexed{Title: e.Title, Versions: e.Versions, Metrics: e.Metrics, Signature: e.signature, Embeds: e.embeds, Format: e.format}
	}
	text, err := json.MarshalIndent(index, "", "  ")
	if err != nil {
		return "", fmt.Errorf("write the index of the presets: %w", err)
	}
	return string(text) + "\n", nil
}

// OpenSet is LoadSet, but it reads only the index of the presets that are part of
// the program. Each of these is read once something names it: an object, a flag or
// a program. What is wrong with them is found by LoadSet, in tests. The error says
// that the index cannot be read too.
func OpenSet(embedded fs.FS, dir string) (*Set, []config.Finding, error) {
	text, err := fs.ReadFile(embedded, IndexFile)
	if err != nil {
		return nil, nil, fmt.Errorf("%s of the presets: %w", IndexFile, withoutPath(err))
	}
	var index map[string]indexed
	if err := json.Unmarshal(text, &index); err != nil {
		return nil, nil, fmt.Errorf("%s of the presets: %w", IndexFile, err)
	}
	s := newSet()
	for name, known := range index {
		get := sync.OnceValues(func() (*Preset, error) { return s.readEmbedded(embedded, name) })
		s.entries[name] = entry{
			Summary:   Summary{Name: name, Title: known.Title, Versions: known.Versions, Metrics: known.Metrics},
			signature: known.Signature, embeds: known.Embeds, format: known.Format, get: get,
		}
		s.modules[name] = script.ModuleOnDemand(name, func() (*script.Module, error) {
			p, err := get()
			if err != nil {
				return nil, err
			}
			return p.Module, nil
		})
	}
	return s.withFolder(dir, nil)
}

// readEmbedded reads a preset that is part of the program.
func (s *Set) readEmbedded(embedded fs.FS, name string) (*Preset, error) {
	p, findings := s.read(embedded, presetPath{name, path.Join(name, presetFileName)}, filepath.Join("lua", name, presetFileName))
	if len(findings) > 0 {
		return nil, errors.New(findings[0].String())
	}
	p.Embedded = true
	return p, nil
}
