package script

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// FuzzModule reads mutations of modules, and runs mutations of programs that use
// their functions: nothing panics, nothing is a defect, and what ParseModule
// accepts can be used.
func FuzzModule(f *testing.F) {
	known := edge(f)
	const module = `return {name = "m", metrics = {
  queue_depth = {labels = {route = {label = "r", before = "a/", after = "/b"}, upstream = "u"}, value = function(where, window, by)
    local x = max(max_over_time(q{where, r=neq"*"}[window]), by("engine"))
    return coalesce(sum(x, by), metric.latency_p95_seconds(where, "5m", by))
  end},
  latency_pXX_seconds = {labels = {route = "r", upstream = "u"}, value = function(where, window, by) return pXX(l{where}[window], by) / 1000 end},
}, unavailable = {error_ratio = "none; use others"}}`
	for _, file := range []string{"testdata/modules.txt", "testdata/uses.txt"} {
		for i, part := range strings.Split(read(f, file), "\n\n") {
			source, _, _ := strings.Cut(part, "\n! ")
			switch {
			case i == 0:
			case strings.HasSuffix(file, "uses.txt"):
				f.Add(module, source)
			default:
				f.Add(source, "edge.requests_per_second{}")
			}
		}
	}
	f.Add(module, `edge.requests_per_second({service={re"c.*", neq"cart"}, route="x"}, "30s", by("route", "upstream_pod"))`)
	f.Add(module, "local function f(x) return x * edge.error_ratio{} end\nreturn f(gateway.queue_depth({}, nil, by(\"model\")))")
	f.Fuzz(func(t *testing.T, module, program string) { checkModule(t, known, module, program) })
}

func checkModule(t *testing.T, known *Module, module, program string) {
	t.Helper()
	o := Options{Name: "test", Limits: fuzzLimits, Clock: testClock, Modules: map[string]*Module{"edge": known}, Gateway: "edge"}
	m, err := ParseModule(module)
	var all Errors
	switch {
	case err == nil:
		o.Modules[m.Name()] = m
		o.Gateway = m.Name()
		for _, f := range m.Metrics() {
			runFuzzed(t, m.Name()+"."+f.Name+"{}", o, true)
			grouped := "by(\"pod\""
			for _, l := range f.Labels {
				grouped += fmt.Sprintf(", %q", l)
			}
			runFuzzed(t, fmt.Sprintf(`%s.%s({pod="a"}, nil, %s))`, m.Name(), f.Name, grouped), o, !strings.Contains(grouped, `\`))
		}
	case !errors.As(err, &all) || len(all) == 0:
		t.Fatalf("ParseModule gives %T %v, not Errors", err, err)
	}
	runFuzzed(t, program, o, false)
}

// runFuzzed compiles and runs a program with uses.
func runFuzzed(t *testing.T, source string, o Options, compiles bool) {
	t.Helper()
	p, err := Compile(source, o)
	var all Errors
	if err != nil {
		if !errors.As(err, &all) || len(all) == 0 {
			t.Fatalf("%q: Compile gives %T %v, not Errors", source, err, err)
		}
		if compiles && !strings.Contains(err.Error(), "split it into") {
			t.Errorf("%s is refused: %v", source, err)
		}
		return
	}
	for _, w := range p.Wants() {
		if line, _ := p.Position(&w); line == 0 {
			t.Errorf("%s: the position of %s is not known", source, w.String())
		}
	}
	var ends [2]string
	for i := range ends {
		v, err := checkWants(t, p, edgeData())
		checkRunError(t, source, err)
		ends[i] = fmt.Sprint(formatAll(v), err)
	}
	if ends[0] != ends[1] {
		t.Errorf("%q gives %s, then %s", source, ends[0], ends[1])
	}
}
