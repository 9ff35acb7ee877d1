package promath

import (
	"math"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// The functions in this file aggregate the samples that one series has in the
// window. A series without samples gets no value. Where a function is said to
// ignore histograms, a series of histograms alone gets no value either.

// SumOverTime returns the sum of each series' samples: of floats compensated,
// so that rounding errors do not add up; of native histograms likewise, bucket
// by bucket. Series that mix floats and histograms, or exponential and custom
// buckets, get no value.
func SumOverTime(r Range) (Vector, error) {
	return r.eachSeries(func(p *points) (Sample, bool) {
		switch {
		case p.mixed():
			return Sample{}, false
		case len(p.H) > 0:
			var sum histogramSum
			for _, h := range p.H {
				if !sum.add(h) {
					return Sample{}, false
				}
			}
			return Sample{H: sum.value()}, true
		}
		var sum, c float64
		for _, f := range p.F {
			sum, c = addCompensated(f, sum, c)
		}
		return Sample{F: sum + c}, true
	})
}

// AvgOverTime returns the mean of each series' samples, floats or native
// histograms. Series that mix floats and histograms, or exponential and custom
// buckets, get no value.
func AvgOverTime(r Range) (Vector, error) {
	return r.eachSeries(func(p *points) (Sample, bool) {
		switch {
		case p.mixed():
			return Sample{}, false
		case len(p.H) > 0:
			var mean histogramMean
			for _, h := range p.H {
				if !mean.add(h) {
					return Sample{}, false
				}
			}
			return Sample{H: mean.value()}, true
		}
		var mean floatMean
		for _, f := range p.F {
			mean.add(f)
		}
		return Sample{F: mean.value()}, true
	})
}

// CountOverTime counts each series' samples, floats and histograms.
func CountOverTime(r Range) (Vector, error) {
	return r.eachSeries(func(p *points) (Sample, bool) {
		return Sample{F: float64(len(p.F) + len(p.H))}, true
	})
}

// PresentOverTime returns 1 for each series that has a sample.
func PresentOverTime(r Range) (Vector, error) {
	return r.eachSeries(func(*points) (Sample, bool) { return Sample{F: 1}, true })
}

// AbsentOverTime returns 1 where no series has a sample, and nothing where one
// has: one element with the labels that Absent gives it.
func AbsentOverTime(r Range, sel *metric.Selector) (Vector, error) {
	rd := r.reader()
	for i := range r.Series {
		if p := rd.read(&r.Series[i]); !p.empty() {
			return nil, nil
		}
	}
	return Absent(nil, sel), nil
}

// FirstOverTime returns each series' oldest sample in the window, with the
// metric name.
func FirstOverTime(r Range) (Vector, error) {
	return r.eachNamedSeries(func(p *points) (Sample, bool) {
		if len(p.H) == 0 || len(p.F) > 0 && p.T[0] < p.HT[0] {
			return Sample{F: p.F[0]}, true
		}
		return Sample{H: p.H[0]}, true
	})
}

// LastOverTime returns each series' newest sample in the window, with the
// metric name. Unlike Instant it looks past markers.
func LastOverTime(r Range) (Vector, error) {
	return r.eachNamedSeries(func(p *points) (Sample, bool) {
		f, h := len(p.F)-1, len(p.H)-1
		if h < 0 || f >= 0 && p.HT[h] < p.T[f] {
			return Sample{F: p.F[f]}, true
		}
		return Sample{H: p.H[h]}, true
	})
}

// TsOfFirstOverTime returns when each series' oldest sample in the window was
// taken, in seconds since the epoch.
func TsOfFirstOverTime(r Range) (Vector, error) {
	return r.eachSeries(func(p *points) (Sample, bool) {
		at := int64(math.MaxInt64)
		if len(p.F) > 0 {
			at = p.T[0]
		}
		if len(p.H) > 0 {
			at = min(at, p.HT[0])
		}
		return Sample{F: float64(at) / 1000}, true
	})
}

// TsOfLastOverTime returns when each series' newest sample in the window was
// taken, in seconds since the epoch.
func TsOfLastOverTime(r Range) (Vector, error) {
	return r.eachSeries(func(p *points) (Sample, bool) {
		var at int64
		if len(p.F) > 0 {
			at = p.T[len(p.F)-1]
		}
		if len(p.H) > 0 {
			at = max(at, p.HT[len(p.H)-1])
		}
		return Sample{F: float64(at) / 1000}, true
	})
}

// MinOverTime returns each series' least float; NaN only where all are NaN.
// It ignores histograms.
func MinOverTime(r Range) (Vector, error) {
	return r.eachFloatSeries(func(p *points) float64 {
		i := p.pick(func(cur, least float64) bool { return cur < least })
		return p.F[i]
	})
}

// MaxOverTime returns each series' greatest float; NaN only where all are NaN.
// It ignores histograms.
func MaxOverTime(r Range) (Vector, error) {
	return r.eachFloatSeries(func(p *points) float64 {
		i := p.pick(func(cur, greatest float64) bool { return cur > greatest })
		return p.F[i]
	})
}

// TsOfMinOverTime returns when each series last had its least float, in
// seconds since the epoch. It ignores histograms.
func TsOfMinOverTime(r Range) (Vector, error) {
	return r.eachFloatSeries(func(p *points) float64 {
		i := p.pick(func(cur, least float64) bool { return cur <= least })
		return float64(p.T[i]) / 1000
	})
}

// TsOfMaxOverTime returns when each series last had its greatest float, in
// seconds since the epoch. It ignores histograms.
func TsOfMaxOverTime(r Range) (Vector, error) {
	return r.eachFloatSeries(func(p *points) float64 {
		i := p.pick(func(cur, greatest float64) bool { return cur >= greatest })
		return float64(p.T[i]) / 1000
	})
}

// StdvarOverTime returns the population variance of each series' floats:
// 0 for one sample, NaN where one is NaN or infinite. It ignores histograms.
func StdvarOverTime(r Range) (Vector, error) {
	return r.eachFloatSeries(func(p *points) float64 { return variance(p.F) })
}

// StddevOverTime returns the population standard deviation of each series'
// floats, the square root of StdvarOverTime.
func StddevOverTime(r Range) (Vector, error) {
	return r.eachFloatSeries(func(p *points) float64 { return math.Sqrt(variance(p.F)) })
}

// QuantileOverTime returns the q-quantile of each series' floats, interpolated
// between the two nearest: -Inf for q < 0, +Inf for q > 1, NaN for q NaN. NaN
// among the samples counts as less than any number. It ignores histograms.
func QuantileOverTime(q float64, r Range) (Vector, error) {
	var buf []float64
	return r.eachFloatSeries(func(p *points) float64 {
		buf = append(buf[:0], p.F...)
		return quantile(q, buf)
	})
}

// MadOverTime returns the median absolute deviation of each series' floats:
// the median of their distances to their median; NaN where one is NaN. It
// ignores histograms.
func MadOverTime(r Range) (Vector, error) {
	var buf []float64
	return r.eachFloatSeries(func(p *points) float64 {
		for _, f := range p.F {
			if math.IsNaN(f) {
				return math.NaN()
			}
		}
		buf = append(buf[:0], p.F...)
		median := quantile(0.5, buf)
		for i := range buf {
			buf[i] = math.Abs(buf[i] - median)
		}
		return quantile(0.5, buf)
	})
}

// eachFloatSeries calls f with the points of every series that has a float.
func (r *Range) eachFloatSeries(f func(*points) float64) (Vector, error) {
	return r.eachSeries(func(p *points) (Sample, bool) {
		if len(p.F) == 0 {
			return Sample{}, false
		}
		return Sample{F: f(p)}, true
	})
}

// pick returns the index of the float that none of the later ones replaces.
// Every number replaces NaN, and so does a later NaN.
func (p *points) pick(replaces func(cur, best float64) bool) int {
	best := 0
	for i, f := range p.F {
		if replaces(f, p.F[best]) || math.IsNaN(p.F[best]) {
			best = i
		}
	}
	return best
}

// variance is Welford's algorithm with compensated sums, as in PromQL's
// varianceOverTime.
func variance(f []float64) float64 {
	var count, mean, cMean, aux, cAux float64
	for _, v := range f {
		count++
		delta := v - (mean + cMean)
		mean, cMean = addCompensated(delta/count, mean, cMean)
		aux, cAux = addCompensated(delta*(v-(mean+cMean)), aux, cAux)
	}
	return (aux + cAux) / count
}
