package preset

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gaugeway/gaugeway/pkg/config"
)

// isolated returns a loader to which no file exists but testdata's.
func isolated() *loader {
	l := newLoader(nil)
	l.readFile = func(path string, limit int64) ([]byte, error) {
		if !strings.HasPrefix(path, "testdata") {
			return nil, errors.New("no such file or directory")
		}
		return readFile(path, limit)
	}
	l.loadConfig = func(dir string, presets config.Presets, check config.Check) (*config.Snapshot, []config.Finding, error) {
		if !strings.HasPrefix(dir, "testdata") {
			return nil, nil, errors.New("there is no such folder")
		}
		return config.Load(dir, presets, check)
	}
	return l
}

// TestFindings has a file for each message.
func TestFindings(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/findings/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			_, findings, err := Load([]string{file}, nil)
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			for _, f := range findings {
				b.WriteString(f.String() + "\n")
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatalf("%v (go test ./pkg/preset -update writes it)", err)
			}
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if b.Len() == 0 {
				t.Error("nothing was found")
			}
		})
	}
}

func TestWhichFilesAreRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a_test.yaml", "test.yml", "other.yaml", "sub/test.yaml", "testdata/b_test.yaml", ".git/test.yaml"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f := func(path string, want ...string) {
		t.Helper()
		names, err := find([]string{filepath.Join(dir, path)})
		if err != nil {
			t.Fatal(err)
		}
		for i := range names {
			names[i] = strings.TrimPrefix(names[i], dir+"/")
		}
		if !slices.Equal(names, want) {
			t.Errorf("below %q: %v, want %v", path, names, want)
		}
	}
	f("", "a_test.yaml", "sub/test.yaml", "test.yml")
	f("testdata", "testdata/b_test.yaml") // named itself
	f("other.yaml", "other.yaml")
}

func TestLoadErrors(t *testing.T) {
	t.Parallel()
	if _, _, err := Load([]string{"testdata/none"}, nil); err == nil {
		t.Error("a path that does not exist gave no error")
	}
	large := filepath.Join(t.TempDir(), "large_test.yaml")
	if err := os.WriteFile(large, make([]byte, config.MaxFileBytes+1), 0o644); err != nil {
		t.Fatal(err)
	}
	_, _, err := Load([]string{large}, nil)
	if err == nil || !strings.Contains(err.Error(), "larger than the limit of 1 MiB") {
		t.Errorf("a file that is too large gave %v", err)
	}
}

// FuzzLoad reads any text as a file of tests: what is wrong is a finding with
// its file, and nothing panics.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/findings/*.yaml", "testdata/pass/*.yaml", "testdata/fail/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		l := isolated()
		cases, findings := l.load("fuzz.yaml", text)
		if len(cases) > 0 && len(findings) > 0 {
			t.Errorf("%d cases in spite of findings", len(cases))
		}
		for _, finding := range findings {
			if finding.File != "fuzz.yaml" || finding.Line < 1 || finding.Message == "" {
				t.Errorf("finding without a place or a message: %+v", finding)
			}
		}
	})
}
