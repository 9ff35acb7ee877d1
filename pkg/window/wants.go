package window

import (
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// wants is the set of selectors of all programs over one source.
type wants struct {
	byName map[string][]want
	keys   []string // sorted; two sets with the same keys are the same
	reach  int64    // the longest range + offset
	offset int64    // the longest offset
}

// A want is a selector, and the change of the wants that brought it.
type want struct {
	*metric.Selector
	since uint64
}

// newWants returns the wants that a change brings: what was wanted before is
// wanted since then.
func newWants(selectors []metric.Selector, before wants, change uint64) wants {
	since := map[string]uint64{}
	for _, of := range before.byName {
		for _, s := range of {
			since[s.String()] = s.since
		}
	}
	w := wants{byName: map[string][]want{}}
	keys := map[string]bool{}
	for i := range selectors {
		s := &selectors[i]
		w.reach = max(w.reach, s.Range+s.Offset)
		w.offset = max(w.offset, s.Offset)
		if k := s.String(); !keys[k] {
			keys[k] = true
			first, ok := since[k]
			if !ok {
				first = change
			}
			w.byName[s.Name] = append(w.byName[s.Name], want{s, first})
		}
	}
	w.keys = slices.Sorted(maps.Keys(keys))
	return w
}

// retention is how long rows are kept: what the longest range reads, and what
// an instant looks back, each behind its offset.
func (w wants) retention(lookback int64) int64 { return max(w.reach, w.offset+lookback) }

func (w wants) equal(o wants) bool {
	return w.reach == o.reach && w.offset == o.offset && slices.Equal(w.keys, o.keys)
}

// wantsSeries reports whether a series with all its labels is selected.
func (w wants) wantsSeries(lset labels.Labels) bool {
	for _, s := range w.byName[lset.Get(labels.MetricName)] {
		if s.Matches(lset) {
			return true
		}
	}
	return false
}

// wantsScraped does the same for labels as scraped: matchers on labels that
// the target adds or renames are left to the View.
func (w wants) wantsScraped(scraped labels.Labels) bool {
	for _, s := range w.byName[scraped.Get(labels.MetricName)] {
		if matchesScraped(s.Matchers, scraped) {
			return true
		}
	}
	return false
}

// since returns the change since which a series with all its labels is selected:
// the last one, where no selector matches.
func (w wants) since(lset labels.Labels, last uint64) uint64 {
	for _, s := range w.byName[lset.Get(labels.MetricName)] {
		if s.since < last && s.Matches(lset) {
			last = s.since
		}
	}
	return last
}

func matchesScraped(matchers []*labels.Matcher, scraped labels.Labels) bool {
	for _, m := range matchers {
		switch m.Name {
		case metric.LabelNamespace, metric.LabelPod, metric.LabelNode, metric.LabelInstance, metric.LabelSource:
			continue
		}
		if strings.HasPrefix(m.Name, "exported_") {
			continue
		}
		if !m.Matches(scraped.Get(m.Name)) {
			return false
		}
	}
	return true
}
