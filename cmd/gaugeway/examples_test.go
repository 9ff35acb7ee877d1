package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"sigs.k8s.io/yaml"

	"github.com/gaugeway/gaugeway/pkg/script"
)

const root = "../.."

// runCommand runs the command line and returns what it prints.
func runCommand(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(args, strings.NewReader(""), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func TestExamplesAreValid(t *testing.T) {
	t.Parallel()
	dirs, err := filepath.Glob(root + "/docs/examples/*/gaugeway.yaml")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, file := range dirs {
		if code, out, errOut := runCommand(t, "check", filepath.Dir(file)); code != exitOK {
			t.Errorf("check %s: exit %d\n%s%s", filepath.Dir(file), code, out, errOut)
		}
	}
}

func TestExampleHPAIsValid(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(root + "/docs/examples/hpa.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var hpa autoscalingv2.HorizontalPodAutoscaler
	if err := yaml.UnmarshalStrict(text, &hpa); err != nil {
		t.Fatal(err)
	}
	metric := hpa.Spec.Metrics[0].External.Metric.Name
	objects, err := os.ReadFile(root + "/docs/examples/nginx/gaugeway.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(objects), metric) {
		t.Errorf("the HPA names %s, which no example declares", metric)
	}
}

// A block that names a file is that file.
var named = regexp.MustCompile("(?ms)^```\\w+ (\\S+)\n(.*?)^```")

func TestBlocksThatNameAFileAreThatFile(t *testing.T) {
	t.Parallel()
	found := 0
	for _, doc := range documents(t) {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			found++
			want, err := os.ReadFile(filepath.Join(root, m[1]))
			if err != nil {
				t.Errorf("%s: %v", doc, err)
				continue
			}
			if m[2] != string(want) {
				t.Errorf("%s: the block %s differs from the file", doc, m[1])
			}
		}
	}
	if found == 0 {
		t.Error("no block names a file")
	}
}

// Links to files of the repository lead somewhere.
var link = regexp.MustCompile(`\]\(([^)#:]+)\)`)

func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	for _, doc := range documents(t) {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(doc), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", doc, m[1], err)
			}
		}
	}
}

// Command lines in shell blocks have flags that exist, and expressions that compile.
var (
	shellBlock = regexp.MustCompile("(?ms)^ *```(?:sh|console)\n(.*?)^ *```")
	word       = regexp.MustCompile(`'[^']*'|"[^"]*"|[^\s'"]+`)
)

func TestCommandLinesInDocuments(t *testing.T) {
	t.Parallel()
	found := 0
	presets, _, err := loadPresets("")
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range documents(t) {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range shellBlock.FindAllStringSubmatch(string(text), -1) {
			for line := range strings.Lines(strings.ReplaceAll(block[1], "\\\n", " ")) {
				line = strings.TrimPrefix(strings.TrimSpace(line), "$ ")
				if !strings.HasPrefix(line, "gaugeway ") {
					continue
				}
				found++
				args := word.FindAllString(line, -1)[1:]
				for i := range args {
					args[i] = strings.Trim(args[i], `'"`)
				}
				cmd, rest, err := newRootCommand().Find(args)
				if err == nil {
					err = cmd.ParseFlags(rest)
				}
				if err != nil {
					t.Errorf("%s: %s: %v", doc, line, err)
					continue
				}
				if expr := cmd.Flags().Lookup("expression"); expr != nil && expr.Changed {
					o := script.Options{Modules: presets.Modules(), Gateway: cmd.Flags().Lookup("preset").Value.String()}
					if _, err := script.Compile(expr.Value.String(), o); err != nil {
						t.Errorf("%s: %s: %v", doc, line, err)
					}
				}
			}
		}
	}
	if found == 0 {
		t.Error("no command line was found")
	}
}

func documents(t *testing.T) []string {
	t.Helper()
	var docs []string
	for _, pattern := range []string{"/*.md", "/docs/*.md", "/docs/*/*.md", "/e2e/*.md", "/manifests/*/*.md", "/manifests/*/*/*.md"} {
		found, err := filepath.Glob(root + pattern)
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, found...)
	}
	return docs
}
