package main

import (
	"context"
	"fmt"
	"time"

	"github.com/gaugeway/gaugeway/e2e/bench/load"
)

// growthAllowed is by how much the cost of a unit may differ between small and
// large, for the noise of the machine.
const growthAllowed = 1.1

// A consumption is what gaugeway takes at one size.
type consumption struct {
	cores    float64
	live     float64 // bytes of the heap that the collector last found in use
	resident float64 // bytes
}

// growth is line 4: what another target and another metric cost, where there
// are few and where there are many.
func (b *bench) growth(ctx context.Context) ([]row, error) {
	var targets, metrics []consumption
	few := load.Shape{Targets: 10, Routes: 80}
	sizes, counts := []int{10, 100, 1000}, []int{10, 1000, 10000}
	for _, n := range sizes {
		shape := load.Shape{Targets: n, Routes: few.Routes}
		c, err := b.consumption(ctx, shape, 5*time.Second, perService(shape, 5, 15*time.Second))
		if err != nil {
			return nil, fmt.Errorf("%d targets: %w", n, err)
		}
		targets = append(targets, c)
	}
	for _, n := range counts {
		c, err := b.consumption(ctx, few, 2*time.Second, assorted(n))
		if err != nil {
			return nil, fmt.Errorf("%d metrics: %w", n, err)
		}
		metrics = append(metrics, c)
	}
	return append(growthRows("target", "10 metrics", sizes, targets), growthRows("metric", "10 targets", counts, metrics)...), nil
}

// consumption measures gaugeway at one size.
func (b *bench) consumption(ctx context.Context, shape load.Shape, interval time.Duration, metrics []gauge) (consumption, error) {
	defer b.stopAll()
	targets, err := b.startLoad(ctx, load.Options{Shape: shape, Start: time.Now()})
	if err != nil {
		return consumption{}, err
	}
	g, err := b.startGaugeway(ctx, shape.Targets, interval, metrics)
	if err != nil {
		return consumption{}, err
	}
	// The longest window is 20 s.
	if err := pause(ctx, 22*time.Second, targets, g.program); err != nil {
		return consumption{}, err
	}
	if err := verify(ctx, g); err != nil {
		return consumption{}, err
	}
	before, err := g.troubles(ctx)
	if err != nil {
		return consumption{}, err
	}
	cpu, err := cores(ctx, interval, int(b.lasting(20*time.Second)/interval)+1, g.program)
	if err != nil {
		return consumption{}, err
	}
	if err := g.sound(ctx, before); err != nil {
		return consumption{}, err
	}
	live, err := g.own(ctx, "go_gc_heap_live_bytes")
	if err != nil {
		return consumption{}, err
	}
	m, err := memoryOf(g.PID())
	return consumption{cores: cpu[0], live: live, resident: m.resident}, err
}

// growthRows compare the cost of a unit among the first and among the last.
func growthRows(unit, fixed string, units []int, of []consumption) []row {
	one := func(what, of string, read func(consumption) float64, show func(float64) string, costs []consumption, judged bool) row {
		c := make([]cost, len(costs))
		shown := ""
		for i := range costs {
			c[i] = cost{units[i], read(costs[i])}
		}
		for i := 1; i < len(c); i++ {
			if i > 1 {
				shown += ", then "
			}
			shown += fmt.Sprintf("%s from %d to %d", show(perUnit(c[i-1], c[i])), units[i-1], units[i])
		}
		g := growth(c[0], c[1], c[2])
		r := row{what: what, wanted: fmt.Sprintf("<= %.1f x", growthAllowed), measured: shown, ratio: times(g, of), verdict: judge(g <= growthAllowed)}
		if !judged {
			r.wanted, r.verdict = "", none
		}
		return r
	}
	reference := "the first " + unit + "s"
	micros := func(c float64) string { return fmt.Sprintf("%.1f µs/s", c*1e6) }
	kilo := func(bytes float64) string { return fmt.Sprintf("%.1f kB", bytes/1e3) }
	return []row{
		one(fmt.Sprintf("CPU of one more %s (%s)", unit, fixed), reference, func(c consumption) float64 { return c.cores }, micros, of, true),
		one(fmt.Sprintf("live heap of one more %s", unit), reference, func(c consumption) float64 { return c.live }, kilo, of, true),
		one(fmt.Sprintf("RSS of one more %s", unit), reference, func(c consumption) float64 { return c.resident }, kilo, of, false),
	}
}
