// Command chart writes the templates of the Helm chart from the manifests of
// kustomize, so that both ways of installing apply the same objects. It runs in
// the folder manifests.
//
// A template is a manifest with the namespace replaced by the release's and, of
// some, a condition around it and values in place of constants. A constant that
// the manifest no longer has is an error.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	templates = "chart/gaugeway/templates"
	namespace = "gaugeway-system"
)

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

// run writes the templates of the manifests in a folder.
func run(dir string) error {
	var errs []error
	for _, t := range all() {
		errs = append(errs, t.write(dir))
	}
	return errors.Join(errs...)
}

// A template is written from manifests.
type template struct {
	// to is the name of the template's file.
	to string
	// from are the manifests, relative to the folder manifests.
	from []string
	// when is the condition under which the objects are applied; empty for always.
	when string
	// values replaces text, each of which occurs once in each manifest.
	values []value
}

// A value stands in a template where the manifest has a constant.
type value struct{ constant, expression string }

func (t *template) write(dir string) error {
	parts := make([]string, 0, len(t.from))
	for _, from := range t.from {
		text, err := os.ReadFile(filepath.Join(dir, from))
		if err != nil {
			return fmt.Errorf("read a manifest of the chart: %w", err)
		}
		part, err := t.render(string(text))
		if err != nil {
			return fmt.Errorf("%s: %w", from, err)
		}
		parts = append(parts, part)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "{{- /* Written by make generate from %s; change that. */ -}}\n", strings.Join(t.from, ", "))
	if t.when != "" {
		fmt.Fprintf(&b, "{{- if %s }}\n", t.when)
	}
	b.WriteString(strings.Join(parts, "---\n"))
	if t.when != "" {
		b.WriteString("{{- end }}\n")
	}
	if err := os.WriteFile(filepath.Join(dir, templates, t.to), []byte(b.String()), 0o644); err != nil {
		return fmt.Errorf("write a template of the chart: %w", err)
	}
	return nil
}

// render turns a manifest into a template. What looks like an action of a
// template in it, such as in the description of a field, stays text.
func (t *template) render(manifest string) (string, error) {
	text := strings.TrimPrefix(strings.ReplaceAll(manifest, "{{", `{{ "{{" }}`), "---\n")
	for _, v := range t.values {
		if n := strings.Count(text, v.constant); n != 1 {
			return "", fmt.Errorf("occurs %d times instead of once, so that the chart's value has no place: %q; adapt hack/chart", n, v.constant)
		}
		text = strings.Replace(text, v.constant, v.expression, 1)
	}
	return strings.ReplaceAll(text, namespace, "{{ .Release.Namespace }}"), nil
}
