package promath

import (
	"fmt"
	"math"
)

// Deriv returns each gauge's slope per second: that of the straight line that
// fits its samples in the window best (least squares). A series needs two
// floats; histograms are ignored. NaN and Inf among the samples make the
// result NaN, except that equal samples have the slope 0.
func Deriv(r Range) (Vector, error) {
	return r.eachSeries(func(p *points) (Sample, bool) {
		if len(p.F) < 2 {
			return Sample{}, false
		}
		// Times relative to a sample keep the sums small.
		slope, _ := fitLine(p, p.T[0])
		return Sample{F: slope}, true
	})
}

// PredictLinear returns the value that each gauge has the given seconds after
// Now, if it goes on along the line that Deriv fits. A series needs two
// floats; histograms are ignored.
func PredictLinear(r Range, seconds float64) (Vector, error) {
	return r.eachSeries(func(p *points) (Sample, bool) {
		if len(p.F) < 2 {
			return Sample{}, false
		}
		slope, intercept := fitLine(p, r.Now)
		return Sample{F: slope*seconds + intercept}, true
	})
}

// fitLine returns the slope per second and the value at origin of the line
// with the least squares of distances to the floats: PromQL's
// linearRegression.
func fitLine(p *points, origin int64) (slope, intercept float64) {
	var n, sumX, cX, sumY, cY, sumXY, cXY, sumX2, cX2 float64
	first, constant := p.F[0], true
	for i, y := range p.F {
		if i > 0 && y != first {
			constant = false
		}
		n++
		x := float64(p.T[i]-origin) / 1e3
		sumX, cX = addCompensated(x, sumX, cX)
		sumY, cY = addCompensated(y, sumY, cY)
		sumXY, cXY = addCompensated(x*y, sumXY, cXY)
		sumX2, cX2 = addCompensated(x*x, sumX2, cX2)
	}
	if constant {
		if math.IsInf(first, 0) {
			return math.NaN(), math.NaN()
		}
		return 0, first
	}
	sumX += cX
	sumY += cY
	sumXY += cXY
	sumX2 += cX2

	covariance := sumXY - sumX*sumY/n
	variance := sumX2 - sumX*sumX/n
	slope = covariance / variance
	intercept = sumY/n - slope*sumX/n
	return slope, intercept
}

// DoubleExponentialSmoothing returns each gauge smoothed over the window, with
// regard to its trend (Holt's method). The smoothing factor sf and the trend
// factor tf lie between 0 and 1, both excluded, else there is an error; the
// higher they are, the more the newest samples and the newest trend count. A
// series needs two floats; histograms are ignored.
func DoubleExponentialSmoothing(r Range, sf, tf float64) (Vector, error) {
	if sf <= 0 || sf >= 1 {
		return nil, fmt.Errorf("invalid smoothing factor %g: give a number between 0 and 1, both excluded", sf)
	}
	if tf <= 0 || tf >= 1 {
		return nil, fmt.Errorf("invalid trend factor %g: give a number between 0 and 1, both excluded", tf)
	}
	return r.eachSeries(func(p *points) (Sample, bool) {
		if len(p.F) < 2 {
			return Sample{}, false
		}
		level, trend := p.F[0], p.F[1]-p.F[0]
		var previous float64
		for i, f := range p.F[1:] {
			if i > 0 {
				x := tf * (level - previous)
				y := (1 - tf) * trend
				trend = x + y
			}
			x := sf * f
			y := (1 - sf) * (level + trend)
			previous, level = level, x+y
		}
		return Sample{F: level}, true
	})
}
