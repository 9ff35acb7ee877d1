package promath

import (
	"math"
	"slices"
	"sort"
)

// A bucket of a classic histogram: how many observations were at most Upper.
type bucket struct {
	upper, count float64
}

// buckets are those of one classic histogram.
type buckets []bucket

// tolerance is the relative difference of two neighbouring buckets below which
// they count as equal: rounding errors of sums, no observations.
const tolerance = 1e-12

// sortByBound sorts b by upper bound and merges buckets of one bound. It
// returns false where the highest bound is not +Inf: then the total is not
// known. b has one element at least.
func (b buckets) sortByBound() (buckets, bool) {
	if !b.ascending() {
		slices.SortFunc(b, func(x, y bucket) int {
			switch {
			case x.upper < y.upper:
				return -1
			case x.upper > y.upper:
				return 1
			}
			return 0 // also where a bound is NaN
		})
	}
	if !math.IsInf(b[len(b)-1].upper, 1) {
		return b, false
	}
	last := 0
	for _, cur := range b[1:] {
		if cur.upper == b[last].upper {
			b[last].count += cur.count
		} else {
			last++
			b[last] = cur
		}
	}
	return b[:last+1], true
}

// ascending reports whether sorting would change nothing. NaN is in no order.
func (b buckets) ascending() bool {
	for i := 1; i < len(b); i++ {
		if !(b[i-1].upper <= b[i].upper) {
			return false
		}
	}
	return true
}

// makeMonotonic undoes what cannot be in a cumulative histogram: a bucket with
// less than the one below it, as the buckets of a histogram are not always
// scraped, or summed, at one time. Such a bucket is raised to the one below;
// one that differs from it by rounding errors only becomes equal to it.
func (b buckets) makeMonotonic() {
	prev := b[0].count
	for i := 1; i < len(b); i++ {
		cur := b[i].count
		switch {
		case cur == prev:
		case almostEqual(prev, cur) || cur < prev:
			b[i].count = prev
		default:
			prev = cur
		}
	}
}

// minNormal is the smallest positive float64 that is not denormal.
const minNormal = 0x1p-1022

// almostEqual reports whether the difference of a and b is less than their sum
// times the tolerance, or both are NaN.
func almostEqual(a, b float64) bool {
	if math.IsNaN(a) && math.IsNaN(b) || a == b {
		return true
	}
	sum, difference := math.Abs(a)+math.Abs(b), math.Abs(a-b)
	if a == 0 || b == 0 || sum < minNormal {
		return difference < tolerance*minNormal
	}
	return difference/math.Min(sum, math.MaxFloat64) < tolerance
}

// quantile returns the q-quantile, supposing that observations are spread
// evenly within each bucket, and that the lowest bucket starts at 0 if its
// upper bound is positive. It changes b.
//
//   - q NaN gives NaN, q < 0 gives -Inf, q > 1 gives +Inf.
//   - No bucket +Inf, no other bucket or no observations give NaN.
//   - A quantile in the bucket +Inf is the bound below it, one in a lowest
//     bucket whose bound is not positive is that bound.
func (b buckets) quantile(q float64) float64 {
	switch {
	case math.IsNaN(q):
		return math.NaN()
	case q < 0:
		return math.Inf(-1)
	case q > 1:
		return math.Inf(+1)
	}
	b, ok := b.sortByBound()
	if !ok || len(b) < 2 {
		return math.NaN()
	}
	b.makeMonotonic()
	highest := len(b) - 1
	observations := b[highest].count
	if observations == 0 {
		return math.NaN()
	}
	rank := q * observations
	i := sort.Search(highest, func(i int) bool { return b[i].count >= rank })
	switch {
	case i == highest:
		return b[highest-1].upper
	case i == 0 && b[0].upper <= 0:
		return b[0].upper
	}
	var lower float64
	count := b[i].count
	if i > 0 {
		lower = b[i-1].upper
		count -= b[i-1].count
		rank -= b[i-1].count
	}
	return lower + (b[i].upper-lower)*(rank/count)
}

// fraction returns the share of observations between lower and upper, 0 to 1,
// supposing what quantile supposes. It changes b.
//
//   - lower or upper NaN, no bucket +Inf or no observations give NaN.
//   - lower >= upper gives 0.
//   - Of a bucket without a finite bound on one side, all or nothing counts.
func (b buckets) fraction(lower, upper float64) float64 {
	b, ok := b.sortByBound()
	if !ok {
		return math.NaN()
	}
	count := b[len(b)-1].count
	switch {
	case count == 0 || math.IsNaN(lower) || math.IsNaN(upper):
		return math.NaN()
	case lower >= upper:
		return 0
	}

	from, to := limit{most: count}, limit{most: count}
	below, start := 0.0, 0.0 // observations below the bucket, and its lower bound
	if b[0].upper <= 0 {
		start = math.Inf(-1)
	}
	for _, cur := range b {
		rankOf := func(v float64) float64 {
			if math.IsInf(start, -1) {
				return cur.count
			}
			return below + (cur.count-below)*(v-start)/(cur.upper-start)
		}
		from.meet(lower, start, cur.upper, below, rankOf)
		to.meet(upper, start, cur.upper, below, rankOf)
		if from.met && to.met {
			break
		}
		below, start = cur.count, cur.upper
	}
	return (to.value() - from.value()) / count
}

// A limit is one end of a fraction. Its rank, the number of observations below
// it, is found while walking up the buckets; above all of them it is most, and
// it is never more.
type limit struct {
	most, rank float64
	met        bool
}

// meet finds the rank if the limit v lies at the start of a bucket, below which
// lie so many observations, or within it.
func (l *limit) meet(v, start, end, below float64, rankWithin func(v float64) float64) {
	switch {
	case l.met:
	case start >= v:
		l.rank, l.met = below, true
	case start < v && end > v:
		l.rank, l.met = rankWithin(v), true
	}
}

func (l *limit) value() float64 {
	if !l.met || l.rank > l.most {
		return l.most
	}
	return l.rank
}
