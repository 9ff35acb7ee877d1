package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// summary names what is in a snapshot: of sources the first URL, of metrics the Lua.
func summary(s *Snapshot) string {
	var lines []string
	for _, source := range s.Sources {
		lines = append(lines, source.Name+" "+source.Spec.Static.URLs[0])
	}
	for _, m := range s.Metrics {
		lines = append(lines, m.Name+" "+m.Spec.External.Name+" "+m.Spec.Lua)
	}
	return strings.Join(lines, "\n")
}

// refuseBad is a check that refuses the expression bad and warns of odd.
func refuseBad(m *Metric, _ []*Source) []Finding {
	switch m.Spec.Lua {
	case "bad":
		return []Finding{m.LuaFinding(1, 1, "does not compile", "write it better")}
	case "odd":
		f := m.LuaFinding(1, 1, "looks odd", "look twice")
		f.Warning = true
		return []Finding{f}
	}
	return nil
}

func TestMerge(t *testing.T) {
	t.Parallel()
	const (
		sep       = "---\n"
		badSource = `apiVersion: gaugeway.dev/v1alpha1
kind: GatewaySource
metadata: {name: kong, namespace: shop}
spec: {static: {urls: [kong]}}
`
		unnamed = "kind: GatewayMetric\napiVersion: gaugeway.dev/v1alpha1\nspec: [\n"
	)
	var (
		other  = strings.ReplaceAll(kongYAML, "kong", "other")
		slow   = kongYAML + "  interval: 1m\n"
		load   = metricYAML("load", "load_name", "v1")
		memory = metricYAML("memory", "memory_name", "v2")
		before = "kong http://kong:8100/metrics\nload load_name v1\nmemory memory_name v2"
	)
	for _, c := range []struct {
		name         string
		first        []string // files: name, content; nil for kong in a.yaml, load and memory in b.yaml
		second       []string
		want         string
		wantFindings string
	}{
		{
			name:   "nothing changed",
			second: []string{"a.yaml", kongYAML, "b.yaml", load + sep + memory},
			want:   before,
		},
		{
			name:   "everything changed",
			second: []string{"c.yaml", other, "b.yaml", strings.ReplaceAll(memory, "kong", "other")},
			want:   "other http://other:8100/metrics\nmemory memory_name v2",
		},
		{
			name: "everything gone",
			want: "",
		},
		{
			name:         "a broken metric keeps its last good version",
			second:       []string{"a.yaml", kongYAML, "b.yaml", metricYAML("load", "load_name", "v3") + "  typ: x\n" + sep + metricYAML("memory", "memory_name", "v4")},
			want:         "kong http://kong:8100/metrics\nload load_name v1\nmemory memory_name v4",
			wantFindings: "b.yaml:9:3: spec.typ: unknown field; did you mean type? (the last good version stays in use)\n",
		},
		{
			name:         "a check that fails keeps the last good version",
			second:       []string{"a.yaml", kongYAML, "b.yaml", metricYAML("load", "load_name", "bad") + sep + memory},
			want:         before,
			wantFindings: "b.yaml:6:8: spec.lua: does not compile; write it better (the last good version stays in use)\n",
		},
		{
			name:         "a warning changes nothing",
			second:       []string{"a.yaml", kongYAML, "b.yaml", metricYAML("load", "load_name", "odd")},
			want:         "kong http://kong:8100/metrics\nload load_name odd",
			wantFindings: "b.yaml:6:8: warning: spec.lua: looks odd; look twice\n",
		},
		{
			name:         "a new metric that is broken is not there",
			second:       []string{"a.yaml", kongYAML, "b.yaml", load + sep + memory + sep + metricYAML("new", "new_name", "bad")},
			want:         before,
			wantFindings: "b.yaml:24:8: spec.lua: does not compile; write it better\n",
		},
		{
			name:         "a broken source keeps its last good version, its metrics change",
			second:       []string{"a.yaml", badSource, "b.yaml", metricYAML("load", "load_name", "v3")},
			want:         "kong http://kong:8100/metrics\nload load_name v3",
			wantFindings: "a.yaml:4:24: spec.static.urls[0]: invalid value: \"kong\": does not begin with http:// or https://; write an absolute URL, such as http://host:port/metrics (the last good version stays in use)\n",
		},
		{
			name:         "a source broken from the start takes its metrics along",
			first:        []string{},
			second:       []string{"a.yaml", badSource, "b.yaml", load},
			want:         "",
			wantFindings: "a.yaml:4:24: spec.static.urls[0]: invalid value: \"kong\": does not begin with http:// or https://; write an absolute URL, such as http://host:port/metrics\nb.yaml:5:13: spec.sources[0]: source shop/kong is not usable; correct it at a.yaml:4\n",
		},
		{
			name:         "a document that tells no name keeps what came from its file and is nowhere else",
			second:       []string{"a.yaml", kongYAML, "b.yaml", unnamed, "c.yaml", metricYAML("memory", "memory_name", "v5")},
			want:         "kong http://kong:8100/metrics\nload load_name v1\nmemory memory_name v5",
			wantFindings: "b.yaml:3: not YAML: did not find expected node content; correct the syntax here or just below (the last good version stays in use)\n",
		},
		{
			name:         "a syntax error elsewhere keeps nothing",
			second:       []string{"a.yaml", kongYAML, "c.yaml", unnamed},
			want:         "kong http://kong:8100/metrics",
			wantFindings: "c.yaml:3: not YAML: did not find expected node content; correct the syntax here or just below\n",
		},
		{
			name:         "a metric goes with its source, whatever version",
			second:       []string{"a.yaml", other, "b.yaml", load + sep + metricYAML("memory", "memory_name", "bad")},
			want:         "other http://other:8100/metrics",
			wantFindings: "b.yaml:5:13: spec.sources[0]: source shop/kong does not exist; define it or use one of shop/other\nb.yaml:14:13: spec.sources[0]: source shop/kong does not exist; define it or use one of shop/other\n",
		},
		{
			name:         "a metric that no longer fits its source keeps the version that does",
			second:       []string{"a.yaml", slow, "b.yaml", load + "  maxAge: 30s\n"},
			want:         "kong http://kong:8100/metrics\nload load_name v1",
			wantFindings: "b.yaml:9:11: spec.maxAge: 30s is shorter than the interval of 1m0s of source shop/kong, so that most answers would be too old; choose at least 2m0s (the last good version stays in use)\n",
		},
		{
			name:         "of two metrics with one name the first in the files wins",
			second:       []string{"a.yaml", kongYAML, "b.yaml", metricYAML("zebra", "load_name", "v9") + sep + load},
			want:         "kong http://kong:8100/metrics\nzebra load_name v9",
			wantFindings: "b.yaml:17:20: spec.external.name: \"load_name\" is already the name of GatewayMetric/shop/zebra at b.yaml:1; choose another name or remove one of the two metrics\n",
		},
		{
			name:         "what the files say wins over a last good version",
			second:       []string{"a.yaml", kongYAML, "b.yaml", metricYAML("load", "other_name", "bad") + sep + metricYAML("memory", "load_name", "v2")},
			want:         "kong http://kong:8100/metrics\nmemory load_name v2",
			wantFindings: "b.yaml:6:8: spec.lua: does not compile; write it better\n",
		},
		{
			name:         "a second definition does not break the first",
			second:       []string{"a.yaml", kongYAML + sep + badSource, "b.yaml", load + sep + load},
			want:         "kong http://kong:8100/metrics\nload load_name v1",
			wantFindings: "a.yaml:9:18: metadata.name: GatewaySource shop/kong is already defined at a.yaml:1; remove or rename one of them\nb.yaml:12:18: metadata.name: GatewayMetric shop/load is already defined at b.yaml:1; remove or rename one of them\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			first := c.first
			if first == nil {
				first = []string{"a.yaml", kongYAML, "b.yaml", load + sep + memory}
			}
			last, findings := Merge(nil, parsed(first...), refuseBad)
			if len(findings) > 0 {
				t.Fatalf("findings in the first configuration:\n%s", printed(findings))
			}
			lastSummary := summary(last)
			got, findings := Merge(last, parsed(c.second...), refuseBad)
			if diff := cmp.Diff(c.want, summary(got)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(c.wantFindings, printed(findings)); diff != "" {
				t.Errorf("findings: -want +got:\n%s", diff)
			}
			if diff := cmp.Diff(lastSummary, summary(last)); diff != "" {
				t.Errorf("the last snapshot was changed:\n%s", diff)
			}
			// Merging the same again changes nothing, and keeps what was kept.
			again, _ := Merge(got, parsed(c.second...), refuseBad)
			if diff := cmp.Diff(summary(got), summary(again)); diff != "" {
				t.Errorf("the second time: -first +second:\n%s", diff)
			}
			for _, m := range got.Metrics {
				for i, s := range got.SourcesOf(m) {
					if s == nil {
						t.Errorf("%s: source %d is not in the snapshot", m.Object(), i)
					}
				}
			}
		})
	}
}

func TestSnapshotSource(t *testing.T) {
	t.Parallel()
	s, _ := Merge(nil, parsed("a.yaml", kongYAML+"---\n"+strings.ReplaceAll(kongYAML, "shop", "default")+"---\n"+strings.ReplaceAll(kongYAML, "kong", "envoy")), nil)
	f := func(namespace, name string, found bool) {
		t.Helper()
		if got := s.Source(namespace, name); (got != nil) != found || found && (got.Namespace != namespace || got.Name != name) {
			t.Errorf("%s/%s: got %v", namespace, name, got)
		}
	}
	f("shop", "kong", true)
	f("default", "kong", true)
	f("shop", "envoy", true)
	f("default", "envoy", false)
	f("", "", false)
}
