package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestCheckCommand compares all that the command prints with golden files.
func TestCheckCommand(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		args []string
	}{
		{"clean", []string{"testdata/check/clean"}},
		{"clean-hpa", []string{"testdata/check/clean", "--hpa"}},
		{"wrong", []string{"testdata/check/wrong"}},
		{"wrong-hpa", []string{"testdata/check/wrong", "--hpa"}},
		{"warnings", []string{"testdata/check/warnings"}},
		{"warnings-one-replica", []string{"testdata/check/warnings", "--replicas", "1"}},
		{"autoscalers", []string{"testdata/check/autoscalers"}},
		{"presets", []string{"testdata/check/presets"}},
		{"presets-wrong", []string{"testdata/check/presets-wrong"}},
		{"empty", []string{"testdata/check/empty"}},
		{"none", []string{"testdata/check/none"}},
		{"file", []string{"testdata/check/clean/kong.yaml"}},
		{"no-argument", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out, errOut bytes.Buffer
			code := run(append([]string{"check"}, c.args...), nil, &out, &errOut)
			got := fmt.Sprintf("exit code %d\n-- output --\n%s-- error --\n%s", code, &out, &errOut)
			golden := filepath.Join("testdata", "check", c.name+".golden")
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
