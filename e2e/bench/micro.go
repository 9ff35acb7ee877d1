package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// tick is line 7.
func (b *bench) tick(ctx context.Context) ([]row, error) {
	results, err := b.goBench(ctx, "./pkg/engine", "^BenchmarkTick", "2s")
	return reported(results), err
}

// memory is the memory of a kept sample.
func (b *bench) memory(ctx context.Context) ([]row, error) {
	results, err := b.goBench(ctx, "./pkg/window", "^BenchmarkMemory", "1x")
	return reported(results), err
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
