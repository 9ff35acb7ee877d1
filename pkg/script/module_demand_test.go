package script

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestModuleOnDemand: it is read by the first program that uses it, and once.
func TestModuleOnDemand(t *testing.T) {
	t.Parallel()
	source := read(t, "testdata/module.lua")
	whole, err := ParseModule(source)
	if err != nil {
		t.Fatal(err)
	}
	times := 0
	demanded := ModuleOnDemand(whole.Name(), func() (*Module, error) {
		times++
		return ParseModule(source)
	})
	compile := func(source string, m *Module) string {
		if _, err := Compile(source, Options{Name: "m", Modules: map[string]*Module{m.Name(): m}}); err != nil {
			return err.Error()
		}
		return ""
	}
	compile("sum(a) + b.c + unheard.queue_depth()", demanded)
	if times != 0 || demanded.Name() != whole.Name() {
		t.Errorf("the module %s is read %d times by what does not use it", demanded.Name(), times)
	}
	name := whole.Metrics()[0].Name
	for _, use := range []string{"." + name + "()", "." + name + "x()", ".unheard()"} {
		if diff := cmp.Diff(compile(whole.Name()+use, whole), compile(whole.Name()+use, demanded)); diff != "" {
			t.Errorf("%s: -whole +on demand\n%s", use, diff)
		}
	}
	if diff := cmp.Diff(whole.Metrics(), demanded.Metrics()); diff != "" {
		t.Errorf("metrics: -whole +on demand\n%s", diff)
	}
	if _, ok := demanded.Metric(name); !ok || len(demanded.Data().Fields) != len(whole.Data().Fields) {
		t.Errorf("%s is no metric, or there are other data", name)
	}
	if times != 1 {
		t.Errorf("the module is read %d times", times)
	}
}

func TestModuleThatCannotBeRead(t *testing.T) {
	t.Parallel()
	m := ModuleOnDemand("gw", func() (*Module, error) { return nil, errors.New("it is gone") })
	_, err := Compile("gw.queue_depth()", Options{Name: "m", Modules: map[string]*Module{"gw": m}})
	if err == nil || !strings.Contains(err.Error(), "the preset gw cannot be read: it is gone; give one of this name in the folder of --presets") {
		t.Errorf("the error is %v", err)
	}
	if len(m.Metrics()) > 0 || m.Unavailable("queue_depth") != "" || m.Data() == nil {
		t.Error("it tells something")
	}
}
