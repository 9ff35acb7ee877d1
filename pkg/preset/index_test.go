package preset

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/gaugeway/gaugeway/lua"
	"github.com/gaugeway/gaugeway/pkg/script"
)

// indexedFiles returns presets, which have to be right, and their index.
func indexedFiles(t *testing.T, presets map[string]text) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	for name, change := range presets {
		files[name+"/preset.lua"] = &fstest.MapFile{Data: []byte(change.written(name))}
	}
	index, err := setOf(t, presets).Index()
	if err != nil {
		t.Fatal(err)
	}
	files[IndexFile] = &fstest.MapFile{Data: []byte(index)}
	return files
}

func openSet(t *testing.T, files fs.FS) *Set {
	t.Helper()
	s, findings, err := OpenSet(files, "")
	if err != nil || len(findings) > 0 {
		t.Fatalf("%v %v", err, findings)
	}
	return s
}

// An openedFiles notes which presets are read.
type openedFiles struct {
	fs.FS
	mu   sync.Mutex
	read map[string]int
}

func (o *openedFiles) ReadFile(name string) ([]byte, error) {
	o.mu.Lock()
	o.read[name]++
	o.mu.Unlock()
	return fs.ReadFile(o.FS, name)
}

// TestPresetsAreReadOnDemand: names, recognition and programs without presets read
// none, and what is named is read once.
func TestPresetsAreReadOnDemand(t *testing.T) {
	t.Parallel()
	files := &openedFiles{read: map[string]int{}, FS: indexedFiles(t, map[string]text{
		"envoy": {"signature": `{"envoy_server_live"}`},
		"istio": {"signature": `{"istio_requests_total"}`, "embeds": `{"envoy"}`},
		"kong":  {"signature": `{"kong_up"}`},
	})}
	s := openSet(t, files)
	compile := func(source string) error {
		_, err := script.Compile(source, script.Options{Name: "m", Modules: s.Modules()})
		return err
	}
	want := func(what string, read map[string]int) {
		t.Helper()
		read[IndexFile] = 1
		if diff := cmp.Diff(read, files.read); diff != "" {
			t.Errorf("%s: -want +got\n%s", what, diff)
		}
	}
	if diff := cmp.Diff([]string{"envoy", "istio", "kong"}, s.Names()); diff != "" {
		t.Error(diff)
	}
	if _, cure := s.Unknown("unheard"); cure != "there are envoy, istio, kong" {
		t.Errorf("an unknown preset: %s", cure)
	}
	if err := compile(`sum(rate(requests_total["1m"]))`); err != nil {
		t.Error(err)
	}
	if err := compile("http.server.requests"); err == nil || !strings.Contains(err.Error(), "a name with a dot is written in quotes") {
		t.Errorf("a name with dots: %v", err)
	}
	if err := compile("kog.queue_depth()"); err == nil || !strings.Contains(err.Error(), "did you mean kong?") {
		t.Errorf("an unknown preset in a program: %v", err)
	}
	want("what names no preset", map[string]int{})

	kong := s.Get("kong")
	if kong == nil || !kong.Embedded || kong.File != filepath.Join("lua", "kong", "preset.lua") {
		t.Fatalf("kong is %+v", kong)
	}
	sighting := s.NewSighting()
	sighting.See("envoy_server_live")
	sighting.See("istio_requests_total")
	if got := sighting.Unlike(kong); got != "does not look like kong: it looks like istio (istio_requests_total); write preset: istio" {
		t.Errorf("recognized as %q", got)
	}
	want("recognition", map[string]int{"kong/preset.lua": 1})

	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if err := compile("envoy.requests_per_second() + kong.requests_per_second()"); err != nil {
				t.Error(err)
			}
			if s.Get("envoy") == nil {
				t.Error("there is no preset envoy")
			}
		})
	}
	group.Wait()
	want("a program", map[string]int{"kong/preset.lua": 1, "envoy/preset.lua": 1})
}

// TestAFolderOverridesTheIndex: presets of a folder are read at once, and one that
// is broken leaves the program's own in use.
func TestAFolderOverridesTheIndex(t *testing.T) {
	t.Parallel()
	files := indexedFiles(t, map[string]text{"red": {}, "blue": {}})
	dir := t.TempDir()
	for name, title := range map[string]string{"red": `"mine"`, "blue": "3"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o750); err != nil {
			t.Fatal(err)
		}
		source := text{"title": title, "signature": `{"mine_up"}`}.written(name)
		if err := os.WriteFile(filepath.Join(dir, name, presetFileName), []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, findings, err := OpenSet(files, dir)
	if err != nil || len(findings) != 1 || !strings.Contains(findings[0].String(), "(the preset blue that is part of gaugeway stays in use)") {
		t.Fatalf("%v %v", err, findings)
	}
	if red, blue := s.Get("red"), s.Get("blue"); red.Title != "mine" || red.Embedded || blue.Title != "A gateway" || !blue.Embedded {
		t.Errorf("red is %s, blue is %s", red.Title, blue.Title)
	}
	sighting := s.NewSighting()
	sighting.See("mine_up")
	if got := sighting.Looks(); len(got) != 1 || got[0].Name != "red" {
		t.Errorf("looks like %v", got)
	}
}

// TestBrokenIndex: what cannot be read is said, and nothing panics.
func TestBrokenIndex(t *testing.T) {
	t.Parallel()
	for _, files := range []fstest.MapFS{{}, {IndexFile: {Data: []byte("[")}}} {
		if _, _, err := OpenSet(files, ""); err == nil || !strings.HasPrefix(err.Error(), "index.json of the presets: ") {
			t.Errorf("the error is %v", err)
		}
	}
	s := openSet(t, fstest.MapFS{
		IndexFile:           {Data: []byte(`{"gone": {}, "broken": {}}`)},
		"broken/preset.lua": {Data: []byte("return {")},
	})
	for name, want := range map[string]string{"gone": "does not exist", "broken": "lua/broken/preset.lua:1:"} {
		_, err := script.Compile(name+".queue_depth()", script.Options{Name: "m", Modules: s.Modules()})
		if err == nil || !strings.Contains(err.Error(), "the preset "+name+" cannot be read: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v", name, err)
		}
		if s.Get(name) != nil || len(s.All()) > 0 {
			t.Errorf("there is a preset %s", name)
		}
	}
}

// TestIndexOfTheEmbedded: what is opened is what is checked.
func TestIndexOfTheEmbedded(t *testing.T) {
	t.Parallel()
	checked, _, err := LoadSet(lua.Presets, "")
	if err != nil {
		t.Fatal(err)
	}
	opened := openSet(t, lua.Presets)
	if diff := cmp.Diff(checked.Names(), opened.Names()); diff != "" {
		t.Fatalf("the index is out of date, run make generate: -preset.lua +index\n%s", diff)
	}
	if diff := cmp.Diff(checked.signatures, opened.signatures); diff != "" {
		t.Errorf("the index is out of date, run make generate: -preset.lua +index\n%s", diff)
	}
	for _, p := range opened.All() {
		if of := checked.Get(p.Name); p.Readme() != of.Readme() || p.File != of.File || !p.Embedded || opened.Modules()[p.Name].Name() != p.Name {
			t.Errorf("%s is not what is checked", p.Name)
		}
	}
}
