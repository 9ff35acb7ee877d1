package preset

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"

	"github.com/gaugeway/gaugeway/pkg/script"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// load returns the cases of files without findings.
func load(t testing.TB, paths ...string) []*Case {
	t.Helper()
	files, findings, err := Load(paths, nil)
	if err != nil || len(findings) > 0 {
		t.Fatalf("Load(%s): %v, findings %v", paths, err, findings)
	}
	var cases []*Case
	for _, f := range files {
		cases = append(cases, f.Cases...)
	}
	if len(cases) == 0 {
		t.Fatalf("no cases in %s", paths)
	}
	return cases
}

func TestPass(t *testing.T) {
	t.Parallel()
	for _, c := range load(t, "testdata/pass") {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			r := c.Run(script.Limits{})
			if r.Passed() {
				return
			}
			for _, line := range r.explain() {
				t.Error(line)
			}
		})
	}
}

// TestFail compares what is printed of failures with golden files.
func TestFail(t *testing.T) {
	t.Parallel()
	results := RunAll(load(t, "testdata/fail"), script.Limits{})
	for name, write := range map[string]func(io.Writer, []Result) error{
		"fail.txt": WriteText, "fail.json": WriteJSON, "fail.xml": WriteJUnit,
	} {
		var out bytes.Buffer
		if err := write(&out, results); err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatalf("%v (go test ./pkg/preset -update writes it)", err)
		}
		if diff := cmp.Diff(string(want), out.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestRunTwice runs each case twice: what a run does is gone when it ends.
func TestRunTwice(t *testing.T) {
	t.Parallel()
	cases := load(t, "testdata/pass", "testdata/fail")
	first, second := RunAll(cases, script.Limits{}), RunAll(cases, script.Limits{})
	for i := range first {
		if first[i].Case != cases[i] {
			t.Errorf("result %d is that of %s, want %s", i, first[i].Case.Name, cases[i].Name)
		}
		if !reflect.DeepEqual(first[i].explain(), second[i].explain()) {
			t.Errorf("%s: %q, then %q", cases[i].Name, first[i].explain(), second[i].explain())
		}
	}
}

func TestEval(t *testing.T) {
	t.Parallel()
	var recorded *Case
	for _, c := range load(t, "testdata/pass/all_test.yaml") {
		if c.Name == "recorded scrapes" {
			recorded = c
		}
	}
	v, err := recorded.Eval(`sum(increase(http_requests_total{code="200"}["1m"])) > 0 and 7 or 8`)
	if err != nil || len(v.Items) != 1 || v.Items[0].Value != 7 {
		t.Errorf("got %v, %v, want 7", v, err)
	}
	if _, err := recorded.Eval("sum("); err == nil {
		t.Error("a program that does not compile gave no error")
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{
		"a_test.yaml", "test.yaml", "b/test.yml", "b/c/x_test.yml",
		"contest.yaml", "a.yaml", "test.yaml.orig", ".git/a_test.yaml", "b/.hidden/test.yaml", "other.txt",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f := func(want []string, paths ...string) {
		t.Helper()
		for i := range paths {
			paths[i] = filepath.Join(dir, paths[i])
		}
		names, err := find(paths)
		if err != nil {
			t.Errorf("find(%s): %v", paths, err)
		}
		var got []string
		for _, name := range names {
			rel, err := filepath.Rel(dir, name)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, rel)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("find(%s) (-want +got):\n%s", paths, diff)
		}
	}
	f([]string{"a_test.yaml", "b/c/x_test.yml", "b/test.yml", "test.yaml"}, "")
	f([]string{"b/test.yml", "b/c/x_test.yml"}, "b/test.yml", "b")
	f([]string{"other.txt"}, "other.txt")
	f([]string{"b/.hidden/test.yaml"}, "b/.hidden")
	if _, err := find([]string{filepath.Join(dir, "none")}); err == nil {
		t.Error("a path that does not exist gave no error")
	}
}
