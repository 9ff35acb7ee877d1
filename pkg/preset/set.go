package preset

import (
	"cmp"
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

// presetFileName is what holds a preset, in a folder of its name. Beside such
// folders, NAME.lua is a preset without one.
const presetFileName = "preset.lua"

// presetSuffix is that of a preset without a folder.
const presetSuffix = ".lua"

// maxPresetBytes is the largest preset.lua that is read.
const maxPresetBytes = 1 << 20

// A Set holds the presets that there are. Those that are read on demand are read
// once. To its users it is immutable; a nil Set has none.
type Set struct {
	entries map[string]entry
	modules map[string]*script.Module
	// signatures holds the presets that are known by a name.
	signatures map[string][]string
	// base is the set without those of a user's folder; nil where there is none.
	base *Set
}

// A Summary is what a list of presets shows of one.
type Summary struct {
	Name, Title string
	Versions    []string
	Metrics     int // how many it has
}

// An entry is what is known of a preset before it is read.
type entry struct {
	Summary
	signature, embeds []string
	format            string
	// get returns the preset, or why it cannot be read.
	get func() (*Preset, error)
	// own is the text of a preset of a user's folder; empty for one of gaugeway.
	own string
}

// LoadSet reads and checks the presets that are part of the program, and those of
// a folder, which take the place of the former or come in addition; dir may be
// empty. A preset lies in NAME/preset.lua or, as in a mounted ConfigMap, which has no
// folders, in NAME.lua; what is hidden is left out. Of findings in the folder each costs its preset, and the one that is part
// of the program stays in use. The error says that dir cannot be read or holds
// none. Programs use [OpenSet], which is cheaper.
func LoadSet(embedded fs.FS, dir string) (*Set, []config.Finding, error) {
	s := newSet()
	findings, err := s.add(embedded, "lua", true, nil)
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
	s.base = s.copied()
	found, err := s.add(os.DirFS(dir), dir, false, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("--presets %s: %w", dir, err)
	}
	s.sign()
	return s, append(findings, found...), nil
}

// copied returns a set of the same presets, to which others can be added.
func (s *Set) copied() *Set {
	out := newSet()
	if s != nil {
		maps.Copy(out.entries, s.entries)
		maps.Copy(out.modules, s.modules)
	}
	return out
}

// Reload returns the presets with those that are in a user's folder now; the set
// was made with that folder. What did not change is the same preset and module as
// before. Of a preset that is broken now the last good version stays in use, and a
// finding says so. The error says that the folder cannot be read or holds none:
// then all stays as it was.
func (s *Set) Reload(dir string) (*Set, []config.Finding, error) {
	next := s.base.copied()
	next.base = s.base
	findings, err := next.add(os.DirFS(dir), dir, false, s)
	if err != nil {
		return nil, nil, err
	}
	next.sign()
	return next, findings, nil
}

// Same reports whether both sets have the same presets, read from the same texts.
func (s *Set) Same(o *Set) bool {
	return maps.EqualFunc(s.modules, o.modules, func(a, b *script.Module) bool { return a == b })
}

// add reads the presets of a folder. Those that last has of the same text are
// taken from there, and those that are broken now, too; it may be nil.
func (s *Set) add(fsys fs.FS, dir string, embedded bool, last *Set) ([]config.Finding, error) {
	files, err := presetFiles(fsys)
	if err != nil {
		return nil, withoutPath(err)
	}
	if len(files) == 0 && !embedded {
		return nil, errors.New("there is no preset in it; a preset is a folder with " + presetFileName + ", or a file NAME" + presetSuffix)
	}
	var findings []config.Finding
	before := ""
	for _, f := range files {
		file := filepath.Join(dir, filepath.FromSlash(f.path))
		if f.name == before {
			findings = append(findings, config.Finding{File: file, Message: fmt.Sprintf("the preset %s is in a folder of this name, too", f.name), Cure: "remove one"})
			continue
		}
		before = f.name
		text, found := readPresetText(fsys, f, file)
		if text != "" && text == last.text(f.name) {
			s.take(f.name, last)
			continue
		}
		var p *Preset
		if len(found) == 0 {
			p, found = parsePreset(f, file, text)
		}
		switch {
		case len(found) > 0 && last.text(f.name) != "":
			s.take(f.name, last)
			for i := range found {
				found[i].Kept = true
			}
			findings = append(findings, found...)
		case len(found) > 0:
			findings = append(findings, s.kept(f.name, found)...)
		default:
			p.Embedded = embedded
			s.put(p)
			if !embedded {
				s.own(p.Name, text)
			}
		}
	}
	return findings, nil
}

// text returns that of a preset of a user's folder; empty for others.
func (s *Set) text(name string) string {
	if s == nil {
		return ""
	}
	return s.entries[name].own
}

// take adds a preset of another set.
func (s *Set) take(name string, from *Set) {
	s.entries[name], s.modules[name] = from.entries[name], from.modules[name]
}

// A presetPath is where a preset of a name lies.
type presetPath struct{ name, path string }

// presetFiles returns where presets lie in a folder, by name, those in folders
// first.
func presetFiles(fsys fs.FS) ([]presetPath, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, err
	}
	var files []presetPath
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		name := path.Join(e.Name(), presetFileName)
		if info, err := fs.Stat(fsys, name); err == nil && !info.IsDir() {
			files = append(files, presetPath{e.Name(), name})
			continue
		}
		if name, ok := strings.CutSuffix(e.Name(), presetSuffix); ok && name != "" {
			if info, err := fs.Stat(fsys, e.Name()); err == nil && !info.IsDir() {
				files = append(files, presetPath{name, e.Name()})
			}
		}
	}
	slices.SortStableFunc(files, func(a, b presetPath) int {
		return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(b.path, a.path))
	})
	return files, nil
}

