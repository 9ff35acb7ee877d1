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
	byName map[string][]*metric.Selector
	keys   []string // sorted; two sets with the same keys are the same
	reach  int64    // the longest range + offset
	offset int64    // the longest offset
}

func newWants(selectors []metric.Selector) wants {
	w := wants{byName: map[string][]*metric.Selector{}}
	keys := map[string]bool{}
	for i := range selectors {
		s := &selectors[i]
		w.reach = max(w.reach, s.Range+s.Offset)
		w.offset = max(w.offset, s.Offset)
		if k := s.String(); !keys[k] {
			keys[k] = true
			w.byName[s.Name] = append(w.byName[s.Name], s)
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
