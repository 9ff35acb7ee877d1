package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/config"
	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/preset"
	"github.com/gaugeway/gaugeway/pkg/script"
	"github.com/gaugeway/gaugeway/pkg/vocabulary"
)

// compileCheck returns the check of a configuration's metrics: their expressions
// compile under the limits, their windows fit their sources, and their sources
// name presets that have what the metrics ask for.
func compileCheck(limits script.Limits, presets *preset.Set) config.Check {
	return func(m *config.Metric, sources []*config.Source) []config.Finding {
		if found := gatewayFindings(m, sources); len(found) > 0 {
			return found
		}
		program, err := compileMetric(m, sources, limits, presets)
		if err != nil {
			return compileFindings(m, err)
		}
		findings := windowFindings(m, program, sources)
		findings = append(findings, typeFindings(m, program)...)
		for _, w := range program.Warnings() {
			findings = append(findings, warning(m.LuaFinding(w.Line, w.Column, w.Message, w.Cure)))
		}
		findings = append(findings, sumFindings(m, program)...)
		findings = append(findings, inflightFindings(m, program, presets.Get(config.PresetOf(sources)))...)
		return findings
	}
}

// compileFindings translates the errors of a compilation.
func compileFindings(m *config.Metric, err error) []config.Finding {
	var mistakes script.Errors
	if !errors.As(err, &mistakes) {
		return []config.Finding{m.LuaFinding(0, 0, err.Error(), "correct the expression")}
	}
	findings := make([]config.Finding, len(mistakes))
	for i, e := range mistakes {
		findings[i] = m.LuaFinding(e.Line, e.Column, e.Message, e.Cure)
	}
	return findings
}

// windowFindings finds the windows, each place once, that are shorter than two
// intervals of the slowest source: such a window often holds a single sample,
// which gives no rate.
func windowFindings(m *config.Metric, program *script.Program, sources []*config.Source) []config.Finding {
	slowest, interval := config.SlowestInterval(sources)
	if slowest == nil {
		return nil
	}
	var findings []config.Finding
	seen := map[[3]int64]bool{}
	for _, sel := range program.Wants() {
		window := time.Duration(sel.Range) * time.Millisecond
		if window == 0 || window >= 2*interval {
			continue
		}
		line, column := program.Position(&sel)
		at := [3]int64{sel.Range, int64(line), int64(column)}
		if seen[at] {
			continue // a shorthand wants its name in several shapes
		}
		seen[at] = true
		findings = append(findings, m.LuaFinding(line, column,
			fmt.Sprintf("the window of %s is shorter than two intervals of %s of source %s/%s, so that it often holds one sample only",
				model.Duration(window), model.Duration(interval), slowest.Namespace, slowest.Name),
			fmt.Sprintf("widen it to at least %s or shorten the interval", model.Duration(2*interval))))
	}
	return findings
}

// sumFindings warns of several items that do not add up, levels or percentiles:
// an HPA adds up the items that it reads of an external metric.
func sumFindings(m *config.Metric, program *script.Program) []config.Finding {
	levels := m.Spec.Type == v1alpha1.TypeLevel && program.ResultKind() == script.Vector
	if m.Spec.External == nil || !levels && !program.Quantiles() {
		return nil
	}
	return []config.Finding{warning(m.LuaFinding(0, 0,
		"the result can have several items, and an HPA adds up the items that it reads",
		"give the HPA a selector that leaves one item, or aggregate to one number"))}
}

// inFlight is the vocabulary's name of requests that have no full answer yet.
const inFlight = "in_flight_requests"

// inflightFindings warns of percentiles that are not told what is in flight, where
// the preset of all sources knows that of a service, route or model: histograms
// count requests that have ended, so that a backend that hangs looks idle.
func inflightFindings(m *config.Metric, program *script.Program, of *preset.Preset) []config.Finding {
	if of == nil {
		return nil
	}
	if known, ok := of.Metric(inFlight); !ok || len(known.Labels) == 0 {
		return nil
	}
	var findings []config.Finding
	for _, p := range program.BlindPercentiles() {
		findings = append(findings, warning(m.LuaFinding(p.Line, p.Column,
			fmt.Sprintf("%s observes only requests that have ended, so that a backend that hangs looks idle, and %s knows what is in flight", p.Name, of.Name),
			fmt.Sprintf("write {inflight = gateway.%s{...}} as the last argument, selected and grouped as the percentile", inFlight))))
	}
	return findings
}

func warning(f config.Finding) config.Finding {
	f.Warning = true
	return f
}

// compileMetric compiles the expression of a metric with the presets, of which
// `gateway` is the one that all its sources name.
func compileMetric(m *config.Metric, sources []*config.Source, limits script.Limits, presets *preset.Set) (*script.Program, error) {
	return script.Compile(m.Spec.Expression(), script.Options{
		Name: m.Name, Limits: limits, Modules: presets.Modules(), Gateway: config.PresetOf(sources),
	})
}

// gatewayFindings says why it is not known which gateway's metric spec.preset
// asks for.
func gatewayFindings(m *config.Metric, sources []*config.Source) []config.Finding {
	if m.Spec.Preset == nil || config.PresetOf(sources) != "" {
		return nil
	}
	var named []string
	for _, s := range sources {
		if s.Spec.Preset == "" {
			return []config.Finding{m.Finding("spec.preset",
				fmt.Sprintf("it is not known which gateway is meant: source %s/%s names no preset", s.Namespace, s.Name),
				"write spec.preset in the GatewaySource, such as kong")}
		}
		named = append(named, fmt.Sprintf("%s/%s is %s", s.Namespace, s.Name, s.Spec.Preset))
	}
	return []config.Finding{m.Finding("spec.preset",
		"its sources are different gateways: "+strings.Join(named, ", "),
		"make a metric of each, or write lua: with each preset by its name")}
}

// typeFindings warns of levels, such as percentiles, that are declared a Total:
// they would be scaled up where targets are silent. It is said where all that
// the expression reads is what presets call levels.
func typeFindings(m *config.Metric, program *script.Program) []config.Finding {
	uses, wants := program.Uses(), program.Wants()
	if m.Spec.Type != v1alpha1.TypeTotal || len(uses) == 0 || slices.ContainsFunc(wants, func(sel metric.Selector) bool {
		_, ok := program.UseOf(&sel)
		return !ok
	}) {
		return nil
	}
	for _, u := range uses {
		if known, _ := vocabulary.Lookup(u.Metric); known.Type != vocabulary.Level {
			return nil
		}
	}
	return []config.Finding{warning(m.Finding("spec.type",
		fmt.Sprintf("%s does not add up over targets, and a Total is scaled up where some are silent", uses[0].Name),
		"write type: Level"))}
}
