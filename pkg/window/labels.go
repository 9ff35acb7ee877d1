package window

import (
	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// renamed are the labels that series have of themselves, where they are not those
// that were scraped. Targets that share the list of their series share these, too.
type renamed struct {
	scraped *labels.Labels // the first of the list
	by      map[uint32]labels.Labels
}

// own returns the labels that a series has of itself.
func (r *renamed) own(scraped []labels.Labels, id uint32) labels.Labels {
	if r.scraped != &scraped[0] {
		r.scraped, r.by = &scraped[0], map[uint32]labels.Labels{}
	}
	if own, ok := r.by[id]; ok {
		return own
	}
	own := metric.OwnLabels(scraped[id])
	if !labels.Equal(own, scraped[id]) {
		r.by[id] = own
	}
	return own
}

// A joiner puts the labels of a series and those that its target lends together.
// The zero value is ready.
type joiner struct {
	builder labels.ScratchBuilder
	lent    []labels.Label // those that are still to come
}

// labels returns all labels of a column.
func (j *joiner) labels(t *target, c uint32) labels.Labels {
	own := t.series[c]
	if t.bare || len(t.lent) == 0 {
		return own
	}
	j.builder.Reset()
	j.lent = t.lent
	own.Range(func(l labels.Label) {
		j.addUpTo(l.Name)
		j.builder.Add(l.Name, l.Value)
	})
	for _, l := range j.lent {
		j.builder.Add(l.Name, l.Value)
	}
	return j.builder.Labels()
}

// addUpTo adds the labels lent that come before a name.
func (j *joiner) addUpTo(name string) {
	for len(j.lent) > 0 && j.lent[0].Name < name {
		j.builder.Add(j.lent[0].Name, j.lent[0].Value)
		j.lent = j.lent[1:]
	}
}

// lends reports whether each series has a label from the target.
func (t *target) lends(name string) bool { return !t.bare && t.Labels.Has(name) }
