package promath

import (
	"math"

	"github.com/prometheus/prometheus/model/histogram"
)

// nativeQuantile returns the q-quantile of a native histogram. Observations are
// supposed to be spread evenly within custom buckets and the zero bucket, and
// evenly on a logarithmic scale within exponential buckets. A zero bucket ends
// at 0 if there are buckets on the other side only.
//
//   - q < 0 gives -Inf, q > 1 gives +Inf, q NaN or no observations give NaN.
//   - A quantile in the custom bucket +Inf is the bound below it, one in a
//     lowest custom bucket whose bound is not positive is that bound.
//   - Observations of NaN count as greater than all others: a quantile among
//     them is NaN. Where there are any, or of both +Inf and -Inf, so that the
//     sum is NaN, other quantiles are unreliable: they are interpolated in the
//     highest bucket, as Prometheus v0.314.0 does.
func nativeQuantile(q float64, h *histogram.FloatHistogram) float64 {
	switch {
	case q < 0:
		return math.Inf(-1)
	case q > 1:
		return math.Inf(+1)
	case h.Count == 0 || math.IsNaN(q):
		return math.NaN()
	}

	// From above for the upper half, because there most quantiles lie close to
	// the end; but observations of NaN, which are in no bucket, lie there too.
	fromBelow := math.IsNaN(h.Sum) || q < 0.5
	rank, it := q*h.Count, h.AllBucketIterator
	if !fromBelow {
		rank, it = (1-q)*h.Count, h.AllReverseBucketIterator
	}
	var (
		count float64
		b     histogram.Bucket[float64]
	)
	walk := it()
	for walk.Next() {
		b = walk.At()
		if b.Count == 0 {
			continue
		}
		count += b.Count
		if count >= rank {
			break
		}
	}

	custom := h.UsesCustomBuckets()
	switch {
	case !custom:
		if b.Lower < 0 && b.Upper > 0 {
			b = oneSided(b, h)
		}
	case math.IsInf(b.Lower, -1):
		if b.Upper <= 0 {
			return b.Upper
		}
		b.Lower = 0
	case math.IsInf(b.Upper, 1):
		return b.Lower
	}
	if count > h.Count { // by rounding errors
		count = h.Count
	}
	if count < rank {
		if math.IsNaN(h.Sum) {
			return math.NaN()
		}
		return b.Upper
	}
	if fromBelow {
		rank -= count - b.Count
	} else {
		rank = count - rank
	}
	if math.IsNaN(h.Sum) {
		// PromQL goes on to the highest bucket here, while it looks for
		// observations of NaN to warn of, and takes its count and bounds.
		for walk.Next() {
			b = walk.At()
		}
	}
	fraction := rank / b.Count
	if custom || b.Lower <= 0 && b.Upper >= 0 {
		return b.Lower + (b.Upper-b.Lower)*fraction
	}
	logLower := math.Log2(math.Abs(b.Lower))
	logUpper := math.Log2(math.Abs(b.Upper))
	if b.Lower > 0 {
		return math.Exp2(logLower + (logUpper-logLower)*fraction)
	}
	return -math.Exp2(logUpper + (logLower-logUpper)*(1-fraction))
}

// oneSided returns the zero bucket of h, cut off at 0 on the side where h has
// no buckets while it has some on the other.
func oneSided(b histogram.Bucket[float64], h *histogram.FloatHistogram) histogram.Bucket[float64] {
	switch {
	case len(h.NegativeBuckets) == 0 && len(h.PositiveBuckets) > 0:
		b.Lower = 0
	case len(h.PositiveBuckets) == 0 && len(h.NegativeBuckets) > 0:
		b.Upper = 0
	}
	return b
}

// nativeFraction returns the share of a native histogram's observations that
// lie between lower and upper, 0 to 1, supposing what nativeQuantile supposes.
// Observations of NaN lie nowhere.
//
//   - lower or upper NaN or no observations give NaN, lower >= upper gives 0.
//   - Of a bucket without a finite lower bound all counts, of one without a
//     finite upper bound nothing, if a limit lies within.
func nativeFraction(lower, upper float64, h *histogram.FloatHistogram) float64 {
	switch {
	case h.Count == 0 || math.IsNaN(lower) || math.IsNaN(upper):
		return math.NaN()
	case lower >= upper:
		return 0
	}

	var (
		from, to     limit
		below, count float64 // observations below the bucket, and with it
		custom       = h.UsesCustomBuckets()
		it           = h.AllBucketIterator()
	)
	for it.Next() {
		b := it.At()
		count += b.Count
		linear := custom
		if b.Lower <= 0 && b.Upper >= 0 {
			linear = true
			b = oneSided(b, h)
		}
		rankOf := func(v float64) float64 {
			if linear && math.IsInf(b.Lower, -1) {
				return b.Count
			}
			return below + b.Count*b.FractionBelow(v, linear)
		}
		from.meet(lower, b.Lower, b.Upper, below, rankOf)
		to.meet(upper, b.Lower, b.Upper, below, rankOf)
		if from.met && to.met {
			break
		}
		below += b.Count
	}
	if math.IsNaN(h.Sum) {
		// There may be observations of NaN, which are in no bucket.
		for it.Next() {
			count += it.At().Count
		}
	} else {
		count = h.Count
	}
	from.most, to.most = count, count
	return (to.value() - from.value()) / h.Count
}

// nativeVariance returns the population variance of a native histogram's
// observations, each taken to lie in the middle of its bucket: the geometric
// mean of the bounds of an exponential bucket, 0 in the zero bucket, the
// arithmetic mean of custom bounds. No observations give NaN.
func nativeVariance(h *histogram.FloatHistogram) float64 {
	mean := h.Sum / h.Count
	var variance, c float64
	for it := h.AllBucketIterator(); it.Next(); {
		b := it.At()
		if b.Count == 0 {
			continue
		}
		var middle float64
		switch {
		case h.UsesCustomBuckets():
			middle = (b.Upper + b.Lower) / 2.0
		case b.Lower <= 0 && b.Upper >= 0:
		default:
			middle = math.Sqrt(b.Upper * b.Lower)
			if b.Upper < 0 {
				middle = -middle
			}
		}
		delta := middle - mean
		variance, c = addCompensated(b.Count*delta*delta, variance, c)
	}
	variance += c
	return variance / h.Count
}
