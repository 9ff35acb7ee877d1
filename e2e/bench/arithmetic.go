package main

import (
	"math"
	"slices"
	"time"
)

// percentile returns the smallest of the values that at least the share q of
// them does not exceed: q = 0.5 is the median. Without values it is NaN.
func percentile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[min(max(rank, 0), len(sorted)-1)]
}

// paired returns the median of the ratios of two measurements that took turns,
// round by round: what disturbs some rounds disturbs both.
func paired(ours, theirs []float64) float64 {
	ratios := make([]float64, min(len(ours), len(theirs)))
	for i := range ratios {
		ratios[i] = ours[i] / theirs[i]
	}
	return percentile(ratios, 0.5)
}

// A cost is what so many units of something take together.
type cost struct {
	units int
	total float64
}

// perUnit returns what each further unit takes from one cost to the next. What
// the process takes without any unit is in both, and cancels.
func perUnit(from, to cost) float64 {
	return (to.total - from.total) / float64(to.units-from.units)
}

// growth compares the units added in the second step with those added in the
// first: 1 where each costs the same, 2 where the later ones cost twice as much.
func growth(small, middle, large cost) float64 {
	return perUnit(middle, large) / perUnit(small, middle)
}

// A sight is when a reader first saw a value, and which.
type sight struct {
	at    time.Duration // since the load's start
	shown time.Duration // time of the exposition that the value is of
}

// delays returns how long changes took until they could be read, in
// milliseconds, for a counter that changes once in each millisecond: a change
// between two expositions that were seen is in the later one.
func delays(seen []sight) []float64 {
	var all []float64
	for i := 1; i < len(seen); i++ {
		for change := seen[i-1].shown + time.Millisecond; change <= seen[i].shown; change += time.Millisecond {
			all = append(all, float64(seen[i].at-change)/float64(time.Millisecond))
		}
	}
	return all
}
