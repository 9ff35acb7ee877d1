package preset

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/gaugeway/gaugeway/pkg/script"
	"github.com/gaugeway/gaugeway/pkg/vocabulary"
)

// Readme returns what a reader should know of a preset, as Markdown: what the
// gateway needs, how its objects are written, what it offers and what not.
func (p *Preset) Readme() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\nPreset `%s`. Written by `make generate` from [preset.lua](preset.lua); change that.\n\n", p.Title, p.Name)
	fmt.Fprintf(&b, "- Versions whose names were checked: %s\n", strings.Join(p.Versions, ", "))
	fmt.Fprintf(&b, "- Older names: %s\n", escape(p.Older))
	if p.Enable != "" {
		fmt.Fprintf(&b, "- It needs: %s\n", escape(p.Enable))
	}
	fmt.Fprintf(&b, "- Known by any of: %s\n", codes(p.Signature))
	if len(p.Embeds) > 0 {
		fmt.Fprintf(&b, "- Part of it, so that their names are shown too: %s\n", codes(p.Embeds))
	}
	fmt.Fprintf(&b, "- Defaults of a GatewaySource: %s\n", p.defaults())
	if p.MinimumWindow > 0 {
		fmt.Fprintf(&b, "- Windows of at least %s: what it shows changes no faster\n", model.Duration(p.MinimumWindow))
	}
	p.example(&b)
	p.offers(&b)
	p.lacks(&b)
	b.WriteString("\n## Sources\n\n")
	for _, fact := range p.Facts {
		fmt.Fprintf(&b, "- <%s>\n", fact)
	}
	return b.String()
}

// defaults lists what a GatewaySource gets.
func (p *Preset) defaults() string {
	var list []string
	if p.Port != (intstr.IntOrString{}) {
		list = append(list, "port "+p.Port.String())
	}
	if p.Path != "" {
		list = append(list, "path `"+p.Path+"`")
	}
	list = append(list, "format "+p.Format)
	for _, name := range slices.Sorted(maps.Keys(p.Params)) {
		list = append(list, fmt.Sprintf("parameter `%s=%s`", name, strings.Join(p.Params[name], ",")))
	}
	for _, protocol := range p.Protocols {
		list = append(list, "protocol "+string(protocol))
	}
	return strings.Join(list, ", ")
}

// example adds the objects of a first metric.
func (p *Preset) example(b *strings.Builder) {
	if len(p.Metrics) == 0 {
		return
	}
	m := p.Metrics[0]
	if best, ok := p.Metric("latency_p95_seconds"); ok {
		m = best
	}
	labels, where := "", ""
	if names := m.LabelNames(); len(names) > 0 {
		labels = fmt.Sprintf(", labels: {%s: checkout}", names[0])
		where = fmt.Sprintf(`%s="checkout"`, names[0])
	}
	port := ""
	if p.Port == (intstr.IntOrString{}) {
		port = ", port: PORT"
	}
	fmt.Fprintf(b, `
## First metric

`+"```yaml"+`
apiVersion: gaugeway.dev/v1alpha1
kind: GatewaySource
metadata: {name: gateway, namespace: gateways}
spec:
  preset: %s
  pods: {selector: {matchLabels: {app: %s}}%s}
---
apiVersion: gaugeway.dev/v1alpha1
kind: GatewayMetric
metadata: {name: checkout, namespace: gateways}
spec:
  sources: [{name: gateway}]
  preset: {metric: %s%s}
  external: {name: checkout_%s}
`+"```"+`

In Lua the same is `+"`gateway.%s{%s}`"+`, or `+"`%s.%s{%s}`"+`. [docs/presets.md](../../docs/presets.md) tells more.
`, p.Name, strings.ReplaceAll(p.Name, "_", "-"), port, m.Name, labels, m.Name, m.Name, where, p.Name, m.Name, where)
}

