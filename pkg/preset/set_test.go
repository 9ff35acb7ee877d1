package preset

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/gaugeway/gaugeway/lua"
	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/vocabulary"
)

// A text is a preset in the making: fields of preset.lua by name.
type text map[string]string

// written returns a valid preset of that name, changed. An empty field is left
// out.
func (change text) written(name string) string {
	fields := text{
		"name":      fmt.Sprintf("%q", name),
		"title":     `"A gateway"`,
		"versions":  `{"1"}`,
		"older":     `"none: there was no other"`,
		"facts":     `{"https://example.com"}`,
		"signature": fmt.Sprintf(`{"%s_up"}`, name),
		"metrics": `{requests_per_second = {labels = {service = "svc"}, value = function(where, window, by)
    return rps(requests_total{where}[window], by)
  end}}`,
	}
	var why strings.Builder
	for _, m := range vocabulary.Names()[1:] {
		fmt.Fprintf(&why, "    %s = \"not counted\",\n", m)
	}
	fields["unavailable"] = "{\n" + why.String() + "  }"
	for field, value := range change {
		fields[field] = value
	}
	var b strings.Builder
	b.WriteString("return {\n")
	for _, field := range append(presetFields, "colour") {
		if fields[field] != "" {
			fmt.Fprintf(&b, "  %s = %s,\n", field, fields[field])
		}
	}
	return b.String() + "}\n"
}

// setOf returns a set of presets that have to be right.
func setOf(t *testing.T, presets map[string]text) *Set {
	t.Helper()
	files := fstest.MapFS{}
	for name, change := range presets {
		files[name+"/preset.lua"] = &fstest.MapFile{Data: []byte(change.written(name))}
	}
	s, findings, err := LoadSet(files, "")
	if err != nil || len(findings) > 0 {
		t.Fatalf("%v %v", err, findings)
	}
	return s
}

// TestEmbedded: all presets that are part of the program can be read.
func TestEmbedded(t *testing.T) {
	t.Parallel()
	s, findings, err := LoadSet(lua.Presets, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		t.Error(f)
	}
	for _, p := range s.All() {
		if !p.Embedded || s.Modules()[p.Name] == nil {
			t.Errorf("%s: embedded %v, module %v", p.Name, p.Embedded, s.Modules()[p.Name])
		}
	}
}

