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

// A namePart is a part that has no parts, and the same narrowed as what it gives.
type namePart struct{ whole, narrowed *selector }

// nameParts returns all names that a selector is put together of.
func (s *selector) nameParts() []namePart {
	if s.parts == nil {
		return []namePart{{s, s}}
	}
	if s.names == nil {
		for _, p := range s.parts {
			s.names = append(s.names, p.nameParts()...)
		}
		for i, n := range s.names {
			if s.among != nil {
				s.names[i].narrowed = n.narrowed.match(s.among)
			}
		}
	}
	return s.names
}

// A found gives the series of selectors without parts, once they are counted.
type found func(s *selector) []metric.Series

// onlyName counts what the names of a selector match. While there are series of
// one of them only, which is the rule, it returns what the selector then is; nil
// where there are of several or of none.
func (m *machine) onlyName(s *selector) (*selector, found) {
	names := s.nameParts()
	counted, ok := m.env.Data.(CountedData)
	series := map[*selector][]metric.Series{}
	find := func(s *selector) []metric.Series { return series[s] }
	if ok {
		find = func(s *selector) []metric.Series { return counted.Series(&s.Selector) }
	}
	var only *selector
	shown := 0
	for _, n := range names {
		count := 0
		if ok {
			count, _ = counted.Count(&n.whole.Selector)
		} else {
			series[n.whole] = m.env.Data.Select(&n.whole.Selector)
			count = len(series[n.whole])
		}
		if count > 0 {
			only = n.narrowed
			shown++
		}
	}
	if shown != 1 {
		only = nil
	}
	return only, find
}

// united returns the series of a selector with parts, in label order.
func (m *machine) united(s *selector, find found) ([]metric.Series, error) {
	shares, err := m.shares(s, find)
	if err != nil {
		return nil, err
	}
	if err := m.alignBuckets(shares); err != nil {
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
func (m *machine) shares(s *selector, find found) ([]share, error) {
	if s.parts == nil {
		one, err := m.share(s, find)
		return []share{one}, err
	}
	var out []share
	var part []int // of the shares
	for i, p := range s.parts {
		of, err := m.shares(p, find)
		if err != nil {
			return nil, err
		}
		for _, f := range of {
			out, part = append(out, f), append(part, i)
		}
	}
	if !s.exclusive {
		choose(out, part, m.env.Now-s.Offset)
	}
	if s.among != nil {
		for i, one := range out {
			out[i] = one.filtered(func(j int) bool { return matchesAll(s.among, one.series[j].Labels) })
		}
	}
	return out, nil
}

func matchesAll(matchers []*labels.Matcher, lset labels.Labels) bool {
	return !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(lset.Get(m.Name)) })
}

// filtered returns the share with the series that a condition holds for.
func (s share) filtered(keep func(i int) bool) share {
	out := share{of: s.of}
	for i, target := range s.targets {
		if keep(i) {
			out.series, out.targets = append(out.series, s.series[i]), append(out.targets, target)
		}
	}
	return out
}

// share returns all that a selector without parts matches.
func (m *machine) share(s *selector, find found) (share, error) {
	series := find(s)
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
		shares[i] = s.filtered(func(j int) bool { return chosen[s.targets[j]].part == part[i] })
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