// offers adds the table of metrics.
func (p *Preset) offers(b *strings.Builder) {
	b.WriteString("\n## Metrics\n\nEach can be selected and grouped by the labels of its targets, too: `pod`, `namespace`, `node`, `instance`, `source`.\n\n")
	b.WriteString("| metric | unit | type | labels | reads | |\n|---|---|---|---|---|---|\n")
	for _, m := range p.Metrics {
		var labels []string
		for _, l := range m.LabelNames() {
			labels = append(labels, fmt.Sprintf("`%s` (`%s`)", l, strings.Join(m.Labels[l], "` or `")))
		}
		var series []string
		if of, ok := p.Module.Metric(m.Name); ok {
			series = shapes(of)
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s | %s |\n", m.Name, m.Unit, m.Type, strings.Join(labels, ", "), codes(series), escape(m.Note))
	}
}

// shapes returns the series that a metric reads, of a percentile its name alone.
func shapes(m script.ModuleMetric) []string {
	var out []string
	for _, name := range m.Series {
		if of := base(name); of == name || !slices.Contains(m.Series, of) {
			out = append(out, name)
		}
	}
	return out
}

// lacks adds what the gateway cannot tell.
func (p *Preset) lacks(b *strings.Builder) {
	if len(p.Unavailable) == 0 {
		return
	}
	b.WriteString("\n## Not available\n\n| metric | why, and what instead |\n|---|---|\n")
	for _, v := range vocabulary.Metrics() {
		if why, ok := p.Unavailable[v.Name]; ok {
			fmt.Fprintf(b, "| `%s` | %s |\n", v.Name, escape(why))
		}
	}
}

// A column of a table of all gateways: metrics that have the same labels.
type column struct {
	title   string
	metrics []string
}

// columnsOf returns the columns of the tables of all gateways: what is asked of
// any gateway, of those in front of models, and of what models run on.
func columnsOf() [][]column {
	one := func(names ...string) []column {
		var out []column
		for _, name := range names {
			out = append(out, column{title: name, metrics: []string{name}})
		}
		return out
	}
	latency := column{title: "latency_p50…p99_seconds", metrics: []string{"latency_p50_seconds", "latency_p90_seconds", "latency_p95_seconds", "latency_p99_seconds"}}
	return [][]column{
		slices.Concat(one("requests_per_second", "error_ratio"), []column{latency}, one("upstream_latency_p95_seconds", "active_connections", "in_flight_requests", "queue_depth")),
		one("prompt_tokens_per_second", "completion_tokens_per_second", "tokens_per_second", "time_to_first_token_p95_seconds", "time_per_output_token_p95_seconds", "cost_per_second"),
		one("running_requests", "waiting_requests", "kv_cache_utilization", "gpu_utilization"),
	}
}

// Tables returns the vocabulary, and which gateway offers which of its metrics,
// as Markdown. Links begin at the folder docs.
func (s *Set) Tables() string {
	var b strings.Builder
	b.WriteString("## The vocabulary\n\n| metric | unit | type | |\n|---|---|---|---|\n")
	for _, m := range vocabulary.Metrics() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.Name, m.Unit, m.Type, m.Meaning)
	}
	b.WriteString("\n| label | |\n|---|---|\n")
	for _, l := range slices.Concat(vocabulary.Labels(), vocabulary.TargetLabels()) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", l.Name, l.Meaning)
	}
	fmt.Fprintf(&b, "| `%s` | in a grouping: the pod that has the upstream's address |\n", vocabulary.UpstreamPod)
	for i, title := range []string{"Traffic", "Tokens", "Models"} {
		s.table(&b, title, columnsOf()[i], i > 0)
	}
	return b.String()
}

// table adds the gateways and what they offer of some metrics; sparse leaves out
// those that offer nothing.
func (s *Set) table(b *strings.Builder, title string, columns []column, sparse bool) {
	fmt.Fprintf(b, "\n## %s\n\n| gateway |", title)
	for _, c := range columns {
		fmt.Fprintf(b, " `%s` |", c.title)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(columns)) + "\n")
	var none []string
	for _, p := range s.All() {
		var cells []string
		some := false
		for _, c := range columns {
			text, has := p.cell(c)
			cells = append(cells, text)
			some = some || has
		}
		link := fmt.Sprintf("[%s](../lua/%s/README.md)", p.Title, p.Name)
		if sparse && !some {
			none = append(none, link)
			continue
		}
		fmt.Fprintf(b, "| %s<br>`%s` | %s |\n", link, p.Name, strings.Join(cells, " | "))
	}
	if len(none) > 0 {
		fmt.Fprintf(b, "\nNot available of %s.\n", strings.Join(none, ", "))
	}
}

// cell says what a gateway offers in a column: by which labels, or that it is not
// available.
func (p *Preset) cell(c column) (text string, has bool) {
	lack := fmt.Sprintf("[no](../lua/%s/README.md#not-available)", p.Name)
	var parts, missing []string
	for _, name := range c.metrics {
		m, ok := p.Metric(name)
		if !ok {
			missing = append(missing, name)
			continue
		}
		part := "yes"
		if labels := m.LabelNames(); len(labels) > 0 {
			part = strings.Join(labels, ", ")
		}
		if !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	switch {
	case len(parts) == 0:
		return lack, false
	case len(missing) > 0:
		var short []string
		for _, name := range missing {
			short = append(short, strings.TrimSuffix(strings.TrimPrefix(name, "latency_"), "_seconds"))
		}
		return strings.Join(parts, "; ") + "; " + strings.Join(short, ", ") + " " + lack, true
	}
	return strings.Join(parts, "; "), true
}

// codes returns names in backquotes.
func codes(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "`" + strings.Join(names, "`, `") + "`"
}

// escape keeps a text within the cell of a table, and from being read as markup.
func escape(text string) string {
	return strings.NewReplacer("|", `\|`, "<", `\<`, "*", `\*`, "_", `\_`, "\n", " ").Replace(text)
}
