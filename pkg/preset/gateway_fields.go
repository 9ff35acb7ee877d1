package preset

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/config"
	"github.com/gaugeway/gaugeway/pkg/script/syntax"
	"github.com/gaugeway/gaugeway/pkg/vocabulary"
)

// presetName is what presets are called: a name of Lua in lower case.
var presetName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// unknown adds a finding about a field that does not exist.
func (m *member) unknown(names []string) {
	cure := "the names here are " + strings.Join(names, ", ")
	if near := config.Nearest(m.name, names); near != "" {
		cure = "did you mean " + near + "?"
	}
	m.add("unknown name", cure)
}

// port reads a number or the name of a port.
func (m *member) port() intstr.IntOrString {
	const cure = `write 1 to 65535, or the name of a port, such as "metrics"`
	switch x := m.value.(type) {
	case *syntax.Number:
		if n := int(x.Value); float64(n) == x.Value && n >= 1 && n <= 65535 {
			return intstr.FromInt(n)
		}
	case *syntax.String:
		if len(validation.IsValidPortName(x.Value)) == 0 {
			return intstr.FromString(x.Value)
		}
	}
	m.add("not a port: "+m.kind(), cure)
	return intstr.IntOrString{}
}

// urlPath reads the path of a URL.
func (m *member) urlPath() string {
	const cure = `begin with one /, such as "/metrics", and put a query into params`
	path := m.text(cure)
	if path != "" && (!strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "?# ")) {
		m.add(fmt.Sprintf("not a path: %q", path), cure)
	}
	return path
}

// format reads one of a source's formats.
func (m *member) format() string {
	known := v1alpha1.Formats()
	cure := "write one of " + strings.Join(known, ", ")
	format := m.text(cure)
	if format != "" && !slices.Contains(known, format) {
		m.add(fmt.Sprintf("unknown format %q", format), cure)
	}
	return format
}

// params reads the parameters of a query.
func (m *member) params() url.Values {
	const cure = `write {name = {"value"}}`
	out := url.Values{}
	for _, f := range m.members(cure) {
		out[f.name] = f.texts(cure)
	}
	return out
}

// duration reads PromQL's notation.
func (m *member) duration() time.Duration {
	const cure = `write a length of time, such as "1m"`
	text := m.text(cure)
	if text == "" {
		return 0
	}
	d, err := model.ParseDuration(text)
	if err != nil || d <= 0 {
		m.add(fmt.Sprintf("not a length of time: %q", text), cure)
	}
	return time.Duration(d)
}

// check finds what is wrong between fields.
func (p *Preset) check(root *constant, folder string, given map[string]bool) {
	field := func(name string) *constant {
		for _, m := range (&constant{at: root.at, value: root.value, file: &presetFile{}}).members("") {
			if m.name == name {
				m.file = root.file
				return &m.constant
			}
		}
		return root
	}
	switch {
	case p.Name == "":
	case !presetName.MatchString(p.Name):
		field("name").add(fmt.Sprintf("%q is no name of a preset", p.Name), "write lower case letters, digits and _, beginning with a letter")
	case p.Name != folder:
		field("name").add(fmt.Sprintf("the folder is called %q", folder), "call both the same")
	case slices.Contains(reserved, p.Name):
		field("name").add(fmt.Sprintf("%q means something else in programs", p.Name), "choose another name")
	}
	if p.MinimumWindow > p.Window {
		field("minimum_window").add(fmt.Sprintf("longer than the default window of %s", model.Duration(p.Window)), "write window = and a longer one")
	}
	switch json := v1alpha1.Format(p.Format) == v1alpha1.FormatJSON; {
	case json && !given["json"]:
		field("format").add("the format Json needs rules", "write json = {...}")
	case !json && given["json"]:
		field("json").add("rules are of the format Json", `write format = "Json" or remove them`)
	}
	if !given["metrics"] || !given["unavailable"] {
		return
	}
	for _, v := range vocabulary.Metrics() {
		_, has := p.Metric(v.Name)
		why, lacks := p.Unavailable[v.Name]
		switch {
		case has && lacks:
			field("unavailable").add(v.Name+" is in metrics, too", "remove one of them")
		case !has && !lacks:
			field("unavailable").add(v.Name+" is neither in metrics nor in unavailable", fmt.Sprintf(`write %s = "why, and what can be had instead"`, v.Name))
		case lacks && why != "":
			p.checkCure(field("unavailable"), v.Name, why)
		}
	}
}

// reserved names mean something else in programs.
var reserved = []string{"gateway", "metric", "series", "self", "now"}

// word finds what may be the name of a metric.
var word = regexp.MustCompile(`[a-z0-9]+(_[a-z0-9]+)+`)

// checkCure finds metrics that an explanation says can be had instead, and that
// this preset does not have. Those of another preset are named so: "queue_depth
// of the preset redis".
func (p *Preset) checkCure(at *constant, name, why string) {
	_, instead, ok := strings.Cut(why, "; use ")
	if !ok {
		return
	}
	for _, part := range strings.Split(instead, ", or ") {
		if strings.Contains(part, " preset") {
			continue
		}
		for _, w := range word.FindAllString(part, -1) {
			if _, known := vocabulary.Lookup(w); !known {
				continue
			}
			if _, has := p.Metric(w); !has {
				at.add(fmt.Sprintf("%s: %s, which is to be used instead, is not available either", name, w), "name what metrics has")
			}
		}
	}
}

// pattern reads a regular expression; it may be empty.
func (m *member) pattern(cure string) {
	s, ok := m.value.(*syntax.String)
	if !ok {
		m.add("expected a string, found "+m.kind(), cure)
		return
	}
	if _, err := regexp.Compile(s.Value); err != nil {
		m.add(err.Error(), "write a regular expression of RE2")
	}
}
