package preset

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gaugeway/gaugeway/pkg/script"
)

// casesOf returns the cases of a file of tests, which has to be right.
func casesOf(t *testing.T, s *Set, file string) []*Case {
	t.Helper()
	f, findings := Parse("a_test.yaml", []byte(file), s)
	if len(findings) > 0 {
		t.Fatalf("findings %v", findings)
	}
	return f.Cases
}

// passed runs cases and reports those that fail.
func passed(t *testing.T, cases []*Case) {
	t.Helper()
	for _, r := range RunAll(cases, script.Limits{}) {
		if !r.Passed() {
			t.Errorf("%s: %v", r.Case.Name, r.explain())
		}
	}
}

// TestCasesOfPresets: a metric of a preset by its name, or in Lua.
func TestCasesOfPresets(t *testing.T) {
	t.Parallel()
	s := setOf(t, map[string]text{"gw": {}})
	cases := casesOf(t, s, `
tests:
- name: by name
  covers: [steady, gone]
  preset: {gateway: gw, metric: requests_per_second, labels: {service: a}, by: [pod], window: 30s}
  input: &input
  - {pod: p, series: 'requests_total{svc="a"}', values: 0+50x6}
  - {pod: p, series: 'requests_total{svc="b"}', values: 0+10x6}
  evaluate:
  - at: 30s
    expect: [{labels: {pod: p}, value: 10}]
    hpa: {target: "5", replicas: 1, want: 2} # the vocabulary says that it is a Total
- name: in Lua
  lua: gw.requests_per_second() * 60
  input: *input
  evaluate: [{at: 30s, expect: [{value: 720}]}]
`)
	passed(t, cases)
	if diff := cmp.Diff([]string{"steady", "gone"}, cases[0].Covers); diff != "" {
		t.Error(diff)
	}
	for _, c := range cases {
		if uses := c.Uses(); len(uses) != 1 || uses[0].Preset != "gw" || uses[0].Metric != "requests_per_second" {
			t.Errorf("%s uses %v", c.Name, uses)
		}
	}
}

