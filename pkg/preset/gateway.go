package preset

import (
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/exposition"
	"github.com/gaugeway/gaugeway/pkg/script"
	"github.com/gaugeway/gaugeway/pkg/vocabulary"
)

// A Preset is what is known of a gateway, and how it says what the vocabulary
// asks for. It is read only.
type Preset struct {
	// Name is that of the folder, of spec.preset and in programs.
	Name string
	// Title is the gateway's name for readers, with what tells it from others.
	Title string
	// Versions are those whose names were checked.
	Versions []string
	// Older says which versions' other names are read as well; it begins with
	// "none: " where there are none.
	Older string
	// Facts are the sources of what the preset says, as URLs.
	Facts []string
	// Enable is what the gateway needs so that it shows its statistics; empty for
	// nothing.
	Enable string

	// Port, Path, Format, Params and Protocols are defaults of a GatewaySource. Port is zero
	// and the others are empty where there is none.
	Port   intstr.IntOrString
	Path   string
	Format string
	Params map[string][]string
	// Protocols are the default of what to ask for; nil for the usual ones.
	Protocols []v1alpha1.ScrapeProtocol
	// JSON holds the rules of the format Json; nil without.
	JSON *exposition.JSONRules

	// Window is the default of all functions, MinimumWindow the shortest that is
	// allowed; 0 for any.
	Window, MinimumWindow time.Duration

	// Signature are the names any of which tells that an endpoint is this gateway.
	Signature []string
	// Embeds names the presets of what is part of this gateway, so that their
	// names are shown too: this one is the more specific.
	Embeds []string

	// Metrics are those that the gateway has, in the order of the vocabulary.
	Metrics []Metric
	// Unavailable says of each other metric of the vocabulary why, and what can be
	// had instead.
	Unavailable map[string]string

	// File is the path of preset.lua. Embedded: it is part of this program.
	File     string
	Embedded bool
	// Module holds its functions.
	Module *script.Module
}

// A Metric is one of the vocabulary that a gateway has.
type Metric struct {
	vocabulary.Metric
	// Labels are those of the vocabulary that it can be selected and grouped by,
	// each with the gateway's own label, and what older versions call it.
	Labels map[string][]string
	// Note is what a reader should know; it may be empty.
	Note string
	// Written is its name in preset.lua: latency_pXX_seconds stands for four.
	Written string
}

// Metric returns the metric of a name, and false where the gateway has none.
func (p *Preset) Metric(name string) (Metric, bool) {
	if i := slices.IndexFunc(p.Metrics, func(m Metric) bool { return m.Name == name }); i >= 0 {
		return p.Metrics[i], true
	}
	return Metric{}, false
}

// LabelNames returns the labels of the vocabulary that the metric can be
// selected by, in the vocabulary's order.
func (m Metric) LabelNames() []string {
	var names []string
	for _, l := range vocabulary.Labels() {
		if _, ok := m.Labels[l.Name]; ok {
			names = append(names, l.Name)
		}
	}
	return names
}

// The cures of fields.
const (
	cureTop     = `write return { name = "...", ... }`
	cureString  = `write a string, such as "kong"`
	cureStrings = `write a list of strings, such as {"3.4", "3.9"}`
	cureMetrics = `write name = { labels = {service = "..."}, value = function(where, window, by) return ... end }`
	cureLabels  = `write labels = {service = "the gateway's label"}`

	cureOlderLabels = `write labels = {service = {"the gateway's label", "what an older version calls it"}}`
)

// presetFields are the fields of preset.lua.
var presetFields = []string{
	"name", "title", "versions", "older", "facts", "enable", "port", "path", "format", "params", "protocols", "json",
	"window", "minimum_window", "signature", "embeds", "metrics", "unavailable",
}

// requiredFields are those that every preset has.
var requiredFields = []string{"name", "title", "versions", "older", "facts", "signature", "metrics", "unavailable"}

// readPreset reads preset.lua of a folder of that name. With findings the preset
// is not to be used.
func readPreset(folder, path, text string) (*Preset, *presetFile) {
	f := &presetFile{path: path}
	module := f.parse(text)
	if module == nil {
		return nil, f
	}
	p := &Preset{File: path, Module: module, Format: "Auto", Window: time.Minute, Unavailable: map[string]string{}}
	root := constant{Constant: module.Data(), file: f}
	given := map[string]bool{}
	for _, m := range root.members(cureTop) {
		given[m.name] = true
		p.read(m)
	}
	for _, name := range requiredFields {
		if !given[name] {
			root.add("there is no "+name, "write "+name+" = ...")
		}
	}
	p.check(root, folder, given)
	order := vocabulary.Names()
	slices.SortStableFunc(p.Metrics, func(a, b Metric) int { return slices.Index(order, a.Name) - slices.Index(order, b.Name) })
	return p, f
}

