package preset

import (
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/exposition"
	"github.com/gaugeway/gaugeway/pkg/script"
	"github.com/gaugeway/gaugeway/pkg/vocabulary"
)

// presetName is what presets are called: a name of Lua in lower case.
var presetName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// port reads a number or the name of a port.
func (m constant) port() intstr.IntOrString {
	const cure = `write 1 to 65535, or the name of a port, such as "metrics"`
	switch m.Kind {
	case script.ConstantNumber:
		if n := int(m.Number); float64(n) == m.Number && n >= 1 && n <= 65535 {
			return intstr.FromInt(n)
		}
	case script.ConstantString:
		if len(validation.IsValidPortName(m.Text)) == 0 {
			return intstr.FromString(m.Text)
		}
	}
	m.add("not a port: "+m.describe(), cure)
	return intstr.IntOrString{}
}

// urlPath reads the path of a URL.
func (m constant) urlPath() string {
	const cure = `begin with one /, such as "/metrics", and put a query into params`
	path := m.text(cure)
	if path != "" && (!strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "?# ")) {
		m.add(fmt.Sprintf("not a path: %q", path), cure)
	}
	return path
}

// format reads one of a source's formats.
func (m constant) format() string {
	known := v1alpha1.Formats()
	cure := "write one of " + strings.Join(known, ", ")
	format := m.text(cure)
	if format != "" && !slices.Contains(known, format) {
		m.add(fmt.Sprintf("unknown format %q", format), cure)
	}
	return format
}

// params reads the parameters of a query.
func (m constant) params() url.Values {
	const cure = `write {name = {"value"}}`
	out := url.Values{}
	for _, f := range m.members(cure) {
		out[f.name] = f.texts(cure)
	}
	return out
}

// protocols reads what to ask for, the preferred one first.
func (m constant) protocols() []v1alpha1.ScrapeProtocol {
	known := v1alpha1.ScrapeProtocols()
	var out []v1alpha1.ScrapeProtocol
	for _, text := range m.texts(`write {"OpenMetricsText0.0.1", "PrometheusText0.0.4"}`) {
		p := v1alpha1.ScrapeProtocol(text)
		if text != "" && !slices.Contains(known, p) {
			m.add(fmt.Sprintf("unknown protocol %q", text), "write one of "+strings.Trim(fmt.Sprint(known), "[]"))
		}
		out = append(out, p)
	}
	return out
}

// duration reads PromQL's notation.
func (m constant) duration() time.Duration {
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
func (p *Preset) check(root constant, folder string, given map[string]bool) {
	switch {
	case p.Name == "":
	case !presetName.MatchString(p.Name):
		root.member("name").add(fmt.Sprintf("%q is no name of a preset", p.Name), "write lower case letters, digits and _, beginning with a letter")
	case p.Name != folder:
		message := fmt.Sprintf("the folder is called %q", folder)
		if file := filepath.Base(p.File); file != presetFileName {
			message = fmt.Sprintf("the file is called %q", file)
		}
		root.member("name").add(message, "call both the same")
	}
	if p.MinimumWindow > p.Window {
		root.member("minimum_window").add(fmt.Sprintf("longer than the default window of %s", model.Duration(p.Window)), "write window = and a longer one")
	}
	switch json := v1alpha1.Format(p.Format) == v1alpha1.FormatJSON; {
	case json && !given["json"]:
		root.member("format").add("the format Json needs rules", "write json = {...}")
	case !json && given["json"]:
		root.member("json").add("rules are of the format Json", `write format = "Json" or remove them`)
	}
	if !given["metrics"] || !given["unavailable"] {
		return
	}
	var missing []string
	for _, v := range vocabulary.Metrics() {
		_, has := p.Metric(v.Name)
		why, lacks := p.Unavailable[v.Name]
		switch {
		case has && lacks:
			root.member("unavailable").add(v.Name+" is in metrics, too", "remove one of them")
		case !has && !lacks:
			missing = append(missing, v.Name)
		case lacks && why != "":
			p.checkCure(root.member("unavailable"), v.Name, why)
		}
	}
	switch len(missing) {
	case 0:
	case 1:
		root.member("unavailable").add(missing[0]+" is neither in metrics nor in unavailable", fmt.Sprintf(`write %s = "why, and what can be had instead"`, missing[0]))
	default:
		root.member("unavailable").add(strings.Join(missing, ", ")+" are neither in metrics nor in unavailable",
			fmt.Sprintf(`write %s = "why, and what can be had instead", and so each of them`, missing[0]))
	}
}

// word finds what may be the name of a metric.
var word = regexp.MustCompile(`[a-z0-9]+(_[a-z0-9]+)+`)

// checkCure finds metrics that an explanation says can be had instead, and that
// this preset does not have. Those of another preset are named so: "queue_depth
// of the preset redis".
func (p *Preset) checkCure(at constant, name, why string) {
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
func (m constant) pattern(cure string) {
	if m.Kind != script.ConstantString {
		m.add("expected a string, found "+m.describe(), cure)
		return
	}
	if _, err := regexp.Compile(m.Text); err != nil {
		m.add(err.Error(), "write a regular expression of RE2")
	}
}

// rules reads the rules of the format Json.
func (m constant) rules() *exposition.JSONRules {
	const cure = "see the format Json in docs/presets.md"
	rules, err := exposition.NewJSONRules(m.Any())
	if err == nil {
		return rules
	}
	if !m.isTable() || len(m.List) == 0 || len(m.Fields) > 0 {
		m.add(err.Error(), cure)
		return nil
	}
	for _, rule := range m.elements(cure) {
		if _, err := exposition.NewJSONRules([]any{rule.Any()}); err != nil {
			rule.add(strings.TrimPrefix(err.Error(), "json: rule 1: "), cure)
		}
	}
	return nil
}
