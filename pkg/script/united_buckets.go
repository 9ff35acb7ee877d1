package script

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// alignBuckets gives the classic histograms of several names the bounds of each
// other, so that their buckets can be added up: versions of a gateway often have
// other bounds. Between two bounds of a histogram its observations are taken to lie
// evenly, as a quantile takes them to, so that the quantile of one histogram does
// not change; what lies above its last bound counts up to the next bound of others.
func (m *machine) alignBuckets(shares []share) error {
	bounds := map[float64]string{}
	for _, s := range shares {
		if len(s.series) > 0 && !strings.HasSuffix(s.of.Name, "_bucket") {
			return nil
		}
		for i := range s.series {
			le := s.series[i].Labels.Get(labels.BucketLabel)
			if bound, err := strconv.ParseFloat(le, 64); err == nil && bounds[bound] == "" {
				bounds[bound] = le
			}
		}
	}
	all := slices.Sorted(maps.Keys(bounds))
	for i := range shares {
		if err := m.alignShare(&shares[i], all, bounds); err != nil {
			return err
		}
	}
	return nil
}

// A boundedSeries is a bucket: the index of its series in a share.
type boundedSeries struct {
	bound float64
	index int
}

// alignShare adds the buckets that the histograms of a share lack.
func (m *machine) alignShare(s *share, all []float64, texts map[float64]string) error {
	histograms := map[uint64][]boundedSeries{}
	var buf []byte
	var order []uint64
	for i := range s.series {
		bound, err := strconv.ParseFloat(s.series[i].Labels.Get(labels.BucketLabel), 64)
		if err != nil {
			continue
		}
		var key uint64
		key, buf = s.series[i].Labels.HashWithoutLabels(buf, labels.BucketLabel)
		if histograms[key] == nil {
			order = append(order, key)
		}
		histograms[key] = append(histograms[key], boundedSeries{bound, i})
	}
	s.series, s.targets = slices.Clip(s.series), slices.Clip(s.targets) // they may be the data's own
	for _, key := range order {
		own := histograms[key]
		slices.SortFunc(own, func(a, b boundedSeries) int {
			return int(math.Copysign(1, a.bound-b.bound))
		})
		for _, bound := range all {
			above := slices.IndexFunc(own, func(b boundedSeries) bool { return b.bound >= bound })
			if above < 0 || own[above].bound == bound {
				continue
			}
			upper := s.series[own[above].index]
			var lower *metric.Series
			from := 0.0
			if above > 0 {
				lower, from = &s.series[own[above-1].index], own[above-1].bound
			}
			if lower != nil && len(lower.F) != len(upper.F) {
				continue
			}
			if err := m.alloc(sampleBytes + 8*len(upper.F)); err != nil {
				return err
			}
			b := labels.NewBuilder(upper.Labels).Set(labels.BucketLabel, texts[bound])
			s.series = append(s.series, metric.Series{Labels: b.Labels(), T: upper.T, F: between(lower, &upper, partBelow(from, bound, own[above].bound))})
			s.targets = append(s.targets, s.targets[own[above].index])
		}
	}
	return m.charge(len(s.series) / 8)
}

// partBelow returns how much of the observations between two bounds lies up to a
// bound between them.
func partBelow(from, bound, to float64) float64 {
	switch {
	case math.IsInf(to, 1):
		return 1
	case bound <= from:
		return 0
	}
	return (bound - from) / (to - from)
}

// between returns the rows of a bucket that lies between two others, the lower of
// which may be missing. What is no sample of the upper one stays; where the lower
// one is none, nothing was observed there.
func between(lower, upper *metric.Series, part float64) []float64 {
	out := make([]float64, len(upper.F))
	for i, f := range upper.F {
		out[i] = f
		if !metric.IsSample(f) {
			continue
		}
		base := 0.0
		if lower != nil && metric.IsSample(lower.F[i]) {
			base = lower.F[i]
		}
		out[i] = base + part*(f-base)
	}
	return out
}
