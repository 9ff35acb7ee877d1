package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gaugeway/gaugeway/pkg/preset"
)

// TestTestCommand compares all that the command prints with golden files.
func TestTestCommand(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		args []string
	}{
		{"pass", []string{"testdata/test/pass"}},
		{"fail", []string{"testdata/test/fail"}},
		{"fail-run", []string{"testdata/test/fail", "--run", "^one"}},
		{"fail-junit", []string{"testdata/test/fail", "--format", "junit"}},
		{"fail-json", []string{"testdata/test/fail/one_test.yaml", "--format", "json"}},
		{"wrong", []string{"testdata/test/pass", "testdata/test/wrong.yaml"}},
		{"nothing-matches", []string{"testdata/test/pass", "--run", "none"}},
		{"no-test", []string{"testdata/test/empty.yaml"}},
		{"no-file", []string{"testdata/check/clean"}},
		{"no-such-file", []string{"testdata/test/none.yaml"}},
		{"bad-run", []string{"testdata/test/pass", "--run", "("}},
		{"bad-format", []string{"testdata/test/pass", "--format", "xml"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			code, out, errOut := runCommand(t, append([]string{"test"}, c.args...)...)
			got := fmt.Sprintf("exit code %d\n-- output --\n%s-- error --\n%s", code, out, errOut)
			golden := filepath.Join("testdata", "test", c.name+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatalf("%v (go test ./cmd/gaugeway -update writes it)", err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A block of a console holds commands and what they print.
var console = regexp.MustCompile("(?ms)^```console\n(.*?)^```")

// TestDocumentedCommands runs the commands that documents show with what they
// print.
func TestDocumentedCommands(t *testing.T) {
	t.Parallel()
	for name, commands := range map[string]int{"testing.md": 2, "presets.md": 4} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runDocumented(t, root+"/docs/"+name, commands)
		})
	}
}

func runDocumented(t *testing.T, file string, commands int) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	got := console.ReplaceAllStringFunc(string(text), func(block string) string {
		line, _, _ := strings.Cut(strings.TrimPrefix(block, "```console\n"), "\n")
		args, ok := strings.CutPrefix(line, "$ gaugeway ")
		if !ok {
			t.Fatalf("%q is no command of gaugeway", line)
		}
		ran++
		_, out, errOut := runCommand(t, strings.Fields(strings.ReplaceAll(args, "docs/", root+"/docs/"))...)
		return "```console\n" + line + "\n" + strings.ReplaceAll(out+errOut, root+"/", "") + "```"
	})
	if ran != commands {
		t.Errorf("ran %d commands, want %d", ran, commands)
	}
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(text), got); diff != "" {
		t.Errorf("what the commands print differs (-file +printed):\n%s", diff)
	}
}

// A block of yaml that names no file is a part of a test.
var fragment = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```")

// TestTestingDocFragments reads the parts of tests that docs/testing.md shows;
// the files that they name do not exist.
func TestTestingDocFragments(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(root + "/docs/testing.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := fragment.FindAllStringSubmatch(string(text), -1)
	if len(blocks) != 2 {
		t.Errorf("found %d blocks, want 2", len(blocks))
	}
	for _, b := range blocks {
		test := "tests:\n- name: a\n  lua: \"0\"\n  " + strings.ReplaceAll(b[1], "\n", "\n  ") + "evaluate: [{at: 0s, none: true}]\n"
		_, findings := preset.Parse("testing.md", []byte(test), nil)
		for _, f := range findings {
			if !strings.Contains(f.Message, "no such file") {
				t.Errorf("%s\n%s", f, test)
			}
		}
	}
}
