// Command bench measures gaugeway against named references and prints one
// table: the Go benchmarks of its packages, and the program as a whole with
// targets, readers and rivals as processes of their own. `make bench` runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var err error
	if len(os.Args) > 1 && os.Args[1] == "load" {
		err = serveLoad(ctx, os.Args[2:])
	} else {
		err = measure(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// A line is one subject of the table.
type line struct {
	number string
	name   string
	run    func(*bench, context.Context) ([]row, error)
}

// allLines returns the subjects in the order of the table.
func allLines() []line {
	return []line{
		{"1", "parse", (*bench).parse},
		{"2", "captures", (*bench).captures},
		{"3", "fleet", (*bench).fleet},
		{"4a", "targets", (*bench).growthOfTargets},
		{"4b", "metrics", (*bench).growthOfMetrics},
		{"5", "reads", (*bench).reads},
		{"6", "freshness", (*bench).freshness},
		{"7", "tick", (*bench).tick},
		{"8", "memory", (*bench).memory},
	}
}

// A bench is a run of some lines.
type bench struct {
	dir      string // for configurations and logs
	hurry    bool   // measure for a moment only, to see that it works
	profiles string // folder for gaugeway's profiles; empty for none
	started  int    // programs so far
	running  []*program
}

// lasting returns how long something is measured: d, or a part of it in a hurry.
func (b *bench) lasting(d time.Duration) time.Duration {
	if b.hurry {
		return d / 6
	}
	return d
}

// measure runs the lines that the flags name, prints the table and, if asked,
// writes it to the document.
func measure(ctx context.Context) error {
	chosen := flag.String("line", "", "lines to run, by name and separated by commas; default all: "+names())
	keep := flag.Bool("write", false, "write the results to docs/performance.md")
	hurry := flag.Bool("hurry", false, "measure for a moment only: to see that it works, the figures mean nothing")
	profiles := flag.String("profiles", "", "folder for profiles of gaugeway, made after lines 3 and 4 have been measured")
	flag.Parse()
	lines, err := choose(*chosen)
	if err != nil {
		return err
	}
	where, err := machine()
	if err != nil {
		return err
	}
	what, err := commit()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "gaugeway-bench-")
	if err != nil {
		return err
	}
	b := &bench{dir: dir, hurry: *hurry, profiles: *profiles}
	var r results
	for _, l := range lines {
		fmt.Fprintf(os.Stderr, "%s  %s\n", time.Now().Format(time.TimeOnly), l.name)
		rows, taken, err := b.one(ctx, l)
		if errors.Is(err, errNothing) { // what the document says of it stays
			fmt.Fprintln(os.Stderr, err)
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w; logs are in %s", l.name, err, dir)
		}
		if taken > disturbed {
			fmt.Fprintf(os.Stderr, "other programs took %.2f cores meanwhile: %s should be measured again on a machine that does nothing else\n", taken, l.name)
		}
		r.rows = append(r.rows, rows...)
		r.origins = append(r.origins, origin{
			line: l.number, command: "make bench LINE=" + l.name, commit: what,
			prometheus: rival(l), machine: where, others: taken, at: time.Now(),
		})
	}
	fmt.Println(r)
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if !*keep || *hurry {
		return nil
	}
	path, err := documentPath()
	if err != nil {
		return err
	}
	return write(path, r)
}

// one runs a line, ends what it has started, and says how many cores others
// took meanwhile.
func (b *bench) one(ctx context.Context, l line) ([]row, float64, error) {
	before, err := useNow()
	if err != nil {
		return nil, 0, err
	}
	rows, err := l.run(b, ctx)
	b.stopAll()
	if err != nil {
		return nil, 0, err
	}
	for i := range rows {
		rows[i].line = l.number
	}
	after, err := useNow()
	return rows, others(before, after), err
}

// stopAll ends all programs, those that read others first.
func (b *bench) stopAll() {
	for _, p := range slices.Backward(b.running) {
		p.stop()
	}
	b.running = nil
}

// choose returns the lines of a list of names, all for an empty one.
func choose(list string) ([]line, error) {
	if list == "" {
		return allLines(), nil
	}
	var chosen []line
	for _, l := range allLines() {
		for name := range strings.SplitSeq(list, ",") {
			if name == l.name {
				chosen = append(chosen, l)
			}
		}
	}
	if len(chosen) != len(strings.Split(list, ",")) {
		return nil, fmt.Errorf("lines are %s: not %q", names(), list)
	}
	return chosen, nil
}

// names lists the lines.
func names() string {
	var all []string
	for _, l := range allLines() {
		all = append(all, l.name)
	}
	return strings.Join(all, ", ")
}

// logPath is the file of a program's output.
func (b *bench) logPath(name string) string {
	b.started++
	return filepath.Join(b.dir, fmt.Sprintf("%02d-%s.log", b.started, name))
}
