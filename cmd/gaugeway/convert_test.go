package main

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/script"
)

// TestPromQLDocument runs the commands of docs/promql.md and compares what they
// print with what it says; its metrics must compile.
func TestPromQLDocument(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/promql.md")
	if err != nil {
		t.Fatal(err)
	}
	commands, metrics := 0, 0
	for _, block := range regexp.MustCompile("(?ms)^```(console|yaml)\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		if block[1] == "yaml" {
			metrics++
			checkDocumentedMetric(t, block[2])
			continue
		}
		for _, example := range strings.Split(block[2], "\n\n") {
			commands++
			command, want, _ := strings.Cut(strings.TrimSpace(example), "\n")
			promql, ok := strings.CutPrefix(command, "$ gaugeway convert --promql '")
			if !ok || !strings.HasSuffix(promql, "'") {
				t.Errorf("not a command: %s", command)
				continue
			}
			got := runConvert(strings.TrimSuffix(promql, "'"))
			if got != want {
				t.Errorf("%s\n got %s\nwant %s", command, got, want)
			}
		}
	}
	if commands < 5 || metrics == 0 {
		t.Errorf("%d commands and %d metrics found", commands, metrics)
	}
}

// runConvert returns what the command prints, errors included.
func runConvert(promql string) string {
	var out bytes.Buffer
	run([]string{"convert", "--promql", promql}, nil, &out, &out)
	return strings.TrimSpace(out.String())
}

func checkDocumentedMetric(t *testing.T, document string) {
	t.Helper()
	var metric v1alpha1.GatewayMetric
	if err := yaml.UnmarshalStrict([]byte(document), &metric); err != nil {
		t.Errorf("%v in\n%s", err, document)
		return
	}
	if _, err := script.Compile(metric.Spec.Lua, script.Options{}); err != nil {
		t.Errorf("%v in\n%s", err, document)
	}
}

func TestConvertExitCodes(t *testing.T) {
	t.Parallel()
	f := func(want int, args ...string) {
		t.Helper()
		var out, errOut bytes.Buffer
		if code := run(append([]string{"convert"}, args...), nil, &out, &errOut); code != want {
			t.Errorf("%v: exit code %d, want %d: %s%s", args, code, want, &out, &errOut)
		}
	}
	f(exitOK, "--promql", "sum(x)")
	f(exitFindings, "--promql", "sort(x)")
	f(exitFailed, "--promql", "sum(")
	f(exitFailed)
	f(exitFailed, "--promql", "x", "y")
}

// What is wrong with the arguments comes with what to write.
func TestConvertArguments(t *testing.T) {
	t.Parallel()
	f := func(want string, args ...string) {
		t.Helper()
		var out, errOut bytes.Buffer
		if run(append([]string{"convert"}, args...), nil, &out, &errOut); !strings.Contains(errOut.String(), want) {
			t.Errorf("%v: %s, want %q", args, &errOut, want)
		}
	}
	f("give the expression with --promql, in quotes")
	f("give the expression with --promql, in quotes", "--promql", "")
	f(`unexpected argument "sum(x)": the expression goes behind --promql, in quotes`, "sum(x)")
	f("fill in << >> first, as docs/promql.md shows", "--promql", "sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)")
}
