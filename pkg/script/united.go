package script

import (
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// targetNames are the labels that tell targets apart, sorted.
var targetNames = []string{metric.LabelInstance, metric.LabelNamespace, metric.LabelNode, metric.LabelPod, metric.LabelSource}

// A share is what a selector without parts gives to one with parts.
type share struct {
	of      *selector
	series  []metric.Series
	targets []string // of the series, before they get other labels
}

// united returns the series of a selector with parts, in label order.
func (m *machine) united(s *selector) ([]metric.Series, error) {
	shares, err := m.shares(s)
	if err != nil {
		return nil, err
	}
	var out []metric.Series
	for _, p := range shares {
		if p.of.relabel != nil {
			if p.series, err = m.relabelled(p.of.relabel, p.series); err != nil {
				return nil, err
			}
		}
		out = append(out, p.series...)
	}
	slices.SortFunc(out, func(a, b metric.Series) int { return labels.Compare(a.Labels, b.Labels) })
	return out, nil
}

// shares returns what each name of a selector gives to it.
func (m *machine) shares(s *selector) ([]share, error) {
	if s.parts == nil {
		one, err := m.share(s)
		return []share{one}, err
	}
	var out []share
	var part []int // of the shares
	for i, p := range s.parts {
		found, err := m.shares(p)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			out, part = append(out, f), append(part, i)
		}
	}
	if !s.exclusive {
		choose(out, part, m.env.Now-s.Offset)
	}
	return out, nil
}

// share returns all that a selector without parts matches.
func (m *machine) share(s *selector) (share, error) {
	series := m.env.Data.Select(&s.Selector)
	out := share{of: s, series: series, targets: make([]string, len(series))}
	var buf []byte
	for i := range series {
		buf = series[i].Labels.BytesWithLabels(buf, targetNames...)
		out.targets[i] = string(buf)
	}
	if err := m.alloc(2 * sampleBytes * (1 + len(series))); err != nil {
		return out, err
	}
	return out, m.charge(1 + len(series)/8)
}

// choose leaves of each target the series of the part that has its newest sample
// up to end, and of the first such part where several have it.
func choose(shares []share, part []int, end int64) {
	type choice struct {
		part   int
		newest int64
	}
	chosen := map[string]choice{}
	for i, s := range shares {
		for j, target := range s.targets {
			t := newestSample(&s.series[j], end)
			if c, ok := chosen[target]; !ok || t > c.newest {
				chosen[target] = choice{part[i], t}
			}
		}
	}
	for i, s := range shares {
		left := share{of: s.of}
		for j, target := range s.targets {
			if chosen[target].part == part[i] {
				left.series, left.targets = append(left.series, s.series[j]), append(left.targets, target)
			}
		}
		shares[i] = left
	}
}

// newestSample returns the time of the last sample up to end; -1 without one.
func newestSample(s *metric.Series, end int64) int64 {
	for i, t := range slices.Backward(s.T) {
		if t <= end && (s.H != nil && s.H[i] != nil || metric.IsSample(s.F[i])) {
			return t
		}
	}
	return -1
}
