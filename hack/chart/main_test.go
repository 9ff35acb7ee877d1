package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const manifests = "../../manifests"

func TestTemplatesAreUpToDate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, templates), 0o750); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"base", "components"} {
		if err := os.CopyFS(filepath.Join(dir, folder), os.DirFS(filepath.Join(manifests, folder))); err != nil {
			t.Fatal(err)
		}
	}
	if err := run(dir); err != nil {
		t.Fatal(err)
	}
	for _, template := range all() {
		want, err := os.ReadFile(filepath.Join(dir, templates, template.to))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(manifests, templates, template.to))
		if err != nil || string(got) != string(want) {
			t.Errorf("%s is out of date (%v); run make generate", template.to, err)
		}
	}
}

func TestEveryManifestHasATemplate(t *testing.T) {
	t.Parallel()
	// What the chart has another way, or patches that its values stand for.
	without := map[string]bool{"base/namespace.yaml": true, "components/cert-manager/deployment-patch.yaml": true, "components/presets/deployment-patch.yaml": true}
	for _, template := range all() {
		for _, from := range template.from {
			without[from] = true
		}
	}
	for _, pattern := range []string{"base/*.yaml", "base/*/*.yaml", "components/*/*.yaml"} {
		files, err := filepath.Glob(filepath.Join(manifests, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, file := range files {
			name, err := filepath.Rel(manifests, file)
			if err != nil {
				t.Fatal(err)
			}
			if filepath.Base(name) != "kustomization.yaml" && !without[filepath.ToSlash(name)] {
				t.Errorf("%s is in no template; add it to hack/chart", name)
			}
		}
	}
}

func TestRender(t *testing.T) {
	t.Parallel()
	f := func(manifest, want, wantErr string) {
		t.Helper()
		tmpl := template{values: []value{{"replicas: 2", "replicas: {{ .Values.replicas }}"}}}
		got, err := tmpl.render(manifest)
		if got != want || (err == nil) != (wantErr == "") || err != nil && !strings.Contains(err.Error(), wantErr) {
			t.Errorf("render(%q) = %q, %v; want %q, %q", manifest, got, err, want, wantErr)
		}
	}
	f("---\nreplicas: 2\n", "replicas: {{ .Values.replicas }}\n", "")
	f("replicas: 2 # {{x}}", `replicas: {{ .Values.replicas }} # {{ "{{" }}x}}`, "")
	f("replicas: 2, in gaugeway-system", "replicas: {{ .Values.replicas }}, in {{ .Release.Namespace }}", "")
	f("replicas: 3", "", "occurs 0 times")
	f("replicas: 2, replicas: 2", "", "occurs 2 times")
}
