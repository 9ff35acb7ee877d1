package main

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gaugeway/gaugeway/pkg/script"
)

// TestDocs compares docs/lua.md with what gaugeway docs prints, which has run
// all examples.
func TestDocs(t *testing.T) {
	t.Parallel()
	var printed bytes.Buffer
	cmd := newDocsCommand()
	cmd.SetArgs([]string{})
	cmd.SetOut(&printed)
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	out := printed.String()
	const file = root + "/docs/lua.md"
	if *update {
		if err := os.WriteFile(file, []byte(out), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (make generate writes it)", err)
	}
	if diff := cmp.Diff(string(want), out); diff != "" {
		t.Errorf("docs/lua.md is not what gaugeway docs prints (-file +printed):\n%s", diff)
	}
}

// TestDocsExamplesGiveWhatTheyShow finds examples that fail, or have no data,
// other than those that are there to show it.
func TestDocsExamplesGiveWhatTheyShow(t *testing.T) {
	t.Parallel()
	data, err := exampleData(luaGuide)
	if err != nil {
		t.Fatal(err)
	}
	if r := data.Run(script.Limits{}); !r.Passed() {
		t.Errorf("the guide's own test fails: %v", r.Evaluations)
	}
	d := &reference{data: data}
	for _, f := range script.Reference() {
		lines := strings.Join(d.run(f.Example), "\n")
		shows := regexp.MustCompile(`\berror\(|\beach\(|absent|vunless`).MatchString(f.Example)
		if strings.Contains(lines, "error:") && !shows {
			t.Errorf("%s: %s: %s", f.Name, f.Example, lines)
		}
		if lines == "no data" && !shows {
			t.Errorf("%s: %s gives no data", f.Name, f.Example)
		}
	}
}

func TestDocsWithoutData(t *testing.T) {
	t.Parallel()
	f := func(page, want string) {
		t.Helper()
		if _, err := exampleData(page); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("data of %q: %v, want an error with %q", page, err, want)
		}
	}
	f("", "no block of yaml")
	f("```yaml\ntest: []\n```\n", "unknown field")
	f("```yaml\ntests: []\n```\n", "0 tests")
}

func TestReferenceShowsErrors(t *testing.T) {
	t.Parallel()
	data, err := exampleData(luaGuide)
	if err != nil {
		t.Fatal(err)
	}
	d := &reference{data: data}
	d.guide("before\n```lua\n1 + 1\n\nreturn 1 +* 2\n```\nafter\n")
	var want bytes.Buffer
	want.WriteString("before\n```lua\n1 + 1\n--> 2\n\nreturn 1 +* 2\n--> error: lua: line 1: unexpected `*` where an expression is due; write a value there, or remove what stands before it\n```\nafter\n")
	if diff := cmp.Diff(want.String(), d.text.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
