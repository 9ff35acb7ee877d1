package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/common/model"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/config"
	"github.com/gaugeway/gaugeway/pkg/script"
)

// compileCheck returns the check of a configuration's metrics: their Lua
// compiles under the limits, and their windows fit their sources.
func compileCheck(limits script.Limits) config.Check {
	return func(m *config.Metric, sources []*config.Source) []config.Finding {
		program, err := script.Compile(m.Spec.Lua, script.Options{Name: m.Name, Limits: limits})
		if err != nil {
			return compileFindings(m, err)
		}
		findings := windowFindings(m, program, sources)
		for _, w := range program.Warnings() {
			findings = append(findings, warning(m.LuaFinding(w.Line, w.Column, w.Message, w.Cure)))
		}
		findings = append(findings, sumFindings(m, program)...)
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

func warning(f config.Finding) config.Finding {
	f.Warning = true
	return f
}
