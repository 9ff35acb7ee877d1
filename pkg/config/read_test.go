package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

func source(name string) string { return strings.ReplaceAll(kongYAML, "kong", name) }

// mount lays files out as the kubelet mounts a ConfigMap: in a hidden folder of
// their version, which ..data links to, and a link to each through ..data.
// Mounting again replaces ..data at one stroke and removes the old version.
func mount(t *testing.T, dir, version string, files map[string]string) {
	t.Helper()
	old, _ := os.Readlink(filepath.Join(dir, "..data"))
	for name, content := range files {
		write(t, filepath.Join(dir, version, name), content)
	}
	link(t, version, filepath.Join(dir, "..data_tmp"))
	if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	for name := range files {
		name, _, _ = strings.Cut(name, "/") // of sub/file.yaml, sub is the link
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			link(t, filepath.Join("..data", name), filepath.Join(dir, name))
		}
	}
	if old != "" {
		if err := os.RemoveAll(filepath.Join(dir, old)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		files        func(t *testing.T, dir string)
		want         string // names of sources, in order
		wantFindings string
	}{
		{
			name:  "an empty folder",
			files: func(*testing.T, string) {},
		},
		{
			name: "yaml and yml in folders, nothing else",
			files: func(t *testing.T, dir string) {
				write(t, filepath.Join(dir, "b.yml"), source("b"))
				write(t, filepath.Join(dir, "a.yaml"), source("a"))
				write(t, filepath.Join(dir, "sub", "deep", "c.yaml"), source("c"))
				write(t, filepath.Join(dir, "README.md"), "no")
				write(t, filepath.Join(dir, "a.yaml.orig"), "no")
				write(t, filepath.Join(dir, ".hidden.yaml"), "no")
				write(t, filepath.Join(dir, ".git", "x.yaml"), "no")
				link(t, "nobody@host:1", filepath.Join(dir, ".#a.yaml"))
				link(t, "nothing", filepath.Join(dir, "dangling.txt"))
			},
			want: "a b c",
		},
		{
			name: "a mounted ConfigMap",
			files: func(t *testing.T, dir string) {
				mount(t, dir, "..2026_08_04", map[string]string{"a.yaml": source("a"), "b.yaml": source("b"), "sub/c.yaml": source("c")})
			},
			want: "a b c",
		},
		{
			name: "links in circles and twice to one file",
			files: func(t *testing.T, dir string) {
				write(t, filepath.Join(dir, "sub", "a.yaml"), source("a"))
				link(t, "sub/a.yaml", filepath.Join(dir, "z.yaml"))
				link(t, "..", filepath.Join(dir, "sub", "up"))
				link(t, ".", filepath.Join(dir, "self"))
			},
			want: "a",
		},
		{
			name: "a link out of the folder",
			files: func(t *testing.T, dir string) {
				outside := t.TempDir()
				write(t, filepath.Join(outside, "a.txt"), source("a"))
				link(t, filepath.Join(outside, "a.txt"), filepath.Join(dir, "a.yaml"))
			},
			want: "a",
		},
		{
			name: "what cannot be read costs itself only",
			files: func(t *testing.T, dir string) {
				link(t, "nothing", filepath.Join(dir, "a.yaml"))
				write(t, filepath.Join(dir, "b.yaml"), source("b"))
				write(t, filepath.Join(dir, "c.yaml"), "#"+strings.Repeat("x", MaxFileBytes))
				link(t, "d.yaml", filepath.Join(dir, "d.yaml"))
				link(t, "/dev/null", filepath.Join(dir, "e.yaml"))
			},
			want: "b",
			wantFindings: `a.yaml: cannot be read: no such file or directory; correct the link or remove it
c.yaml: larger than the limit of 1 MiB; split it into several files
d.yaml: cannot be read: too many levels of symbolic links; make it readable or remove it
e.yaml: cannot be read: not a regular file; make it readable or remove it
`,
		},
		{
			name: "the largest file",
			files: func(t *testing.T, dir string) {
				text := source("a")
				write(t, filepath.Join(dir, "a.yaml"), text+strings.Repeat("\n", MaxFileBytes-len(text)))
			},
			want: "a",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			c.files(t, dir)
			objects, err := Read(dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, s := range objects.Sources {
				names = append(names, s.Name)
			}
			if got := strings.Join(names, " "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			got := strings.ReplaceAll(printed(sortFindings(objects.Findings)), dir+"/", "")
			if diff := cmp.Diff(c.wantFindings, got); diff != "" {
				t.Errorf("findings: -want +got:\n%s", diff)
			}
			again, err := Read(dir, nil)
			if err != nil || again.fingerprint != objects.fingerprint {
				t.Errorf("the same files have two fingerprints (%v)", err)
			}
		})
	}
}

func TestReadError(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "a.yaml")
	write(t, file, kongYAML)
	f := func(path, want string) {
		t.Helper()
		if _, _, err := Load(path, nil, nil); err == nil || err.Error() != want {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	f(filepath.Join(dir, "none"), "configuration folder cannot be read: stat "+dir+"/none: no such file or directory")
	f(file, file+" is not a folder: name the folder that the file is in")
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var before fingerprint
	f := func(change func(), changed bool) {
		t.Helper()
		change()
		objects, err := Read(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := !bytes.Equal(before[:], objects.fingerprint[:]); got != changed {
			t.Errorf("changed: got %v, want %v", got, changed)
		}
		before = objects.fingerprint
	}
	a, b := filepath.Join(dir, "a.yaml"), filepath.Join(dir, "b.yaml")
	f(func() {}, true) // from no fingerprint to that of an empty folder
	f(func() { write(t, a, "a: 1") }, true)
	f(func() { write(t, a, "a: 1") }, false)
	f(func() { write(t, a, "a: 2") }, true)
	f(func() { write(t, filepath.Join(dir, "a.txt"), "a") }, false)
	f(func() {
		if err := os.Rename(a, b); err != nil {
			t.Fatal(err)
		}
	}, true)
	f(func() { link(t, "nothing", a) }, true)
	f(func() {
		if err := os.Remove(a); err != nil {
			t.Fatal(err)
		}
	}, true)
}

func TestLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.yaml"), metricYAML("load", "load", "odd")+"---\n"+metricYAML("other", "other", "bad"))
	write(t, filepath.Join(dir, "b.yaml"), kongYAML)
	snapshot, findings, err := Load(dir, nil, refuseBad)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := summary(snapshot), "kong http://kong:8100/metrics\nload load odd"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	want := `a.yaml:6:8: warning: spec.lua: looks odd; look twice
a.yaml:15:8: spec.lua: does not compile; write it better
`
	if diff := cmp.Diff(want, strings.ReplaceAll(printed(findings), dir+"/", "")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
