package config

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// parsed returns the objects of files that are given by name and content, in order.
func parsed(files ...string) *Objects {
	objects := &Objects{}
	p := newParser(objects, nil)
	for i := 0; i+1 < len(files); i += 2 {
		p.file(files[i], []byte(files[i+1]))
	}
	return objects
}

// printed returns one finding a line.
func printed(findings []Finding) string {
	var b strings.Builder
	for _, f := range findings {
		b.WriteString(f.String() + "\n")
	}
	return b.String()
}

// TestFindings reads one bad file for each message that there is; the golden
// file beside it holds what is found.
func TestFindings(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/findings/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, findings := Merge(nil, parsed(filepath.Base(file), string(data)), nil)
			for _, f := range findings {
				if f.Line == 0 || f.Message == "" || f.Cure == "" {
					t.Errorf("a finding without line, message or cure: %+v", f)
				}
			}
			got := printed(findings)
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatalf("%v (go test ./pkg/config -update writes it)", err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
