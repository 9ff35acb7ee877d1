package main

import (
	"context"
	"fmt"
	"time"

	"k8s.io/metrics/pkg/apis/external_metrics/v1beta1"

	"github.com/gaugeway/gaugeway/e2e/bench/load"
)

// What line 3 allows.
const (
	fleetCores  = 0.04
	fleetMemory = 190e6 // bytes
)

// fleet is line 3: gaugeway and Prometheus scrape the same 200 targets at the
// same time, so that they have the same minute of the same machine.
func (b *bench) fleet(ctx context.Context) ([]row, error) {
	const interval, services = 5 * time.Second, 40
	shape := load.Shape{Targets: 200, Routes: 80}
	targets, err := b.startLoad(ctx, load.Options{Shape: shape, Start: time.Now()})
	if err != nil {
		return nil, err
	}
	g, err := b.startGaugeway(ctx, shape.Targets, interval, perService(shape, services, time.Minute))
	if err != nil {
		return nil, err
	}
	p, err := b.startPrometheus(ctx, shape.Targets, interval)
	if err != nil {
		return nil, err
	}
	// The windows of a minute are full then, and the first garbage is collected.
	if err := pause(ctx, 75*time.Second, targets, g.program, p.program); err != nil {
		return nil, err
	}
	if err := verify(ctx, g); err != nil {
		return nil, err
	}
	// Prometheus begins to scrape some seconds after its start.
	if err := eventually(ctx, p.program, "Prometheus to be right", func() error { return p.verify(ctx, shape) }); err != nil {
		return nil, err
	}
	before, err := g.troubles(ctx)
	if err != nil {
		return nil, err
	}
	cpu, err := cores(ctx, interval, int(b.lasting(time.Minute)/interval), g.program, p.program, targets)
	if err != nil {
		return nil, err
	}
	if err := g.sound(ctx, before); err != nil {
		return nil, err
	}
	ours, err := memoryOf(g.PID())
	if err != nil {
		return nil, err
	}
	theirs, err := memoryOf(p.PID())
	if err != nil {
		return nil, err
	}
	bare, err := b.bareMemory(ctx, g)
	if err != nil {
		return nil, err
	}
	read, query, err := readBoth(ctx, g, p)
	if err != nil {
		return nil, err
	}
	if err := b.profile(ctx, g, "fleet"); err != nil {
		return nil, err
	}
	what := fmt.Sprintf("%d targets x %d series x %v, p95 and RPS of %d services", shape.Targets, shape.Series(), interval, services)
	return []row{
		{what: what + ": CPU", wanted: fmt.Sprintf("<= %.2f cores", fleetCores),
			measured: fmt.Sprintf("%.4f cores (Prometheus %.3f, the targets %.3f)", cpu[0], cpu[1], cpu[2]),
			ratio:    times(cpu[0]/cpu[1], "Prometheus"), verdict: judge(cpu[0] <= fleetCores)},
		{what: "the same: memory (RSS)", wanted: "<= " + megabytes(fleetMemory),
			measured: fmt.Sprintf("%s, at most %s (Prometheus after two minutes %s, the bare library %s)",
				megabytes(ours.resident), megabytes(ours.highest), megabytes(theirs.resident), megabytes(bare)),
			ratio: times(ours.resident/theirs.resident, "Prometheus") + ", " + times(ours.resident/bare, "the bare library"), verdict: judge(ours.resident <= fleetMemory)},
		{what: "the same: one read of a p95, beside one query of it", measured: fmt.Sprintf("%s (Prometheus %s)", milliseconds(read), milliseconds(query)),
			ratio: times(read/query, "Prometheus")},
	}, nil
}

// bareMemory returns how much memory the floor takes after some reads.
func (b *bench) bareMemory(ctx context.Context, g *gaugeway) (float64, error) {
	name := g.metrics[0].name
	list, err := g.list(ctx, name)
	if err != nil {
		return 0, err
	}
	f, err := b.startFloor(ctx, map[string]*v1beta1.ExternalMetricValueList{name: list})
	if err != nil {
		return 0, err
	}
	for range 2000 {
		if _, err := f.get(ctx, metricPath(name)); err != nil {
			return 0, err
		}
	}
	m, err := memoryOf(f.PID())
	return m.resident, err
}

// readBoth returns the median times, in milliseconds, that gaugeway and
// Prometheus take to answer the p95 of a service, taking turns.
func readBoth(ctx context.Context, g *gaugeway, p *rivalServer) (read, query float64, err error) {
	const rounds = 11
	var reads, queries []float64
	for i := range rounds {
		service := load.Service(i * load.RoutesPerService)
		begin := time.Now()
		if _, err := g.value(ctx, service+"-p95"); err != nil {
			return 0, 0, err
		}
		reads = append(reads, time.Since(begin).Seconds()*1000)
		_, took, err := p.query(ctx, p95Query(service))
		if err != nil {
			return 0, 0, err
		}
		queries = append(queries, took.Seconds()*1000)
	}
	return percentile(reads, 0.5), percentile(queries, 0.5), nil
}