// TestRecordingsHaveTheFormatOfTheirPreset: by the only preset that is used.
func TestRecordingsHaveTheFormatOfTheirPreset(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	body := filepath.Join(dir, "status.json")
	if err := os.WriteFile(body, []byte(`{"done": 120}`), 0o600); err != nil {
		t.Fatal(err)
	}
	zero := filepath.Join(dir, "zero.json")
	if err := os.WriteFile(zero, []byte(`{"done": 0}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s := setOf(t, map[string]text{"pages": {"format": `"Json"`, "json": `{{metrics = {requests_total = ".done"}}}`}, "gw": {}})
	input := "\n  input: [{pod: a, scrapes: [{at: 0s, file: " + zero + "}, {at: 60s, file: " + body + "}]}]\n  evaluate: [{at: 60s, expect: [{value: 2}]}]\n"
	passed(t, casesOf(t, s, "tests:\n- name: a\n  preset: {gateway: pages, metric: requests_per_second}"+input+"- name: b\n  lua: pages.requests_per_second()"+input))

	_, findings := Parse("a_test.yaml", []byte("tests:\n- name: a\n  lua: gw.requests_per_second()"+strings.Replace(input, "pod: a,", "pod: a, format: Json,", 1)), s)
	if len(findings) != 1 || !strings.Contains(findings[0].String(), "the format Json takes its rules from a preset; test a metric of a preset that has some") {
		t.Errorf("findings %v", findings)
	}
}

// TestCasesBesideAPreset: they test the preset in their own folder, whatever the
// program has by that name.
func TestCasesBesideAPreset(t *testing.T) {
	t.Parallel()
	s := setOf(t, map[string]text{"gw": {}})
	dir := filepath.Join(t.TempDir(), "gw")
	if err := os.Mkdir(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	write := func(name, source string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("preset.lua", strings.ReplaceAll(text{}.written("gw"), "requests_total", "my_requests_total"))
	write("test.yaml", `
tests:
- name: mine
  preset: {gateway: gw, metric: requests_per_second}
  input: [{pod: a, series: my_requests_total, values: 0+50x6}]
  evaluate: [{at: 30s, expect: [{value: 10}]}]
`)
	files, findings, err := Load([]string{dir}, s)
	if err != nil || len(findings) > 0 {
		t.Fatalf("%v %v", findings, err)
	}
	passed(t, files[0].Cases)

	write("preset.lua", text{"title": "3"}.written("gw"))
	if _, findings, err = Load([]string{dir}, s); err != nil || len(findings) != 1 || !strings.Contains(findings[0].String(), "title: expected a string") {
		t.Errorf("a broken preset: %v %v", findings, err)
	}
}

func TestFindingsOfPresetsInCases(t *testing.T) {
	t.Parallel()
	s := setOf(t, map[string]text{"gw": {}})
	f := func(test, want string) {
		t.Helper()
		_, findings := Parse("a_test.yaml", []byte("tests:\n- name: a\n  "+test+"\n  evaluate: [{at: 0s, none: true}]\n"), s)
		var got []string
		for _, f := range findings {
			f.File, f.Line, f.Column = "", 0, 0
			got = append(got, strings.TrimPrefix(f.String(), ": "))
		}
		if diff := cmp.Diff(want, strings.Join(got, "\n")); diff != "" {
			t.Errorf("%s: -want +got\n%s", test, diff)
		}
	}
	f("preset: {metric: requests_per_second}", "tests[0].preset.gateway: missing; write gateway: and the name of a preset")
	f("preset: {gateway: gw}", "tests[0].preset.metric: missing; write metric: and a name of the vocabulary")
	f("preset: {gateway: gx, metric: requests_per_second}", `tests[0].preset.gateway: there is no preset "gx"; did you mean gw?`)
	f("preset: {gateway: gw, metric: requests_per_second}\n  lua: '1'", "tests[0]: lua, program, metric and preset exclude each other; write one of lua: EXPRESSION, program: FILE.lua, metric: {config: DIR, name: NAME} and preset: {gateway: NAME, metric: NAME}")
	f("lua: '1'\n  covers: [stedy]", `tests[0].covers[0]: unknown situation "stedy"; write some of steady, reset, gone, idle, older`)
}

// TestNotesNameWhatIsMissing: all names of a function at once, and nothing where
// only those of another version are absent.
func TestNotesNameWhatIsMissing(t *testing.T) {
	t.Parallel()
	s := setOf(t, map[string]text{"gw": {
		"enable": `"statistics on"`,
		"metrics": `{latency_pXX_seconds = {labels = {service = "svc"}, value = function(where, window, by)
    return coalesce(pXX(new_seconds{where}[window], by), pXX(old_seconds{where}[window], by))
  end}, requests_per_second = {value = function(where, window, by) return rps(requests_total{where}[window], by) end}}`,
		"unavailable": unavailableBut("latency_p", "requests_per_second"),
	}})
	notes := func(test string) []string {
		t.Helper()
		c := casesOf(t, s, "tests:\n- name: a\n  "+test+"\n  evaluate: [{at: 5s, none: true}]\n")[0]
		r := c.Run(script.Limits{})
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		return r.Evaluations[0].Notes
	}
	const none = "\n  input: [{pod: a, series: up, values: 1x1}]"
	want := []string{`gw.latency_p95_seconds found none of new_seconds_bucket{svc="a"}, old_seconds_bucket{svc="a"} (tested with A gateway 1); it needs: statistics on`}
	if diff := cmp.Diff(want, notes("preset: {gateway: gw, metric: latency_p95_seconds, labels: {service: a}}"+none)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	want = []string{"no series matches mine", "gw.requests_per_second found none of requests_total (tested with A gateway 1); it needs: statistics on"}
	if diff := cmp.Diff(want, notes("lua: sum(mine) + gw.requests_per_second()"+none)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	of := func(series ...string) string {
		input := "\n  input:"
		for _, text := range series {
			input += "\n  - {pod: a, series: '" + text + "', values: 1x1}"
		}
		return input
	}
	f := func(want, test string, series ...string) {
		t.Helper()
		if diff := cmp.Diff([]string{want}, notes(test+of(series...))); diff != "" {
			t.Errorf("%s: -want +got\n%s", test, diff)
		}
	}
	const latency = "preset: {gateway: gw, metric: latency_p95_seconds, labels: "
	f(`gw.latency_p95_seconds found new_seconds_bucket, but no service "shop"; there are: google`, latency+"{service: shop}}",
		`new_seconds_bucket{svc="google",le="1"}`, `new_seconds_bucket{svc="google",le="+Inf"}`)
	f(`gw.latency_p95_seconds found new_seconds_bucket, but no service "shop"; there are: shops, a, b and 2 more`, latency+"{service: shop}}",
		`new_seconds_bucket{svc="a",le="1"}`, `new_seconds_bucket{svc="b",le="1"}`, `new_seconds_bucket{svc="shops",le="1"}`,
		`new_seconds_bucket{svc="c",le="1"}`, `old_seconds_bucket{svc="d",le="1"}`)
	f(`gw.latency_p95_seconds found new_seconds_bucket, but no service "shop": no series has that label; it needs: statistics on`, latency+"{service: shop}}",
		`new_seconds_bucket{le="1"}`)
	f(`gw.latency_p95_seconds found new_seconds_bucket, but no series with pod "b" and service "a"`, latency+"{service: a, pod: b}}",
		`new_seconds_bucket{svc="a",le="1"}`)
	f(`no series matches mine{a="x",b=~"y.+"} (no a "x"; there are: "1 2"; and no b =~"y.+"; there are: y)`, `lua: sum(mine{a="x", b=re"y.+"})`,
		`mine{a="1 2",b="y"}`)
	f(`no series matches mine{a="x",b="y"} (no series with a "x" and b "y")`, `lua: sum(mine{a="x", b="y"})`,
		`mine{a="x",b="2"}`, `mine{a="1",b="y"}`)
	f(`no series matches mine{a="x"}`, `lua: sum(mine{a="x"})`, `yours{a="1"}`)
	some := "\n  input: [{pod: a, series: 'new_seconds_bucket{le=\"+Inf\"}', values: '5'}]"
	if got := notes("preset: {gateway: gw, metric: latency_p95_seconds}" + some); len(got) > 0 {
		t.Errorf("one scrape of a gateway that is right: %v", got)
	}
}

// unavailableBut returns the field unavailable with all metrics but those whose
// names begin so.
func unavailableBut(prefixes ...string) string {
	var b strings.Builder
	for _, name := range vocabularyWithout(prefixes) {
		b.WriteString(name + ` = "not counted", `)
	}
	return "{" + b.String() + "}"
}
