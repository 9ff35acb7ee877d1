package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// tickDeadline is how long a tick of the default interval has for scraping,
// which the time of evaluating is compared with.
const tickDeadline = time.Second

// tick is line 7.
func (b *bench) tick(ctx context.Context) ([]row, error) {
	results, err := b.goBench(ctx, "./pkg/engine", "^BenchmarkTick", "3s")
	rows := reported(results)
	for i, r := range results {
		rows[i].ratio = times(r.values["ns/op"]/float64(tickDeadline), "the deadline of a tick")
	}
	return rows, err
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

// reported makes a row of each benchmark with all that it reports.
func reported(results []result) []row {
	var rows []row
	for _, r := range results {
		var values []string
		for unit, v := range r.values {
			values = append(values, fmt.Sprintf("%.4g %s", v, unit))
		}
		slices.Sort(values)
		rows = append(rows, row{what: strings.TrimPrefix(r.name, "Benchmark"), measured: strings.Join(values, ", ")})
	}
	return rows
}
