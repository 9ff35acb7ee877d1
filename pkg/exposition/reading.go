package exposition

import (
	"fmt"
	"math"
	"slices"
	"sync"

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
	// Place of what was dropped where it is not a line: the rule, the metric and
	// the path to the value in JSON, the metric and the row in CSV.
	Place string
	// Reason says what is wrong with it.
	Reason string
}

// String says which line was dropped and why.
func (b BadLine) String() string {
	if b.Place != "" {
		return fmt.Sprintf("%s: %s", b.Place, b.Reason)
	}
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
	owned  bool // the layout is nobody else's, and may be changed
	want   func(labels.Labels) bool
	batch  metric.Batch
	stats  Stats

	layouts   *Layouts
	scratch   *scratch
	lines     bool // the body consists of lines, and scratch.order is their order
	expected  int  // where in the layout's order the next line is expected
	surprised bool // some line was not where it was expected

	cold      bool   // nothing was known when the reading began
	copied    string // the body then, which all words are cut from
	copiedCap int    // capacity of the body from its first byte on
	lset      labels.Labels
}

// A scratch is what a reading needs until it ends. Parsers take turns with it.
type scratch struct {
	scrape uint32   // number of the reading that uses it
	seen   []uint32 // by number of a series: the last reading that had it
	order  []uint32 // of the words that were read
	places []int32  // by word: its place in the layout's order, or -1
	bytes  []byte

	text     []byte       // of a series that was not written as such
	document jsonDocument // of the last JSON; its body is gone
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// begin makes the scratch ready for a reading with that many series.
func (s *scratch) begin(series int) {
	s.scrape++
	if s.scrape == 0 { // it went round
		clear(s.seen)
		s.scrape = 1
	}
	s.order, s.places = s.order[:0], s.places[:0]
	s.grow(series)
}

func (s *scratch) grow(series int) {
	if n := series - len(s.seen); n > 0 {
		s.seen = append(s.seen, make([]uint32, n)...)
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
func (r *reading) sample(text []byte, in class, series labeler, v float64, h *histogram.FloatHistogram) error {
	hash := hashOf(text)
	place, known := r.layout.find(text, in, hash)
	if !known {
		series.Labels(&r.lset)
		lset, err := valid(r.lset, text)
		if err != nil {
			return err
		}
		id := unwanted
		if r.want(lset) {
			r.own()
			id, r.scratch.bytes = r.layout.number(lset, r.scratch.bytes)
			r.batch.Table.Series = r.layout.series
			r.scratch.grow(len(r.layout.series))
		} else if len(r.layout.words) >= maxTexts {
			r.take(unwanted, v, h)
			return nil
		}
		place = r.learn(text, word{hash: hash, id: id, in: in})
	}
	r.scratch.order = append(r.scratch.order, place)
	r.expect(place)
	r.take(r.layout.words[place].id, v, h)
	return nil
}

// verbatim takes lines that are no sample, if there are any.
func (r *reading) verbatim(lines []byte, in, after class) {
	if len(lines) == 0 {
		return
	}
	hash := hashOf(lines)
	place, known := r.layout.find(lines, in, hash)
	if !known {
		if len(r.layout.words) >= maxTexts {
			return
		}
		place = r.learn(lines, word{hash: hash, id: verbatim, in: in, after: after})
	}
	r.scratch.order = append(r.scratch.order, place)
	r.expect(place)
}

// learn adds a word with that text and returns its place.
func (r *reading) learn(text []byte, w word) uint32 {
	r.own()
	w.text = r.retained(text)
	return r.layout.add(w)
}

// retained returns a text, which is a slice of what is read, for good.
func (r *reading) retained(text []byte) string {
	if r.copied == "" {
		return string(text)
	}
	begin := r.copiedCap - cap(text)
	return r.copied[begin : begin+len(text)]
}

// own makes sure that the layout may be changed.
func (r *reading) own() {
	if !r.owned {
		r.layout, r.owned = r.layout.clone(), true
	}
}

// surprise gets ready for a line that is not where it was expected.
func (r *reading) surprise() {
	if r.surprised {
		return
	}
	r.surprised = true
	places := slices.Grow(r.scratch.places[:0], len(r.layout.words))[:len(r.layout.words)]
	for i := range places {
		places[i] = -1
	}
	for i, place := range r.layout.order {
		places[place] = int32(i)
	}
	r.scratch.places = places
}

// expect makes the line that followed a word in the last scrape the next that is
// expected. A word that was not there changes nothing.
func (r *reading) expect(place uint32) {
	places := r.scratch.places
	if int(place) < len(places) && places[place] >= 0 {
		r.expected = int(places[place]) + 1
	}
}

// take takes a sample of a series by its number.
func (r *reading) take(id uint32, v float64, h *histogram.FloatHistogram) {
	r.stats.Samples++
	switch {
	case id == unwanted:
	case r.scratch.seen[id] == r.scratch.scrape:
		r.stats.Duplicates++
	default:
		r.scratch.seen[id] = r.scratch.scrape
		r.keep(id, v, h)
	}
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
	return r.dropped(func() BadLine {
		return BadLine{
			Number: number(),
			Text:   quote(string(text[:min(len(text), maxQuote+1)])),
			Reason: quote(reason.Error()),
		}
	})
}

// dropped counts what cannot be read; describe is only called for what is
// described.
func (r *reading) dropped(describe func() BadLine) error {
	r.stats.Dropped++
	if len(r.stats.BadLines) < maxBadLines {
		r.stats.BadLines = append(r.stats.BadLines, describe())
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
