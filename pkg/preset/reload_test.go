package preset

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// A userFolder is a folder of presets and what is made of it.
type userFolder struct {
	t   *testing.T
	dir string
}

func (f userFolder) write(name, source string) {
	f.t.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func (f userFolder) remove(name string) {
	f.t.Helper()
	if err := os.RemoveAll(filepath.Join(f.dir, name)); err != nil {
		f.t.Fatal(err)
	}
}

// describe names the presets of a set, and what is wrong.
func (f userFolder) describe(s *Set, lines ...string) string {
	for _, p := range s.All() {
		lines = append(lines, p.Name+" "+p.Title)
	}
	return strings.ReplaceAll(strings.Join(lines, "\n"), f.dir, "DIR")
}

func titled(name, title string) string {
	return text{"title": fmt.Sprintf("%q", title)}.written(name)
}

// TestPresetsWithoutFolders: a mounted ConfigMap has none, and its files are links
// to hidden folders.
func TestPresetsWithoutFolders(t *testing.T) {
	t.Parallel()
	f := userFolder{t, t.TempDir()}
	f.write("..2026_01/red.lua", titled("red", "in a file"))
	f.write("..2026_01/preset.lua", "no preset")
	f.write("blue/preset.lua", titled("blue", "in a folder"))
	f.write("blue.lua", titled("blue", "twice"))
	f.write("green.lua", titled("red", "of another name"))
	f.write("red_test.yaml", "tests: []")
	for link, to := range map[string]string{"..data": "..2026_01", "red.lua": "..data/red.lua"} {
		if err := os.Symlink(to, filepath.Join(f.dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	s, findings, err := LoadSet(fstest.MapFS{}, f.dir)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, finding := range findings {
		said = append(said, finding.String())
	}
	want := `DIR/blue.lua: the preset blue is in a folder of this name, too; remove one
DIR/green.lua:2:3: name: the file is called "green.lua"; call both the same
blue in a folder
red in a file`
	if diff := cmp.Diff(want, f.describe(s, said...)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	var folders []string
	for _, folder := range Folders(f.dir) {
		folders = append(folders, strings.ReplaceAll(folder, f.dir, "DIR"))
	}
	if diff := cmp.Diff([]string{"DIR", "DIR/blue", "DIR/..2026_01"}, folders); diff != "" {
		t.Errorf("folders to follow: -want +got\n%s", diff)
	}
}

// TestReload: what is broken goes on as it was, and what did not change is the
// same.
func TestReload(t *testing.T) {
	t.Parallel()
	f := userFolder{t, t.TempDir()}
	embedded := fstest.MapFS{"red/preset.lua": {Data: []byte(titled("red", "of gaugeway"))}}
	f.write("blue.lua", titled("blue", "1"))
	f.write("red.lua", titled("red", "1"))
	s, findings, err := LoadSet(embedded, f.dir)
	if err != nil || len(findings) > 0 {
		t.Fatal(findings, err)
	}
	reload := func(want string) {
		t.Helper()
		next, findings, err := s.Reload(f.dir)
		var said []string
		if err != nil {
			next, said = s, []string{err.Error()}
		}
		for _, finding := range findings {
			said = append(said, finding.String())
		}
		if diff := cmp.Diff(want, f.describe(next, said...)); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		s = next
	}
	same := func(want bool, change func()) {
		t.Helper()
		before, blue := s, s.Get("blue")
		change()
		if s.Same(before) != want {
			t.Errorf("the presets are the same: %v, want %v", !want, want)
		}
		if want && s.Get("blue") != blue {
			t.Error("a preset that did not change is another")
		}
	}
	same(true, func() { reload("blue 1\nred 1") })
	same(false, func() {
		f.write("blue.lua", titled("blue", "2"))
		reload("blue 2\nred 1")
	})
	same(true, func() {
		f.write("blue.lua", strings.Replace(titled("blue", "3"), `"3"`, "3", 1))
		reload("DIR/blue.lua:3:3: title: expected a string, found the number 3; write a string, such as \"kong\" (the last good version stays in use)\nblue 2\nred 1")
		reload("DIR/blue.lua:3:3: title: expected a string, found the number 3; write a string, such as \"kong\" (the last good version stays in use)\nblue 2\nred 1")
	})
	same(false, func() {
		f.write("blue.lua", titled("blue", "4"))
		reload("blue 4\nred 1")
	})
	same(false, func() {
		f.remove("red.lua")
		reload("blue 4\nred of gaugeway")
	})
	same(true, func() {
		f.remove("blue.lua")
		reload("there is no preset in it; a preset is a folder with preset.lua, or a file NAME.lua\nblue 4\nred of gaugeway")
	})
}
