package provider

import (
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// A conversion is a result as the APIs return it, one part for each of those
// that the metric is declared for. It is immutable.
type conversion struct {
	result   *metric.Result
	external *externalItems
	object   *described
	pods     *described
}

// convert makes the conversion of a result that has items.
func convert(e *metric.Entry, r *metric.Result) *conversion {
	c := &conversion{result: r}
	// A metric that is served nowhere is checked as an external one is.
	if e.External != "" || e.Pods == "" && e.Object.Name == "" {
		c.external = convertExternal(e, r)
	}
	if e.Object.Name != "" {
		c.object = convertObject(e, r)
	}
	if e.Pods != "" {
		c.pods = convertPods(e, r)
	}
	return c
}

// slots remember, for each metric of the board, the last converted result. The
// map never changes: when the board is set anew, new slots are made, and so
// those of metrics that are gone are let go of.
type slots struct {
	entries []*metric.Entry // the board's, when these slots were made
	of      map[*metric.Entry]*atomic.Pointer[conversion]
}

// converted returns the conversion of a result, done once per result. Two
// first readers at the same time may both do it, which is cheaper than a lock.
func (p *Provider) converted(e *metric.Entry, r *metric.Result) *conversion {
	slot := p.slot(e)
	if slot == nil {
		return convert(e, r)
	}
	c := slot.Load()
	if c == nil || c.result != r {
		c = convert(e, r)
		slot.Store(c)
	}
	return c
}

// slot returns the slot of a metric, or nil if it is no longer on the board.
func (p *Provider) slot(e *metric.Entry) *atomic.Pointer[conversion] {
	entries := p.board.All()
	current := p.slots.Load()
	if current == nil || !same(current.entries, entries) {
		next := &slots{entries: entries, of: make(map[*metric.Entry]*atomic.Pointer[conversion], len(entries))}
		for _, e := range entries {
			if current != nil && current.of[e] != nil {
				next.of[e] = current.of[e]
			} else {
				next.of[e] = new(atomic.Pointer[conversion])
			}
		}
		p.slots.Store(next)
		current = next
	}
	return current.of[e]
}

// same reports whether a and b are one slice, not merely equal ones.
func same[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// A stamp is the time of a result as the APIs return it.
type stamp struct {
	timestamp metav1.Time
	window    *int64 // seconds, rounded up; nil for none
}

func stampOf(r *metric.Result) stamp {
	at := r.Time
	if at == 0 {
		at = r.Evaluated
	}
	s := stamp{timestamp: metav1.NewTime(time.UnixMilli(at))}
	if r.Window > 0 {
		seconds := (r.Window + 999) / 1000
		s.window = &seconds
	}
	return s
}

// factor returns a scale of a result, for which 0 stands for 1.
func factor(scale float64) float64 {
	if scale == 0 {
		return 1
	}
	return scale
}
