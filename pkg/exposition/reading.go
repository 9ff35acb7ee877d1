package exposition

import (
	"fmt"
	"math"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// Stats tell what a body held.
type Stats struct {
	// Samples that could be read, kept or not. A classic histogram counts once
	// for each bucket, the sum and the count; a native histogram once.
	Samples int
	// Kept samples are those in the Batch.
	Kept int
	// Duplicates are samples of series that are kept and had a sample in this
	// body already.
	Duplicates int
	// Dropped lines could not be read. Of protobuf it counts the metric
	// families of which at least a part could not be read.
	Dropped int
	// BadLines are the first of the dropped lines, maxBadLines at most.
	BadLines []BadLine
}

// A BadLine is a line that was dropped.
type BadLine struct {
	// Number of the line in the body, from 1; of the metric family in protobuf.
	Number int
	// Text of the line, cut where it is long; empty for protobuf.
	Text string
	// Reason says what is wrong with it.
	Reason string
}

// String says which line was dropped and why.
func (b BadLine) String() string {
	if b.Text == "" {
		return fmt.Sprintf("metric family %d: %s", b.Number, b.Reason)
	}
	return fmt.Sprintf("line %d, %q: %s", b.Number, b.Text, b.Reason)
}

const (
	// maxBadLines is how many dropped lines are described.
	maxBadLines = 5
	// maxQuote is how much of a dropped line, and of its reason, is repeated.
	maxQuote = 160
	// maxDropped lines end the reading: each costs as much as twenty good ones,
	// so a flood of them is an attack or no exposition.
	maxDropped = 100_000
)

// A reading is one body on its way into a batch.
type reading struct {
	layout *layout
	want   func(labels.Labels) bool
	batch  metric.Batch
	stats  Stats
}

func newReading(l *layout, want func(labels.Labels) bool, at int64, size int) *reading {
	return &reading{
		layout: l,
		want:   want,
		batch: metric.Batch{
			Time:   at,
			Table:  l.table,
			IDs:    make([]uint32, 0, size),
			Values: make([]float64, 0, size),
		},
	}
}

// A labeler builds the labels of the sample that is being read. They share no
// memory with the body.
type labeler interface {
	Labels(*labels.Labels)
}

// sample takes the value v, or the histogram h where it is not nil, of the
// series that text stands for. Series is asked for the labels where the text is
// new; the error says why such labels are refused.
func (r *reading) sample(text []byte, series labeler, v float64, h *histogram.FloatHistogram) error {
	id, known := r.layout.find(text)
	if !known {
		var lset labels.Labels
		series.Labels(&lset)
		var err error
		if id, err = r.layout.learn(text, lset, r.want); err != nil {
			return err
		}
	}
	r.stats.Samples++
	switch {
	case id == unwanted:
	case !r.layout.first(id):
		r.stats.Duplicates++
	default:
		r.keep(id, v, h)
	}
	return nil
}

func (r *reading) keep(id uint32, v float64, h *histogram.FloatHistogram) {
	b := &r.batch
	if h != nil && b.Histograms == nil {
		b.Histograms = make([]*histogram.FloatHistogram, len(b.IDs), cap(b.IDs))
	}
	if h != nil {
		h.Sum = plainNaN(h.Sum)
	}
	if b.Histograms != nil {
		b.Histograms = append(b.Histograms, h)
	}
	b.IDs = append(b.IDs, id)
	b.Values = append(b.Values, plainNaN(v))
	r.stats.Kept++
}

// plainNaN returns v, and for every NaN the one that marks nothing.
func plainNaN(v float64) float64 {
	if v != v {
		return math.Float64frombits(value.NormalNaN)
	}
	return v
}

// drop counts a line that cannot be read; number is only called for lines that
// are described. The error says that there are too many of them.
func (r *reading) drop(number func() int, text []byte, reason error) error {
	r.stats.Dropped++
	if len(r.stats.BadLines) < maxBadLines {
		r.stats.BadLines = append(r.stats.BadLines, BadLine{
			Number: number(),
			Text:   quote(string(text[:min(len(text), maxQuote+1)])),
			Reason: quote(reason.Error()),
		})
	}
	if r.stats.Dropped > maxDropped {
		return fmt.Errorf("more than %d lines cannot be read (the first is %v): is this an exposition?", maxDropped, r.stats.BadLines[0])
	}
	return nil
}

// quote cuts a text where it is long.
func quote(s string) string {
	if len(s) > maxQuote {
		return s[:maxQuote] + "..."
	}
	return s
}