// Folders returns the folders that the presets of a user's folder are read from,
// absolute and without links: what to follow.
func Folders(dir string) []string {
	var out []string
	note := func(path string) {
		if real, err := filepath.EvalSymlinks(path); err == nil && !slices.Contains(out, real) {
			out = append(out, real)
		}
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil
	}
	note(abs)
	entries, err := os.ReadDir(abs)
	if err != nil {
		return out
	}
	for _, e := range entries {
		path := filepath.Join(abs, e.Name())
		if info, err := os.Stat(path); err != nil || strings.HasPrefix(e.Name(), ".") {
			continue
		} else if info.IsDir() {
			note(path)
		} else if real, err := filepath.EvalSymlinks(path); err == nil {
			note(filepath.Dir(real))
		}
	}
	return out
}

// put adds a preset that was read, in the place of one of its name.
func (s *Set) put(p *Preset) {
	s.entries[p.Name] = entry{
		Summary:   Summary{Name: p.Name, Title: p.Title, Versions: p.Versions, Metrics: len(p.Metrics)},
		signature: p.Signature, embeds: p.Embeds, format: p.Format, get: func() (*Preset, error) { return p, nil },
	}
	s.modules[p.Name] = p.Module
}

// own remembers the text of a preset of a user's folder.
func (s *Set) own(name, text string) {
	e := s.entries[name]
	e.own = text
	s.entries[name] = e
}

// read reads one preset.
func (s *Set) read(fsys fs.FS, of presetPath, file string) (*Preset, []config.Finding) {
	text, findings := readPresetText(fsys, of, file)
	if len(findings) > 0 {
		return nil, findings
	}
	return parsePreset(of, file, text)
}

func parsePreset(of presetPath, file, text string) (*Preset, []config.Finding) {
	p, f := readPreset(of.name, file, text)
	return p, f.findings
}

func readPresetText(fsys fs.FS, of presetPath, file string) (string, []config.Finding) {
	failed := func(message, cure string) (string, []config.Finding) {
		return "", []config.Finding{{File: file, Message: message, Cure: cure}}
	}
	info, err := fs.Stat(fsys, of.path)
	if err != nil {
		return failed(withoutPath(err).Error(), "make it readable or remove it")
	}
	if info.Size() > maxPresetBytes {
		return failed(fmt.Sprintf("larger than the limit of %d MiB", maxPresetBytes>>20), "make it shorter")
	}
	text, err := fs.ReadFile(fsys, of.path)
	if err != nil {
		return failed(withoutPath(err).Error(), "make it readable or remove it")
	}
	return string(text), nil
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
	if _, err := os.Stat(file); err != nil {
		return s, nil
	}
	folder := dir
	if abs, err := filepath.Abs(dir); err == nil {
		folder = abs
	}
	with := s.copied()
	name := filepath.Base(folder)
	p, findings := with.read(os.DirFS(filepath.Dir(folder)), presetPath{name, path.Join(name, presetFileName)}, file)
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

// Own returns the names of the presets of a user's folder, sorted.
func (s *Set) Own() []string {
	return slices.DeleteFunc(s.Names(), func(name string) bool { return s.text(name) == "" })
}

// List returns what a list of all presets shows, by name. It reads none.
func (s *Set) List() []Summary {
	var out []Summary
	for _, name := range s.Names() {
		out = append(out, s.entries[name].Summary)
	}
	return out
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
