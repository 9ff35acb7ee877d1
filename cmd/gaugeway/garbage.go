package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// gcPercent is how much garbage the collector lets lie, in percent of the live
	// heap, where the environment variable GOGC does not say. Most of what a tick
	// leaves is short-lived: a process of a third less memory takes a few thousandths
	// of a core more (docs/performance.md, line 3).
	gcPercent = 60
	// leastGarbage is how much it lets lie at least, in bytes. A percentage of a
	// small heap is soon made by reads, and each collection delays some of them
	// (line 5 there, its p99).
	leastGarbage = 24 << 20
)

// collectGarbage has the collector let gcPercent of the live heap lie, and
// leastGarbage at least, unless GOGC is set.
func collectGarbage() {
	if os.Getenv("GOGC") != "" {
		return
	}
	p := &pacer{live: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}}
	p.adjust()
}

// A pacer sets the collector's percentage after each collection.
type pacer struct {
	live    []metrics.Sample
	percent int
}

// A canary is collected by the next collection. It has a pointer, so that it
// shares its memory with no other object.
type canary struct{ _ *canary }

// adjust sets the percentage for the heap that the last collection has left, and
// has itself called after the next one.
func (p *pacer) adjust() {
	metrics.Read(p.live)
	if percent := percentOf(p.live[0].Value.Uint64()); percent != p.percent {
		p.percent = percent
		debug.SetGCPercent(percent)
	}
	runtime.AddCleanup(new(canary), (*pacer).adjust, p)
}

// percentOf returns the percentage for so many bytes of live heap: in steps, as
// setting it stops the process for a moment.
func percentOf(live uint64) int {
	const smallest, step = 4 << 20, 20
	return max(gcPercent, int(leastGarbage*100/max(live, smallest))/step*step)
}
