package preset

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gaugeway/gaugeway/pkg/config"
	"github.com/gaugeway/gaugeway/pkg/script"
)

// presetFileName is what holds a preset, in a folder of its name.
const presetFileName = "preset.lua"

// maxPresetBytes is the largest preset.lua that is read.
const maxPresetBytes = 1 << 20

// A Set holds the presets that there are. Those that are read on demand are read
// once. To its users it is immutable; a nil Set has none.
type Set struct {
	entries map[string]entry
	modules map[string]*script.Module
	// signatures holds the presets that are known by a name.
	signatures map[string][]string
}

// An entry is what is known of a preset before it is read.
type entry struct {
	signature, embeds []string
	// get returns the preset, or why it cannot be read.
	get func() (*Preset, error)
}

// LoadSet reads and checks the presets that are part of the program, and those of
// a folder, which take the place of the former or come in addition; dir may be
// empty. Of findings in the folder each costs its preset, and the one that is part
// of the program stays in use. The error says that dir cannot be read or holds
// none. Programs use [OpenSet], which is cheaper.
func LoadSet(embedded fs.FS, dir string) (*Set, []config.Finding, error) {
	s := newSet()
	findings, err := s.add(embedded, "lua", true)
	if err != nil {
		return nil, nil, err
	}
	return s.withFolder(dir, findings)
}

func newSet() *Set {
	return &Set{entries: map[string]entry{}, modules: map[string]*script.Module{}}
}

// withFolder adds the presets of a folder, which may be empty, and ends the
// making of a set.
func (s *Set) withFolder(dir string, findings []config.Finding) (*Set, []config.Finding, error) {
	if dir == "" {
		s.sign()
		return s, findings, nil
	}
	found, err := s.add(os.DirFS(dir), dir, false)
	if err != nil {
		return nil, nil, fmt.Errorf("--presets %s: %w", dir, err)
	}
	s.sign()
	return s, append(findings, found...), nil
}

// add reads the presets of a folder.
func (s *Set) add(fsys fs.FS, dir string, embedded bool) ([]config.Finding, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, withoutPath(err)
	}
	var findings []config.Finding
	read := 0
	for _, e := range entries {
		name := path.Join(e.Name(), presetFileName)
		info, err := fs.Stat(fsys, name)
		if err != nil {
			continue // a folder without preset.lua, or a file
		}
		read++
		p, found := s.read(fsys, e.Name(), filepath.Join(dir, e.Name(), presetFileName), info)
		if len(found) > 0 {
			findings = append(findings, s.kept(e.Name(), found)...)
			continue
		}
		p.Embedded = embedded
		s.put(p)
	}
	if read == 0 && !embedded {
		return nil, errors.New("there is no preset in it; a preset is a folder with " + presetFileName)
	}
	return findings, nil
}

// put adds a preset that was read, in the place of one of its name.
func (s *Set) put(p *Preset) {
	s.entries[p.Name] = entry{signature: p.Signature, embeds: p.Embeds, get: func() (*Preset, error) { return p, nil }}
	s.modules[p.Name] = p.Module
}

// read reads one preset.
func (s *Set) read(fsys fs.FS, folder, file string, info fs.FileInfo) (*Preset, []config.Finding) {
	failed := func(message string) []config.Finding { return []config.Finding{{File: file, Message: message}} }
	if info.Size() > maxPresetBytes {
		return nil, failed(fmt.Sprintf("larger than the limit of %d MiB", maxPresetBytes>>20))
	}
	text, err := fs.ReadFile(fsys, path.Join(folder, presetFileName))
	if err != nil {
		return nil, failed(withoutPath(err).Error())
	}
	p, f := readPreset(folder, file, string(text))
	return p, f.findings
}

// kept marks findings about a preset of which another version stays in use.
func (s *Set) kept(name string, findings []config.Finding) []config.Finding {
	if _, ok := s.entries[name]; ok {
		last := &findings[len(findings)-1]
		last.Message += fmt.Sprintf(" (the preset %s that is part of gaugeway stays in use)", name)
	}
	return findings
}

// beside returns the set with the preset that a folder holds, where it holds one,
// so that the tests beside a preset test that one.
func (s *Set) beside(dir string) (*Set, []config.Finding) {
	file := filepath.Join(dir, presetFileName)
	info, err := os.Stat(file)
	if err != nil {
		return s, nil
	}
	folder := dir
	if abs, err := filepath.Abs(dir); err == nil {
		folder = abs
	}
	with := newSet()
	if s != nil {
		maps.Copy(with.entries, s.entries)
		maps.Copy(with.modules, s.modules)
	}
	p, findings := with.read(os.DirFS(filepath.Dir(folder)), filepath.Base(folder), file, info)
	if len(findings) > 0 {
		return s, findings
	}
	with.put(p)
	with.sign()
	return with, nil
}

// Get returns the preset of a name, or nil.
func (s *Set) Get(name string) *Preset {
	if s == nil {
		return nil
	}
	e, ok := s.entries[name]
	if !ok {
		return nil
	}
	p, err := e.get()
	if err != nil {
		return nil
	}
	return p
}

// Names returns the names of all presets, sorted.
func (s *Set) Names() []string {
	if s == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(s.entries))
}

// All returns all presets, by name. It reads those that were not read yet.
func (s *Set) All() []*Preset {
	var all []*Preset
	for _, name := range s.Names() {
		if p := s.Get(name); p != nil {
			all = append(all, p)
		}
	}
	return all
}

// Modules returns the functions of all presets, by the presets' names. The caller
// must not change the map.
func (s *Set) Modules() map[string]*script.Module {
	if s == nil {
		return nil
	}
	return s.modules
}

// Unknown says what to write instead of the name of a preset that there is not.
func (s *Set) Unknown(name string) (message, cure string) {
	names := s.Names()
	message = fmt.Sprintf("there is no preset %q", name)
	if near := config.Nearest(name, names); near != "" {
		return message, "did you mean " + near + "?"
	}
	if len(names) == 0 {
		return message, "there are none here"
	}
	return message, "there are " + strings.Join(names, ", ")
}