// read reads one field.
func (p *Preset) read(m constant) {
	switch m.name {
	case "name":
		p.Name = m.text(cureString)
	case "title":
		p.Title = m.text(cureString)
	case "versions":
		p.Versions = m.texts(cureStrings)
	case "older":
		p.Older = m.text(`write the older names that are read, or "none: " and why`)
	case "facts":
		p.Facts = m.texts("write the URLs of what the preset says")
	case "enable":
		p.Enable = m.text(cureString)
	case "port":
		p.Port = m.port()
	case "path":
		p.Path = m.urlPath()
	case "format":
		p.Format = m.format()
	case "params":
		p.Params = m.params()
	case "protocols":
		p.Protocols = m.protocols()
	case "json":
		p.JSON = m.rules()
	case "window":
		p.Window = m.duration()
	case "minimum_window":
		p.MinimumWindow = m.duration()
	case "signature":
		p.Signature = m.texts(`write the names of metrics, such as {"kong_nginx_requests_total"}`)
	case "embeds":
		p.Embeds = m.texts(`write the names of presets, such as {"envoy"}`)
	case "metrics":
		p.readMetrics(m)
	case "unavailable":
		p.readUnavailable(m)
	default:
		m.unknown(presetFields)
	}
}

// readMetrics reads the table of functions.
func (p *Preset) readMetrics(c constant) {
	for _, m := range c.members(cureMetrics) {
		names := expand(m.name)
		if names == nil {
			m.unknown(written())
			continue
		}
		labels, note := m.metric()
		for _, name := range names {
			known, _ := vocabulary.Lookup(name)
			if _, twice := p.Metric(name); twice {
				m.add("given twice: "+name, "remove one")
				continue
			}
			p.Metrics = append(p.Metrics, Metric{Metric: known, Labels: labels, Note: note, Written: m.name})
		}
	}
}

// expand returns the metrics of the vocabulary that a name in preset.lua stands
// for; none where it stands for none.
func expand(name string) []string {
	if !strings.Contains(name, vocabulary.Percentile) {
		if _, ok := vocabulary.Lookup(name); ok {
			return []string{name}
		}
		return nil
	}
	var names []string
	for _, p := range []string{"p50", "p90", "p95", "p99"} {
		each := strings.Replace(name, vocabulary.Percentile, p, 1)
		if _, ok := vocabulary.Lookup(each); !ok {
			return nil
		}
		names = append(names, each)
	}
	return names
}

// written returns the names that preset.lua may use for metrics.
func written() []string {
	return append(vocabulary.Names(), "latency_"+vocabulary.Percentile+"_seconds")
}

// metric reads what is said of one metric. Its function is package script's
// business.
func (m constant) metric() (labels map[string][]string, note string) {
	for _, f := range m.members(cureMetrics) {
		switch f.name {
		case "labels":
			labels = f.labels()
		case "note":
			note = f.text(cureString)
		case "value":
		default:
			f.unknown([]string{"labels", "note", "value"})
		}
	}
	return labels, note
}

// labels reads how labels of the vocabulary are called by the gateway.
func (m constant) labels() map[string][]string {
	out := map[string][]string{}
	var known []string
	for _, l := range vocabulary.Labels() {
		known = append(known, l.Name)
	}
	for _, f := range m.members(cureLabels) {
		switch {
		case vocabulary.IsTargetLabel(f.name):
			f.add("the labels of the target need no mapping", "remove it: every metric has them")
		case !slices.Contains(known, f.name):
			f.unknown(known)
		case f.isTable() && len(f.List) > 0:
			for _, older := range f.elements(cureOlderLabels) {
				out[f.name] = append(out[f.name], older.label())
			}
		default:
			out[f.name] = []string{f.label()}
		}
	}
	return out
}

// label reads the gateway's name of a label.
func (m constant) label() string {
	if m.isTable() {
		return m.extract()
	}
	return m.text(cureLabels)
}

// extract reads {label = "...", before = "...", after = "..."}.
func (m constant) extract() string {
	const cure = `write {label = "envoy_cluster_name", before = "httproute/", after = "/rule/[0-9]+"}`
	label := ""
	for _, f := range m.members(cure) {
		switch f.name {
		case "label":
			label = f.text(cure)
		case "before", "after":
			f.pattern(cure)
		default:
			f.unknown([]string{"label", "before", "after"})
		}
	}
	if label == "" {
		m.add("there is no label", cure)
	}
	return label
}

// readUnavailable reads why metrics are not there.
func (p *Preset) readUnavailable(c constant) {
	const cure = `write name = "why, and what can be had instead"`
	for _, m := range c.members(cure) {
		names := expand(m.name)
		if names == nil {
			m.unknown(written())
			continue
		}
		why := m.text(cure)
		for _, name := range names {
			p.Unavailable[name] = why
		}
	}
}
