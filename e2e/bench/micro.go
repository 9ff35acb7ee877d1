package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// tickParts are the parts of a tick that its benchmark times, by their units.
func tickParts() map[string]string {
	return map[string]string{
		"ms-select":  "selecting series",
		"ms-compute": "computing",
		"ms-lua":     "running Lua",
		"ms-publish": "publishing",
	}
}

// tick is line 7.
func (b *bench) tick(ctx context.Context) ([]row, error) {
	results, err := b.goBench(ctx, "./pkg/engine", "^BenchmarkTick$", "3s")
	if err != nil {
		return nil, err
	}
	return tickRows(results[0])
}

// tickRows are the time of a tick, how much sharing saves and how much longer
// Prometheus takes, and the slowest of the parts.
func tickRows(r result) ([]row, error) {
	for _, unit := range []string{"ms/tick", "alone/together", "promql/alone"} {
		if r.values[unit] <= 0 {
			return nil, fmt.Errorf("%s does not report %s", r.name, unit)
		}
	}
	took := r.values["ms/tick"]
	var parts []string
	slowest := ""
	for unit, name := range tickParts() {
		parts = append(parts, fmt.Sprintf("%s %s", name, milliseconds(r.values[unit])))
		if slowest == "" || r.values[unit] > r.values[slowest] {
			slowest = unit
		}
	}
	slices.Sort(parts)
	share := r.values["promql/alone"] * r.values["alone/together"]
	return []row{
		{what: "1,000 programs over 500,000 kept series: all that a tick does but scraping", measured: milliseconds(took),
			ratio: fmt.Sprintf("%s one by one, %s", times(1/r.values["alone/together"], "the same programs"), times(1/share, "Prometheus's engine"))},
		{what: "the same, its slowest part: " + tickParts()[slowest], measured: fmt.Sprintf("%s (%s)", milliseconds(r.values[slowest]), strings.Join(parts, ", ")),
			ratio: times(r.values[slowest]/took, "the tick")},
	}, nil
}

// What a sample may take beyond its value and its share of a time, in bytes, and
// how much these are.
const (
	overheadUnit    = "B/sample-beyond-value-and-time"
	overheadAllowed = 10
	plainSample     = 16
)

// memory is line 8: the memory of a kept sample.
func (b *bench) memory(ctx context.Context) ([]row, error) {
	results, err := b.goBench(ctx, "./pkg/window", "^BenchmarkMemoryPerSample$", "3x")
	if err != nil {
		return nil, err
	}
	over, ok := results[0].values[overheadUnit]
	if !ok {
		return nil, fmt.Errorf("%s does not report %s", results[0].name, overheadUnit)
	}
	return []row{{
		what:   "memory of a kept sample beyond its value and its share of a time",
		wanted: fmt.Sprintf("<= %d B", overheadAllowed), measured: fmt.Sprintf("%.1f B", over),
		ratio: times(over/plainSample, "a value and a time alone"), verdict: judge(over <= overheadAllowed),
	}}, nil
}
