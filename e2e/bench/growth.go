package main

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gaugeway/gaugeway/e2e/bench/load"
)

// growthAllowed is by how much the cost of a unit may differ between small and
// large, for the noise of the machine.
const growthAllowed = 1.1

// A consumption is what gaugeway takes at one size.
type consumption struct {
	cores    float64
	live     float64 // bytes of the heap in use after a collection
	resident float64 // bytes
}

// fewTargets is the fleet whose metrics grow, and where that of targets begins.
var fewTargets = load.Shape{Targets: 10, Routes: 80}

// growthOfTargets is line 4a: what another target costs, where there are few and
// where there are many.
func (b *bench) growthOfTargets(ctx context.Context) ([]row, error) {
	sizes := []int{fewTargets.Targets, 100, 1000}
	var taken []consumption
	for _, n := range sizes {
		shape := load.Shape{Targets: n, Routes: fewTargets.Routes}
		c, err := b.consumption(ctx, shape, perService(shape, 5, 15*time.Second))
		if err != nil {
			return nil, fmt.Errorf("%d targets: %w", n, err)
		}
		taken = append(taken, c)
	}
	return growthRows("target", "10 metrics", sizes, taken), nil
}

// growthOfMetrics is line 4b: what another metric costs.
func (b *bench) growthOfMetrics(ctx context.Context) ([]row, error) {
	sizes := []int{10, 1000, 10000}
	var taken []consumption
	for _, n := range sizes {
		c, err := b.consumption(ctx, fewTargets, assorted(n))
		if err != nil {
			return nil, fmt.Errorf("%d metrics: %w", n, err)
		}
		taken = append(taken, c)
	}
	return growthRows("metric", "10 targets", sizes, taken), nil
}

// consumption measures gaugeway at one size.
func (b *bench) consumption(ctx context.Context, shape load.Shape, metrics []gauge) (consumption, error) {
	const interval = 5 * time.Second
	defer b.stopAll()
	targets, err := b.startLoad(ctx, load.Options{Shape: shape, Start: time.Now()})
	if err != nil {
		return consumption{}, err
	}
	g, err := b.startGaugeway(ctx, shape.Targets, interval, metrics)
	if err != nil {
		return consumption{}, err
	}
	before, err := g.troubles(ctx)
	if err != nil {
		return consumption{}, err
	}
	// The longest window is 20 s.
	if err := pause(ctx, 20*time.Second, targets, g.program); err != nil {
		return consumption{}, err
	}
	if err := verify(ctx, g); err != nil {
		return consumption{}, err
	}
	// With few metrics the collector runs every other minute, and everything is
	// asked again once a minute: shorter, it would count or not by luck.
	cpu, err := cores(ctx, interval, max(int(b.lasting(2*time.Minute)/interval), 1), g.program)
	if err != nil {
		return consumption{}, err
	}
	m, err := memoryOf(g.PID())
	if err != nil {
		return consumption{}, err
	}
	live, err := liveHeap(ctx, g)
	if err != nil {
		return consumption{}, err
	}
	if err := g.sound(ctx, before); err != nil {
		return consumption{}, err
	}
	err = b.profile(ctx, g, fmt.Sprintf("%d-targets-%d-metrics", shape.Targets, len(metrics)))
	return consumption{cores: cpu[0], live: live, resident: m.resident}, err
}

// liveHeap returns how many bytes of the heap are in use after gaugeway's collector
// has run. The profile tells at once; /metrics, which is long where there are many
// metrics, would have it run again, and count as used what is made meanwhile.
func liveHeap(ctx context.Context, g *gaugeway) (float64, error) {
	const heap = "# HeapAlloc = "
	profile, err := g.get(ctx, "/debug/pprof/heap?gc=1&debug=1")
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(profile) {
		if size, ok := bytes.CutPrefix(line, []byte(heap)); ok {
			return strconv.ParseFloat(string(bytes.TrimSpace(size)), 64)
		}
	}
	return 0, fmt.Errorf("the profile of the heap has no line %q", heap)
}

// growthRows compare the cost of a unit among the first and among the last.
func growthRows(unit, fixed string, units []int, of []consumption) []row {
	compare := func(what string, read func(consumption) float64, show, showAll func(float64) string) row {
		costs := make([]cost, len(of))
		var shown []string
		for i, c := range of {
			costs[i] = cost{units[i], read(c)}
			all := fmt.Sprintf("%d: %s", units[i], showAll(costs[i].total))
			if i > 0 {
				all += fmt.Sprintf(" (each more %s)", show(perUnit(costs[i-1], costs[i])))
			}
			shown = append(shown, all)
		}
		g := growth(costs[0], costs[1], costs[2])
		return row{
			what: fmt.Sprintf("%s of one more %s (%s)", what, unit, fixed), wanted: fmt.Sprintf("<= %.1f x", growthAllowed),
			measured: strings.Join(shown, ", "), ratio: times(g, "the first "+unit+"s"), verdict: judge(g <= growthAllowed),
		}
	}
	micros := func(cores float64) string { return fmt.Sprintf("%.1f µs/s", cores*1e6) }
	kilobytes := func(bytes float64) string { return fmt.Sprintf("%.1f kB", bytes/1e3) }
	ofCores := func(cores float64) string { return fmt.Sprintf("%.4f cores", cores) }
	resident := compare("RSS", func(c consumption) float64 { return c.resident }, kilobytes, megabytes)
	resident.wanted, resident.verdict = "", none // the collector's reserve is in it
	return []row{
		compare("CPU", func(c consumption) float64 { return c.cores }, micros, ofCores),
		compare("live heap", func(c consumption) float64 { return c.live }, kilobytes, megabytes),
		resident,
	}
}
