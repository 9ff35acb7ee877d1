package lua_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gaugeway/gaugeway/lua"
	"github.com/gaugeway/gaugeway/pkg/preset"
	"github.com/gaugeway/gaugeway/pkg/script"
	"github.com/gaugeway/gaugeway/pkg/vocabulary"
)

// load returns all presets, which must be right.
func load(t *testing.T) *preset.Set {
	t.Helper()
	set, findings, err := preset.LoadSet(lua.Presets, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		t.Errorf("%s", f)
	}
	return set
}

// TestEveryFolderIsAPreset: none is left out of the program.
func TestEveryFolderIsAPreset(t *testing.T) {
	t.Parallel()
	set := load(t)
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && set.Get(e.Name()) == nil {
			t.Errorf("%s: there is no preset of this name: each folder holds a preset.lua", e.Name())
		}
	}
}

// TestEveryPresetIsTested: its cases pass, cover what every preset has to, and
// have each of its metrics with each of its labels.
func TestEveryPresetIsTested(t *testing.T) {
	t.Parallel()
	set := load(t)
	for _, p := range set.All() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			cases := casesOf(t, set, p.Name)
			covered, tested, labels := map[string]bool{}, map[string]bool{}, map[string]bool{}
			for _, c := range cases {
				for _, what := range c.Covers {
					covered[what] = true
				}
				for _, u := range c.Uses() {
					if u.Preset == p.Name {
						tested[u.Metric] = true
						m, _ := p.Metric(u.Metric)
						for _, label := range slices.Concat(u.By, u.Labels) {
							if label == vocabulary.UpstreamPod {
								label = "upstream"
							}
							labels[m.Written+" "+label] = true
						}
					}
				}
			}
			for _, what := range preset.Situations() {
				if covered[what] || what == "older" && strings.HasPrefix(p.Older, "none:") {
					continue
				}
				t.Errorf("no case covers %q: write covers: [%s] into one of lua/%s/test.yaml", what, what, p.Name)
			}
			for _, m := range p.Metrics {
				if !tested[m.Name] {
					t.Errorf("no case tests %s: write preset: {gateway: %s, metric: %s}", m.Name, p.Name, m.Name)
				}
				for _, label := range m.LabelNames() {
					if !labels[m.Written+" "+label] {
						t.Errorf("no case selects or groups %s by %s: write preset: {gateway: %s, metric: %s, by: [%s]}", m.Name, label, p.Name, m.Name, label)
					}
				}
			}
			for _, r := range preset.RunAll(cases, script.Limits{}) {
				if !r.Passed() {
					var b strings.Builder
					if err := preset.WriteText(&b, []preset.Result{r}); err != nil {
						t.Fatal(err)
					}
					t.Error(b.String())
				}
			}
		})
	}
}

func casesOf(t *testing.T, set *preset.Set, name string) []*preset.Case {
	t.Helper()
	path := filepath.Join(name, "test.yaml")
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("lua/%s has no test.yaml", name)
	}
	files, findings, err := preset.Load([]string{path}, set)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		t.Errorf("%s", f)
	}
	if len(files) == 0 {
		return nil
	}
	return files[0].Cases
}

// TestEveryMetricCompiles: alone, by each of its labels and by all, with each as
// matcher.
func TestEveryMetricCompiles(t *testing.T) {
	t.Parallel()
	set := load(t)
	compile := func(source string) {
		t.Helper()
		if _, err := script.Compile(source, script.Options{Name: "m", Modules: set.Modules()}); err != nil {
			t.Errorf("%s: %v", source, err)
		}
	}
	for _, p := range set.All() {
		for _, m := range p.Metrics {
			name := p.Name + "." + m.Name
			names := append(m.LabelNames(), "pod")
			compile(name + "()")
			compile(name + `({}, nil, by("` + strings.Join(names, `", "`) + `"))`)
			for _, l := range names {
				compile(name + "{" + l + `="x"}`)
				compile(name + `({}, nil, by("` + l + `"))`)
			}
			if slices.Contains(names, "upstream") {
				compile(name + `({}, nil, by("` + vocabulary.UpstreamPod + `"))`)
			}
		}
	}
}

// TestShortWindowsAreRefused: by presets of gateways whose counters stand still and
// then jump, and by no others.
func TestShortWindowsAreRefused(t *testing.T) {
	t.Parallel()
	set := load(t)
	refused := func(name, window string) bool {
		t.Helper()
		_, err := script.Compile(name+`.requests_per_second({}, "`+window+`")`, script.Options{Name: "m", Modules: set.Modules()})
		return err != nil
	}
	shortest := map[string]time.Duration{"apisix": 30 * time.Second, "tyk": 30 * time.Second}
	for _, p := range set.All() {
		if p.MinimumWindow != shortest[p.Name] {
			t.Errorf("%s: the shortest window is %s, want %s", p.Name, p.MinimumWindow, shortest[p.Name])
		}
	}
	for name := range shortest {
		if !refused(name, "29s") || refused(name, "30s") {
			t.Errorf("%s: 29s is refused: %v, and 30s: %v", name, refused(name, "29s"), refused(name, "30s"))
		}
	}
}