// TestPresetFindings has a mistake for each message.
func TestPresetFindings(t *testing.T) {
	t.Parallel()
	f := func(change text, want ...string) {
		t.Helper()
		_, file := readPreset("gw", "lua/gw/preset.lua", change.written("gw"))
		var got []string
		for _, f := range file.findings {
			if f.Line == 0 {
				t.Errorf("a finding without line: %v", f)
			}
			f.File, f.Line, f.Column = "", 0, 0
			got = append(got, strings.TrimPrefix(f.String(), ": "))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v: -want +got\n%s", change, diff)
		}
	}
	f(text{})
	f(text{"title": "", "facts": ""}, `there is no title; write title = ...`, `there is no facts; write facts = ...`)
	f(text{"title": "3"}, `title: expected a string, found the number 3; write a string, such as "kong"`)
	f(text{"title": `" "`}, `title: empty; write a string, such as "kong"`)
	f(text{"versions": `"1"`}, `versions: expected a list, found the string "1"; write a list of strings, such as {"3.4", "3.9"}`)
	f(text{"versions": "{}"}, `versions: an empty list; write a list of strings, such as {"3.4", "3.9"}`)
	f(text{"versions": "{1}"}, `versions[1]: expected a string, found the number 1; write a list of strings, such as {"3.4", "3.9"}`)
	f(text{"colour": `"red"`}, `colour: unknown name; the names here are `+strings.Join(presetFields, ", "))
	f(text{"name": `"other"`}, `name: the folder is called "gw"; call both the same`)
	f(text{"port": "0"}, `port: not a port: the number 0; write 1 to 65535, or the name of a port, such as "metrics"`)
	f(text{"port": `"a_port"`}, `port: not a port: the string "a_port"; write 1 to 65535, or the name of a port, such as "metrics"`)
	f(text{"port": `"metrics"`})
	f(text{"path": `"metrics"`}, `path: not a path: "metrics"; begin with one /, such as "/metrics", and put a query into params`)
	f(text{"format": `"Xml"`}, `format: unknown format "Xml"; write one of Auto, StubStatus, Csv, Json`)
	f(text{"protocols": `{"Text"}`}, `protocols: unknown protocol "Text"; write one of PrometheusProto OpenMetricsText1.0.0 OpenMetricsText0.0.1 PrometheusText1.0.0 PrometheusText0.0.4`)
	f(text{"format": `"Json"`}, `format: the format Json needs rules; write json = {...}`)
	f(text{"json": `{{metrics = {up = ".up"}}}`}, `json: rules are of the format Json; write format = "Json" or remove them`)
	f(text{"format": `"Json"`, "json": `{{metrics = {up = ".up"}}}`})
	const rulesCure = "; see the format Json in docs/presets.md"
	f(text{"format": `"Json"`, "json": `{}`}, "json: json is not a list of rules: write json = {{each = ..., metrics = {...}}}"+rulesCure)
	f(text{"format": `"Json"`, "json": `{{metrics = {up = ".up"}}, {each = ".pots[*", metrics = {up = ".up"}}, {metric = {}}}`},
		`json[2]: each: step 1: "{.pots[*}" is no JSONPath: unterminated array`+rulesCure,
		`json[3]: unknown field "metric": there are each, labels, metrics`+rulesCure)
	f(text{"params": `{format = "x"}`}, `params.format: expected a list, found the string "x"; write {name = {"value"}}`)
	f(text{"minimum_window": `"2m"`, "window": `"3m"`})
	f(text{"metrics": `{rps = {value = function(where, window, by) return rps(x{where}[window], by) end}}`},
		`metrics.rps: unknown name; the names here are `+strings.Join(written(), ", "),
		`unavailable: requests_per_second is neither in metrics nor in unavailable; write requests_per_second = "why, and what can be had instead"`)
	f(text{"metrics": `{requests_per_secnd = {value = function(where, window, by) return rps(x{where}[window], by) end}}`},
		`metrics.requests_per_secnd: unknown name; did you mean requests_per_second?`,
		`unavailable: requests_per_second is neither in metrics nor in unavailable; write requests_per_second = "why, and what can be had instead"`)
	f(text{"unavailable": "{" + strings.Join(vocabulary.Names()[3:], ` = "not counted", `) + ` = "not counted"}`},
		`unavailable: `+strings.Join(vocabulary.Names()[1:3], ", ")+` are neither in metrics nor in unavailable; write `+vocabulary.Names()[1]+` = "why, and what can be had instead", and so each of them`)
	metric := func(fields string) text {
		return text{"metrics": `{requests_per_second = {` + fields + ` value = function(where, window, by) return rps(x{where}[window], by) end}}`}
	}
	f(metric(`labels = {servce = "a"},`), `metrics.requests_per_second.labels.servce: unknown name; did you mean service?`)
	f(metric(`labels = {pod = "a"},`), `metrics.requests_per_second.labels.pod: the labels of the target need no mapping; remove it: every metric has them`)
	f(metric(`notes = "a",`), `metrics.requests_per_second.notes: unknown name; did you mean note?`)

	// What can be had instead has to be there.
	lacking := strings.Replace(text{}.written("gw"), `queue_depth = "not counted"`, `queue_depth = "no queue; use requests_per_second, active_connections, or queue_depth of the preset redis"`, 1)
	_, file := readPreset("gw", "lua/gw/preset.lua", lacking)
	if len(file.findings) != 1 || !strings.Contains(file.findings[0].String(), "queue_depth: active_connections, which is to be used instead, is not available either; name what metrics has") {
		t.Errorf("findings %v", file.findings)
	}
	both := strings.Replace(text{}.written("gw"), `queue_depth = "not counted"`, `requests_per_second = "no", queue_depth = "not counted"`, 1)
	_, file = readPreset("gw", "lua/gw/preset.lua", both)
	if len(file.findings) != 1 || !strings.Contains(file.findings[0].String(), "requests_per_second is in metrics, too; remove one of them") {
		t.Errorf("findings %v", file.findings)
	}
}

