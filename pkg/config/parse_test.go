package config

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const kongYAML = `apiVersion: gaugeway.dev/v1alpha1
kind: GatewaySource
metadata: {name: kong, namespace: shop}
spec:
  static: {urls: ["http://kong:8100/metrics"]}
`

// metricYAML returns a GatewayMetric of namespace shop over the source kong.
func metricYAML(name, external, lua string) string {
	return fmt.Sprintf(`apiVersion: gaugeway.dev/v1alpha1
kind: GatewayMetric
metadata: {name: %s, namespace: shop}
spec:
  sources: [{name: kong}]
  lua: %s
  type: Level
  external: {name: %s}
`, name, lua, external)
}

func TestParseSetsDefaults(t *testing.T) {
	t.Parallel()
	objects := parsed("a.yaml", `# a comment

---
# another
---
apiVersion: gaugeway.dev/v1alpha1
kind: GatewaySource
metadata: {name: kong}
spec:
  static: {urls: ["https://kong:8444/metrics"]}
  tlsConfig: {caFile: ca.pem, certFile: ../c.pem, keyFile: /etc/k.pem}
  authorization: {credentialsFile: token}
--- # the same file
apiVersion: gaugeway.dev/v1alpha1
kind: GatewayMetric
metadata: {name: load, annotations: {note: 2026-08-04}}
spec:
  sources:
  - name: kong
  lua: "1"
  type: Level
  external:
    name: load
...
---
apiVersion: gaugeway.dev/v1alpha1
kind: GatewaySource
metadata: {name: envoy, namespace: mesh}
spec: &spec
  static: {urls: ["http://envoy:9901/stats"]}
  basicAuth: {username: &me me, passwordFile: *me}
`)
	if got := printed(objects.Findings); got != "" {
		t.Fatalf("findings:\n%s", got)
	}
	if len(objects.Sources) != 2 || len(objects.Metrics) != 1 {
		t.Fatalf("got %d sources and %d metrics", len(objects.Sources), len(objects.Metrics))
	}
	kong, load := objects.Sources[0], objects.Metrics[0]
	if got, want := kong.Object(), "GatewaySource/default/kong"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if kong.File != "a.yaml" || kong.Line != 6 {
		t.Errorf("kong is at %s:%d", kong.File, kong.Line)
	}
	if kong.Spec.Interval.Duration != 5*time.Second || kong.Spec.Authorization.Type != "Bearer" {
		t.Errorf("defaults are missing: %+v", kong.Spec)
	}
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{
		kong.Spec.TLSConfig.CAFile:                          filepath.Join(here, "ca.pem"),
		kong.Spec.TLSConfig.CertFile:                        filepath.Join(filepath.Dir(here), "c.pem"),
		kong.Spec.TLSConfig.KeyFile:                         "/etc/k.pem",
		kong.Spec.Authorization.CredentialsFile:             filepath.Join(here, "token"),
		objects.Sources[1].Spec.BasicAuth.PasswordFile:      filepath.Join(here, "me"),
		load.Spec.Sources[0].Namespace + load.Object():      "defaultGatewayMetric/default/load",
		fmt.Sprint(load.Line, load.LuaLine, load.luaIndent): "14 20 8",
		load.Annotations["note"] + load.Spec.External.Name:  "2026-08-04load",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestLuaFinding marks the place of an error in the Lua text with ^^ in the file.
func TestLuaFinding(t *testing.T) {
	t.Parallel()
	f := func(lua string, line, column int, want string) {
		t.Helper()
		objects := parsed("m.yaml", metricYAML("load", "load", lua))
		if len(objects.Metrics) != 1 {
			t.Fatalf("%s", printed(objects.Findings))
		}
		if got := objects.Metrics[0].LuaFinding(line, column, "bad", "cure").String(); got != want {
			t.Errorf("%q: got %q, want %q", lua, got, want)
		}
	}
	// Lines of a literal block are lines of the file.
	f("|\n    local a = 1\n    return a", 1, 1, "m.yaml:7:5: spec.lua: bad; cure")
	f("|\n    local a = 1\n    return a", 2, 8, "m.yaml:8:12: spec.lua: bad; cure")
	f("|-  # why\n    if a then\n      return a\n    end\n", 2, 3, "m.yaml:8:7: spec.lua: bad; cure")
	f("|2\n      a\n    b", 2, 1, "m.yaml:8:5: spec.lua: bad; cure")
	f("|+\n\n\n    a\n\n    b\n\n", 5, 1, "m.yaml:11:5: spec.lua: bad; cure")
	f("|\r\n    a\r\n    b\r", 2, 1, "m.yaml:8:5: spec.lua: bad; cure")
	f("!!str |\n    a\n    b", 2, 0, "m.yaml:8: spec.lua: bad; cure")
	f("|\n    a\n    b", 0, 0, "m.yaml:6:8: spec.lua: bad; cure")
	// So is a scalar on one line that is written as it is read.
	f("a + b", 1, 5, "m.yaml:6:12: spec.lua: bad; cure")
	f(`'a + b'`, 1, 5, "m.yaml:6:13: spec.lua: bad; cure")
	f(`"a + b"`, 1, 5, "m.yaml:6:13: spec.lua: bad; cure")
	f(`p95(x["1m"])`, 1, 7, "m.yaml:6:14: spec.lua: bad; cure")
	f("\n    a + b", 1, 5, "m.yaml:7:9: spec.lua: bad; cure")
	// Elsewhere the field is shown, and the line where there are several.
	f(`"a[\"1m\"]"`, 1, 3, "m.yaml:6:8: spec.lua: bad; cure")
	f(`"a\nb"`, 2, 1, "m.yaml:6:8: spec.lua: line 2 of the text: bad; cure")
	f("a +\n    b", 1, 5, "m.yaml:6:8: spec.lua: bad; cure")
	f(">\n    a +\n    b", 1, 5, "m.yaml:6:8: spec.lua: bad; cure")
	f(">\n    a\n\n    b", 2, 1, "m.yaml:6:8: spec.lua: line 2 of the text: bad; cure")
}

func TestFindingString(t *testing.T) {
	t.Parallel()
	f := func(in Finding, want string) {
		t.Helper()
		if got := in.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(Finding{File: "a.yaml", Line: 3, Column: 5, Object: "O", Field: "spec.lua", Message: "m", Cure: "c"}, "a.yaml:3:5: spec.lua: m; c")
	f(Finding{File: "a.yaml", Column: 5, Message: "m"}, "a.yaml: m")
	f(Finding{Object: "GatewayMetric/a/b", Field: "spec", Message: "m", Warning: true}, "GatewayMetric/a/b: warning: spec: m")
	f(Finding{File: "a.yaml", Line: 3, Message: "m", Cure: "c", Kept: true}, "a.yaml:3: m; c (the last good version stays in use)")
}

func TestNearest(t *testing.T) {
	t.Parallel()
	f := func(name, want string) {
		t.Helper()
		if got := Nearest(name, []string{"interval", "scrapeTimeout", "params", "lua", ""}); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
	f("intervall", "interval")
	f("INTERVAL", "interval")
	f("interval", "interval")
	f("param", "params")
	f("scrape_timeout", "scrapeTimeout")
	f("lau", "")
	f("lu", "lua")
	f("pods", "")
	f("timeout", "")
	f("", "")
}

// FuzzParse: whatever the files hold, nothing panics, every finding has a place,
// and what is accepted is valid.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/findings/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		data, err := readFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Add(kongYAML + "---\n" + metricYAML("load", "load", "|\n    1\n\n    2"))
	f.Add(kongYAML + "---\n" + metricYAML("load", "load", "&a >\n    1\n    2"))
	f.Add("#\r#\u2028#\u0085\r\r\n" + kongYAML + metricYAML("load", "load", "|\n    1"))
	f.Add(strings.ReplaceAll(kongYAML+"---\n"+metricYAML("load", "load", "|\n    v1"), "\n", "\r"))
	f.Add("# \u2028\u2028\u2028\u2028\n" + metricYAML("load", "load", "v1"))
	f.Add("\ufeff%YAML 1.1\n---\n" + kongYAML)
	f.Fuzz(func(t *testing.T, data string) {
		objects := parsed("a.yaml", data, "b.yaml", kongYAML)
		snapshot, findings := Merge(nil, objects, func(m *Metric, sources []*Source) []Finding {
			if len(sources) != len(m.Spec.Sources) {
				t.Errorf("%s: %d of %d sources", m.Object(), len(sources), len(m.Spec.Sources))
			}
			return []Finding{m.LuaFinding(strings.Count(m.Spec.Lua, "\n")+1, 1, "m", "c")}
		})
		lines := strings.Count(data, "\n") + 1
		for _, end := range []string{"\r", "\u0085", "\u2028", "\u2029"} { // YAML breaks lines there as well
			lines += strings.Count(data, end)
		}
		for _, finding := range findings {
			if finding.File == "a.yaml" && (finding.Line < 1 || finding.Line > lines) {
				t.Errorf("line %d of %d: %s", finding.Line, lines, finding)
			}
		}
		for _, s := range snapshot.Sources {
			if errs := s.Validate(); len(errs) > 0 {
				t.Errorf("accepted %s: %v", s.Object(), errs.ToAggregate())
			}
		}
	})
}
