// Package metric is gaugeway's vocabulary: what is scraped (Target), what a
// scrape yields (Batch), what a program selects (Selector, Series) and what a
// metric answers (Result, Board).
//
// Times are int64 milliseconds since the Unix epoch, durations inside
// selectors are int64 milliseconds. Labels are Prometheus labels; the metric
// name is the label __name__.
package metric

import (
	"math"
	"strings"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
)

// Names of the labels that a target lends to each of its series. A scraped
// label of one of these names is renamed to exported_<name>: who gets a number
// is decided by discovery, never by the exposition.
const (
	LabelNamespace = "namespace"
	LabelPod       = "pod"
	LabelNode      = "node"
	LabelInstance  = "instance"
	LabelSource    = "source"
)

// A Target is one endpoint that is scraped.
type Target struct {
	// ID names the target within its source for as long as it lives: the pod's
	// UID and port, or the URL of a static target. A pod that is replaced is
	// another target.
	ID string
	// URL is where the statistics are read.
	URL string
	// Labels are namespace, pod, node, instance and source, those that apply.
	Labels labels.Labels
	// Expected tells whether a silent target counts as missing coverage. A pod
	// that was never Ready is scraped but not expected.
	Expected bool
	// Terminating: the pod is being deleted. It is scraped until it stops
	// answering, and departs then.
	Terminating bool
}

// lent are the labels that a target lends, if they apply.
var lent = [...]string{LabelNamespace, LabelPod, LabelNode, LabelInstance, LabelSource}

// OwnLabels returns the labels that a series has of itself: those scraped,
// renamed where they clash with a label that a target may lend. Where none
// does, they are those that were given, without a copy.
func OwnLabels(scraped labels.Labels) labels.Labels {
	var b *labels.Builder
	for _, name := range lent {
		v := scraped.Get(name)
		if v == "" {
			continue
		}
		if b == nil {
			b = labels.NewBuilder(scraped)
		}
		b.Del(name)
		exported := "exported_" + name
		for scraped.Has(exported) {
			exported = "exported_" + exported
		}
		b.Set(exported, v)
	}
	if b == nil {
		return scraped
	}
	return b.Labels()
}

// Two payloads of NaN mark rows of a series that hold no sample. Neither is
// ever a value: an exposition's NaN is normalised when it is parsed.
var (
	// Absent: the target answered without this series, or it departed. It is
	// Prometheus's staleness marker.
	Absent = math.Float64frombits(value.StaleNaN)
	// Unknown: the series was not kept at that time, so nothing is known.
	Unknown = math.Float64frombits(unknownBits)
)

const unknownBits uint64 = 0x7ff0000000000abc

// IsSample reports whether v is a value, NaN included, and not a marker.
func IsSample(v float64) bool {
	bits := math.Float64bits(v)
	return bits != value.StaleNaN && bits != unknownBits
}

// IsUnknown reports whether v is the marker Unknown.
func IsUnknown(v float64) bool { return math.Float64bits(v) == unknownBits }

// A Table numbers the series of one target's exposition that some program
// wants. It only grows; a parser that drops a layout starts a new Table.
// Entries are the scraped labels, without those of the target.
type Table struct {
	Series []labels.Labels
}

// A Batch is what one scrape of one target yielded. Values[i] belongs to
// Table.Series[IDs[i]]; Histograms is nil or as long as IDs, and where an
// element is not nil, it is the sample and the float is to be ignored.
// Each ID occurs at most once.
type Batch struct {
	// Time is when the request was sent, in milliseconds.
	Time       int64
	Table      *Table
	IDs        []uint32
	Values     []float64
	Histograms []*histogram.FloatHistogram
	// Partial: some of the body could not be read, or it ended amid a line. What
	// the batch lacks may have been there.
	Partial bool
}

// A Selector names the series that an expression reads and for how long back.
type Selector struct {
	// Name is the metric name; it is never empty.
	Name string
	// Matchers select by labels other than the name; all must match.
	Matchers []*labels.Matcher
	// Range is the length of the window in milliseconds, 0 for an instant.
	Range int64
	// Offset shifts the window back, in milliseconds.
	Offset int64
}

// Matches reports whether a series with these labels is selected.
func (s *Selector) Matches(lset labels.Labels) bool {
	if lset.Get(labels.MetricName) != s.Name {
		return false
	}
	for _, m := range s.Matchers {
		if !m.Matches(lset.Get(m.Name)) {
			return false
		}
	}
	return true
}

// String prints the selector as PromQL prints it, without range and offset.
// Equal selectors print alike.
func (s *Selector) String() string {
	var b strings.Builder
	b.WriteString(s.Name)
	if len(s.Matchers) > 0 {
		b.WriteByte('{')
		for i, m := range s.Matchers {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(m.String())
		}
		b.WriteByte('}')
	}
	return b.String()
}

// A Series is one series with all the rows that are kept, oldest first. T, F
// and H (where it is not nil) have the same length and share no memory with
// what a reader may change: they are read only, and valid until the next
// append to the window they come from.
//
// Row i is a histogram where H is not nil and H[i] is not nil, else the float
// F[i] where IsSample(F[i]), else no sample.
type Series struct {
	Labels labels.Labels
	T      []int64
	F      []float64
	H      []*histogram.FloatHistogram
}