// TestPercentilesAreFourMetrics: one function and one explanation stand for four.
func TestPercentilesAreFourMetrics(t *testing.T) {
	t.Parallel()
	source := text{"metrics": `{latency_pXX_seconds = {labels = {route = "r"}, note = "slow", value = function(where, window, by)
    return pXX(latency{where}[window], by)
  end}}`}.written("gw")
	source = strings.Replace(source, "latency_p50_seconds = \"not counted\",\n    latency_p90_seconds = \"not counted\",\n    latency_p95_seconds = \"not counted\",\n    latency_p99_seconds = \"not counted\"", `requests_per_second = "no"`, 1)
	p, file := readPreset("gw", "lua/gw/preset.lua", source)
	if len(file.findings) > 0 {
		t.Fatal(file.findings)
	}
	var got []string
	for _, m := range p.Metrics {
		got = append(got, m.Name, strings.Join(m.LabelNames(), " "), m.Note)
	}
	want := []string{"latency_p50_seconds", "route", "slow", "latency_p90_seconds", "route", "slow", "latency_p95_seconds", "route", "slow", "latency_p99_seconds", "route", "slow"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestAFolderOverrides: presets of a folder come beside the program's and in their
// place, unless they are broken.
func TestAFolderOverrides(t *testing.T) {
	t.Parallel()
	embedded := fstest.MapFS{
		"red/preset.lua":  {Data: []byte(text{"title": `"embedded"`}.written("red"))},
		"blue/preset.lua": {Data: []byte(text{"title": `"embedded"`}.written("blue"))},
	}
	dir := t.TempDir()
	write := func(name, source string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(dir, name), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name, "preset.lua"), []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("red", text{"title": `"mine"`}.written("red"))
	write("green", text{"title": `"mine"`}.written("green"))
	write("blue", text{"title": "3"}.written("blue"))
	s, findings, err := LoadSet(embedded, dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range s.All() {
		got = append(got, fmt.Sprintf("%s %s %v", p.Name, p.Title, p.Embedded))
	}
	if diff := cmp.Diff([]string{"blue embedded true", "green mine false", "red mine false"}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if len(findings) != 1 || !strings.Contains(findings[0].String(), "(the preset blue that is part of gaugeway stays in use)") ||
		!strings.HasPrefix(findings[0].String(), filepath.Join(dir, "blue", "preset.lua")+":") {
		t.Errorf("findings %v", findings)
	}
	write("broken", "return {")
	if _, findings, err = LoadSet(embedded, dir); err != nil || len(findings) != 2 {
		t.Errorf("a preset without syntax: %v %v", findings, err)
	}
	if _, _, err := LoadSet(embedded, t.TempDir()); err == nil || !strings.Contains(err.Error(), "there is no preset in it") {
		t.Errorf("an empty folder: %v", err)
	}
	if _, _, err := LoadSet(embedded, filepath.Join(dir, "none")); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("no folder: %v", err)
	}
}

func TestComplete(t *testing.T) {
	t.Parallel()
	s := setOf(t, map[string]text{
		"gw":    {"port": "8100", "path": `"/stats"`, "params": `{format = {"prometheus"}}`},
		"pages": {"format": `"Json"`, "json": `{{metrics = {up = ".up"}}}`},
	})
	f := func(change func(*v1alpha1.GatewaySourceSpec), want string) {
		t.Helper()
		src := &v1alpha1.GatewaySource{}
		src.Spec.Preset = "gw"
		change(&src.Spec)
		err := s.Complete(src)
		spec := src.Spec
		got := fmt.Sprintf("format %s params %v", spec.Format, spec.Params)
		switch {
		case err != nil:
			got = err.Error()
		case spec.Pods != nil:
			got += fmt.Sprintf(" pods %s %s", spec.Pods.Port.String(), spec.Pods.Path)
		case spec.Service != nil:
			got += fmt.Sprintf(" service %s %s", spec.Service.Port.String(), spec.Service.Path)
		case spec.Static != nil:
			got += fmt.Sprintf(" static %v", spec.Static.URLs)
		}
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	pods := func(p v1alpha1.PodTargets) func(*v1alpha1.GatewaySourceSpec) {
		return func(s *v1alpha1.GatewaySourceSpec) { s.Pods = &p }
	}
	f(pods(v1alpha1.PodTargets{}), "format Auto params map[format:[prometheus]] pods 8100 /stats")
	f(pods(v1alpha1.PodTargets{Port: intstr.FromString("status"), Path: "/metrics"}), "format Auto params map[format:[prometheus]] pods status /metrics")
	f(func(s *v1alpha1.GatewaySourceSpec) { s.Service = &v1alpha1.ServiceTargets{} }, "format Auto params map[format:[prometheus]] service 8100 /stats")
	f(func(s *v1alpha1.GatewaySourceSpec) {
		s.Static = &v1alpha1.StaticTargets{URLs: []string{"http://a:8001", "http://b:8001/", "http://c/metrics", "http://[::1]:1?x=1", "::"}}
		s.Params = map[string][]string{}
	}, "format Auto params map[] static [http://a:8001/stats http://b:8001/ http://c/metrics http://[::1]:1/stats?x=1 ::]")
	f(func(s *v1alpha1.GatewaySourceSpec) { s.Preset, s.Format = "", "Csv" }, "format Csv params map[]")
	f(func(s *v1alpha1.GatewaySourceSpec) { s.Format = "StubStatus" }, "format StubStatus params map[format:[prometheus]]")
	f(func(s *v1alpha1.GatewaySourceSpec) { s.Preset = "pages" }, "format Json params map[]")
	f(func(s *v1alpha1.GatewaySourceSpec) { s.Format = "Json" }, "the preset gw has no rules for the format Json; remove format, or name a preset that has some")
	f(func(s *v1alpha1.GatewaySourceSpec) { s.Preset = "gx" }, `there is no preset "gx"; did you mean gw?`)
	f(func(s *v1alpha1.GatewaySourceSpec) { s.Preset = "unheard" }, `there is no preset "unheard"; there are gw, pages`)
}

// TestRecognize: the most specific gateway, or all that it may be.
func TestRecognize(t *testing.T) {
	t.Parallel()
	s := setOf(t, map[string]text{
		"envoy":         {"signature": `{"envoy_cluster_upstream_rq_total", "envoy_server_live"}`},
		"istio":         {"signature": `{"istio_requests_total"}`, "embeds": `{"envoy"}`},
		"mesh":          {"signature": `{"mesh_up"}`, "embeds": `{"istio"}`},
		"envoy_gateway": {"signature": `{"envoy_cluster_upstream_rq_total", "envoy_server_live"}`},
		"kong":          {"signature": `{"kong_up", "kong_nginx_requests_total"}`},
	})
	f := func(of, want string, names ...string) {
		t.Helper()
		g := s.NewSighting()
		for _, name := range names {
			g.See(name)
		}
		if got := g.Unlike(s.Get(of)); got != want {
			t.Errorf("%s of %v\ngot  %s\nwant %s", of, names, got, want)
		}
	}
	f("kong", "")
	f("kong", "", "kong_up", "envoy_server_live")
	f("kong", "does not look like kong, which shows one of kong_up, kong_nginx_requests_total; compare the URL, the port and the path with what the gateway has", "up")
	f("kong", "does not look like kong: it looks like envoy (envoy_server_live) or envoy_gateway (envoy_server_live); write preset: envoy or envoy_gateway", "envoy_server_live")
	f("kong", "does not look like kong: it looks like istio (istio_requests_total); write preset: istio", "istio_requests_total", "x")
	f("kong", "does not look like kong: it looks like istio (istio_requests_total); write preset: istio", "istio_requests_total", "envoy_server_live")
	f("istio", "does not look like istio: it looks like kong (kong_up); write preset: kong", "kong_up")
	f("envoy", "", "istio_requests_total", "envoy_server_live")

	// What is part of another gateway, directly or not, is not it.
	g := s.NewSighting()
	for _, name := range []string{"envoy_server_live", "istio_requests_total", "mesh_up"} {
		g.See(name)
	}
	var looks []string
	for _, p := range g.Looks() {
		looks = append(looks, p.Name)
	}
	if strings.Join(looks, " ") != "mesh" {
		t.Errorf("looks like %v", looks)
	}
}

// vocabularyWithout returns the metrics whose names do not begin so.
func vocabularyWithout(prefixes []string) []string {
	return slices.DeleteFunc(vocabulary.Names(), func(name string) bool {
		return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
	})
}

// TestGuessedNames: a name that is not there is looked for in the titles, too.
func TestGuessedNames(t *testing.T) {
	t.Parallel()
	s, _, err := OpenSet(lua.Presets, "")
	if err != nil {
		t.Fatal(err)
	}
	f := func(name, want string) {
		t.Helper()
		if _, got := s.Unknown(name); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, want)
		}
	}
	f("kog", "did you mean kong?")
	f("openresty", "did you mean nginx_lua (OpenResty with nginx-lua-prometheus)?")
	f("apipark", "did you mean apinto (Apinto (APIPark))?")
	f("APIprak", "did you mean apinto (Apinto (APIPark))?")
	f("nginx-ingress", "did you mean ingress_nginx (Ingress-NGINX Controller)?")
	f("nginx", "did you mean one of ingress_nginx (Ingress-NGINX Controller), nginx_lua (OpenResty with nginx-lua-prometheus), "+
		"nginx_plus (NGINX Plus, upstreams of its API), nginx_plus_zones (NGINX Plus, server zones of its API), "+
		"nginx_stub_status (nginx, its stub_status), nginx_vts (nginx with VTS), nginx_vts_json (nginx with VTS, its JSON)?")
	f("vllm-server", "did you mean vllm (vLLM)?")
	f("zuul", "there are "+strings.Join(s.Names(), ", "))
}
