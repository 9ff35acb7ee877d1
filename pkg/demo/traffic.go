// Package demo simulates a gateway fleet under load: pods that answer scrapes
// over HTTP the way Kong does, traffic that rises and falls, and an autoscaler
// that adds and removes pods by what the metrics API says.
//
// A [Model] is the arithmetic: counters as integrals of a given traffic, free
// of clocks and sockets. A [Fleet] puts servers around it. A [Scenario] fits
// traffic, expressions and targets to a duration, and a [Simulation] closes the
// loop, one step at a time. All of it is deterministic given its clock.
package demo

import (
	"math"
	"time"
)

// Traffic is how many requests per second arrive at the fleet as a whole. Each
// period begins low, rises, holds, falls, and ends low.
type Traffic struct {
	// Low and High are requests per second.
	Low, High float64
	// Period is positive.
	Period time.Duration
}

// The parts of a period: quiet until rise, on top from hold to fall, quiet
// again from calm on. The quiet end is long enough for windows and
// stabilisation to run out before the next period.
const (
	rise = 0.10
	hold = 0.37
	fall = 0.50
	calm = 0.65
)

// Rate returns the requests per second so long after the start, between Low
// and High and with a ripple of 2 % on top. Before the start it is 0.
func (t Traffic) Rate(elapsed time.Duration) float64 {
	if elapsed < 0 {
		return 0
	}
	seconds := elapsed.Seconds()
	phase := math.Mod(elapsed.Seconds()/t.Period.Seconds(), 1)
	level := 0.0
	switch {
	case phase < rise:
	case phase < hold:
		level = smooth((phase - rise) / (hold - rise))
	case phase < fall:
		level = 1
	case phase < calm:
		level = 1 - smooth((phase-fall)/(calm-fall))
	}
	ripple := 1 + 0.01*math.Sin(2.3*seconds) + 0.01*math.Sin(5.1*seconds)
	return (t.Low + (t.High-t.Low)*level) * ripple
}

// smooth leads from 0 to 1 without a kink, x being between 0 and 1.
func smooth(x float64) float64 { return x * x * (3 - 2*x) }

// Capacity is what one pod can do.
type Capacity struct {
	// Saturation is the requests per second at which a queue begins to grow
	// without end.
	Saturation float64
	// Floor is the least latency in milliseconds, Service the mean time of the
	// work itself, without waiting.
	Floor, Service float64
}

// maxUtilisation is where latency stops growing: beyond it a real gateway
// rejects requests, and so do these, see errorRatio.
const maxUtilisation = 0.9

// Latency returns the mean of what a request takes beyond Floor, in
// milliseconds, at a rate per pod: that of an M/M/1 queue, Service/(1 -
// utilisation), utilisation being at most 0.9. What it takes is Floor plus an
// exponentially distributed time with this mean.
func (c Capacity) Latency(rate float64) float64 {
	return c.Service / (1 - min(rate/c.Saturation, maxUtilisation))
}

// errorRatio returns the shares of responses that the upstream fails and that
// the gateway itself rejects: a few, and more of the latter from 80 %
// utilisation on.
func (c Capacity) errorRatio(rate float64) (upstream, rejected float64) {
	return 0.003, 0.001 + min(0.2*max(rate/c.Saturation-0.8, 0), 0.3)
}
