package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/gaugeway/gaugeway/e2e/build"
)

// A result is what a Go benchmark reports: values by their units.
type result struct {
	name   string // without the number of processors
	values map[string]float64
}

// errNothing says that there is nothing to measure here.
var errNothing = errors.New("nothing to measure")

// goBench runs the benchmarks of a package. Where all are skipped, because what
// they read is missing, the error is errNothing.
func (b *bench) goBench(ctx context.Context, pkg, pattern, benchTime string) ([]result, error) {
	root, err := build.Root()
	if err != nil {
		return nil, err
	}
	if b.hurry {
		benchTime = "10x"
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", pattern, "-benchtime", benchTime, "-benchmem", pkg)
	cmd.Dir = root
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	results, err := parseResults(strings.NewReader(string(out)))
	if err == nil && len(results) == 0 {
		err = fmt.Errorf("%w: benchmarks %s of %s are skipped or do not exist", errNothing, pattern, pkg)
	}
	return results, err
}

// parseResults reads what go test prints.
func parseResults(r io.Reader) ([]result, error) {
	var all []result
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		one := result{name: fields[0], values: map[string]float64{}}
		if at := strings.LastIndexByte(one.name, '-'); at > 0 {
			if _, err := strconv.Atoi(one.name[at+1:]); err == nil {
				one.name = one.name[:at]
			}
		}
		for i := 2; i+1 < len(fields); i += 2 {
			v, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", one.name, err)
			}
			one.values[fields[i+1]] = v
		}
		all = append(all, one)
	}
	return all, lines.Err()
}

// An expectation is what a value of a benchmark has to be.
type expectation struct {
	name, unit string
	what       string
	least      float64 // 0 where nothing is wanted
	reference  string
}

// expect makes the rows of ratios that benchmarks report.
func expect(results []result, all []expectation) ([]row, error) {
	byName := map[string]result{}
	for _, r := range results {
		byName[r.name] = r
	}
	var rows []row
	for _, e := range all {
		r, ok := byName[e.name]
		v, has := r.values[e.unit]
		if !ok || !has {
			return nil, fmt.Errorf("%s does not report %s", e.name, e.unit)
		}
		one := row{what: e.what, measured: throughput(r), ratio: times(v, e.reference)}
		if e.least > 0 {
			one.wanted, one.verdict = fmt.Sprintf(">= %v x", e.least), judge(v >= e.least)
		}
		rows = append(rows, one)
	}
	return rows, nil
}

// throughput is how fast a benchmark reads.
func throughput(r result) string {
	if perByte, ok := r.values["ns/B"]; ok && perByte > 0 {
		return fmt.Sprintf("%.0f MB/s", 1e3/perByte)
	}
	return "–"
}

const expositionPackage = "./pkg/exposition"

// The references of lines 1 and 2.
const (
	textparse = "textparse"
	expfmt    = "expfmt"
)

// parse is line 1.
func (b *bench) parse(ctx context.Context) ([]row, error) {
	results, err := b.goBench(ctx, expositionPackage, "^BenchmarkParse$", "0.3s")
	if err != nil {
		return nil, err
	}
	const x, of = "x-textparse", "BenchmarkParse/"
	return expect(results, []expectation{
		{of + "steady/all", x, "parse 2,500 lines, layout known, all wanted", 15, textparse},
		{of + "steady/all", "x-expfmt", "the same", 150, expfmt},
		{of + "steady/tenth", x, "parse, layout known, a tenth wanted", 20, textparse},
		{of + "changing/thousandth", x, "parse, one line in a thousand new in each scrape", 8, textparse},
		{of + "cold", x, "parse, first scrape", 0.9, textparse},
		{of + "cold/shared", x, "parse, first scrape, layout known from another target", 0, textparse},
	})
}

// captures is line 2. The recordings lie beside the repository, not in it.
func (b *bench) captures(ctx context.Context) ([]row, error) {
	results, err := b.goBench(ctx, expositionPackage, "^BenchmarkCaptures$", "0.2s")
	if err != nil {
		return nil, err
	}
	const of = "BenchmarkCaptures/all"
	return expect(results, []expectation{
		{of, "least-x-textparse", fmt.Sprintf("parse each of %d recorded expositions again: the slowest", len(results)-1), 0.9, textparse},
		{of, "median-x-textparse", "the same: the median", 8, textparse},
	})
}
