package script

import (
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// edge returns the module of the tests.
func edge(t testing.TB) *Module {
	t.Helper()
	m, err := ParseModule(read(t, "testdata/module.lua"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestModuleData checks what a module says besides its functions.
func TestModuleData(t *testing.T) {
	t.Parallel()
	m := edge(t)
	if m.Name() != "edge" {
		t.Errorf("the name is %q", m.Name())
	}
	got, _ := m.Data().Any().(map[string]any)
	metrics, _ := got["metrics"].(map[string]any)
	queue, _ := metrics["queue_depth"].(map[string]any)
	for _, c := range []struct{ got, want any }{
		{got["title"], "A gateway"},
		{got["versions"], []any{"2.0", "2.4"}},
		{got["port"], 8100.0},
		{got["params"], map[string]any{"format": []any{"prometheus"}, "deep": map[string]any{"a b": true, "least": -0.5, "none": nil}}},
		{queue, map[string]any{"labels": map[string]any{"model": "model_name"}, "value": nil}},
		{m.Unavailable("cost_per_second"), "edge knows no prices"},
		{m.Unavailable("queue_depth"), ""},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("the data holds %v, not %v", c.got, c.want)
		}
	}
	title, ok := m.Data().Field("title")
	if !ok || title.Kind != ConstantString || title.Line != 4 || title.Column != 11 {
		t.Errorf("the title is %+v", title)
	}
	if i := slices.IndexFunc(m.Data().Fields, func(f ConstantField) bool { return f.Name == "path" }); i < 0 || m.Data().Fields[i].Line != 6 || m.Data().Fields[i].Column != 16 {
		t.Errorf("the field path is %+v", m.Data().Fields)
	}
	if _, ok := m.Data().Field("none"); ok {
		t.Error("there is a field that the module does not have")
	}
	metricsField, _ := m.Data().Field("metrics")
	queueField, _ := metricsField.Field("queue_depth")
	if value, ok := queueField.Field("value"); !ok || value.Kind != ConstantFunction {
		t.Errorf("the function of queue_depth is %+v", value)
	}
}

// TestModuleLacksPercentiles checks that pXX stands for four metrics in
// unavailable, too.
func TestModuleLacksPercentiles(t *testing.T) {
	t.Parallel()
	m, err := ParseModule(`return {
  name = "edge",
  metrics = {queue_depth = {value = function(where, window, by) return sum(edge_queue{where}, by) end}},
  unavailable = {latency_pXX_seconds = "edge has averages only"},
}`)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"latency_p50_seconds", "latency_p90_seconds", "latency_p95_seconds", "latency_p99_seconds"} {
		if got := m.Unavailable(name); got != "edge has averages only" {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := m.Unavailable("latency_pXX_seconds"); got != "" {
		t.Errorf("latency_pXX_seconds, which is no metric: %q", got)
	}
}

// TestModuleMetrics checks what a module offers, each percentile for itself.
func TestModuleMetrics(t *testing.T) {
	t.Parallel()
	m := edge(t)
	var names []string
	for _, f := range m.Metrics() {
		names = append(names, f.Name)
	}
	const want = "active_connections error_ratio latency_p50_seconds latency_p90_seconds latency_p95_seconds latency_p99_seconds queue_depth requests_per_second upstream_latency_p95_seconds"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("it offers %s\nnot %s", got, want)
	}
	latency, ok := m.Metric("latency_p99_seconds")
	if !ok || !latency.Percentile || latency.Line != 31 || !slices.Equal(latency.Labels, []string{"service"}) ||
		!slices.Equal(latency.Series, []string{"edge_in_flight", "edge_latency_ms", "edge_latency_ms_bucket"}) {
		t.Errorf("latency_p99_seconds is %+v", latency)
	}
	requests, ok := m.Metric("requests_per_second")
	if !ok || requests.Percentile || !slices.Equal(requests.Labels, []string{"model", "route", "service", "upstream"}) ||
		!slices.Equal(requests.Series, []string{"edge_old_requests", "edge_requests_total"}) {
		t.Errorf("requests_per_second is %+v", requests)
	}
	if _, ok := m.Metric("latency_pXX_seconds"); ok {
		t.Error("latency_pXX_seconds is a metric")
	}
}

// TestModuleRefusals checks what ParseModule says of modules that are wrong, all
// mistakes at once and each with its line.
func TestModuleRefusals(t *testing.T) {
	t.Parallel()
	const file, mark = "testdata/modules.txt", "! "
	heading, blocks := readBlocks(t, file, mark)
	for i, b := range blocks {
		_, err := ParseModule(b.source)
		got := mistakesOf(t, err)
		if len(got) == 0 {
			t.Errorf("%s\nis accepted", b.source)
		}
		if update {
			blocks[i].want = got
			continue
		}
		if !slices.Equal(got, b.want) {
			t.Errorf("%s\nis refused with\n%s\nnot\n%s", b.source, strings.Join(got, "\n"), strings.Join(b.want, "\n"))
		}
	}
	if update {
		writeBlocks(t, file, mark, heading, blocks)
	}
}

// mistakesOf prints mistakes with their columns.
func mistakesOf(t *testing.T, err error) []string {
	t.Helper()
	var all Errors
	if err != nil && (!errors.As(err, &all) || len(all) == 0) {
		t.Errorf("the error is %T %v, not Errors", err, err)
	}
	return printed(all)
}

// TestModuleBeginning: an empty file is none, and a byte order mark is nothing.
func TestModuleBeginning(t *testing.T) {
	t.Parallel()
	for _, empty := range []string{"", "\ufeff", " \n\t"} {
		if _, err := ParseModule(empty); err == nil || err.Error() != `line 1: the module is empty; write return {name = "...", metrics = {...}}` {
			t.Errorf("%q: %v", empty, err)
		}
	}
	source, err := os.ReadFile("../../lua/kong/preset.lua")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseModule("\ufeff" + string(source)); err != nil {
		t.Errorf("a module with a byte order mark: %v", err)
	}
}

// TestModuleSize checks the bounds of a module.
func TestModuleSize(t *testing.T) {
	t.Parallel()
	f := func(source, want string) {
		t.Helper()
		_, err := ParseModule(source)
		if err == nil || err.Error() != want {
			t.Errorf("ParseModule gives %v, not %s", err, want)
		}
	}
	f("return {"+strings.Repeat(" ", 256<<10)+"}", "the module has 262153 bytes, more than 262144; make it shorter")
	chain := "local a = rps(x_total{where}[window], by) "
	names := "abcdefghijklmnopqrst"
	for i := 1; i < len(names); i++ {
		before := string(names[i-1])
		chain += "local " + string(names[i]) + " = " + before + " + " + before + " "
	}
	f(`return {name = "big", metrics = {queue_depth = {value = function(where, window, by) `+chain+` return t end}}}`,
		"line 1: the function of queue_depth is too large; make it smaller")
	f(`return {name = "big", metrics = {queue_depth = {value = function(where, window, by) return `+strings.Repeat("sum(x{where}, by) or ", 199)+`sum(x{where}, by) or nil end}}}`,
		"line 1: queue_depth: a vector is always true and cannot be tested; use vor(a, b) for vectors: vor(v, vector(0))")
}
