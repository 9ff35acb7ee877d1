// Package exposition turns the body of a scrape into samples. It reads the
// Prometheus text format 0.0.4, OpenMetrics 1.0 and the Prometheus protobuf
// format with native histograms (all three by
// github.com/prometheus/prometheus/model/textparse), nginx's stub_status,
// HAProxy's CSV, and any JSON by rules that say where in it samples are.
//
// A Parser belongs to one target and lives as long as the target: it remembers
// how each line began, and the order of the lines in the last scrape, which
// hardly ever changes. So what a line is takes one comparison, and only values
// are parsed; labels are built, and the question whether anybody wants the series
// is asked, once and not at each scrape. Lines that were never seen are read by
// textparse, which is right whatever they are.
//
// What a body may look like, and what becomes of it:
//
//   - A line that cannot be read is dropped and counted; the rest is read, and
//     the batch is marked Partial. So is that of a text which does not end with a
//     newline: it may have been cut off. A body of which no line can be read is an
//     error.
//   - Timestamps and exemplars are read over. A sample is of the time when the
//     scrape's request was sent.
//   - NaN is a value like any other, whatever its payload: it can never be
//     mistaken for a marker of package metric. Infinities are values too.
//   - Of several samples of one series the first counts.
//   - Labels with an empty value are as good as absent, and are removed.
package exposition

import (
	"bytes"
	"fmt"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// A Format says how a body is to be read.
type Format string

// The formats.
const (
	// Auto reads Prometheus text, OpenMetrics or protobuf, as the content type
	// says, and Prometheus text where it says nothing of use.
	Auto Format = "Auto"
	// StubStatus reads the four lines of nginx's stub_status, and the column
	// that Tengine adds to them, whatever the content type says.
	StubStatus Format = "StubStatus"
	// Csv reads the statistics that HAProxy shows as CSV, under /stats;csv.
	Csv Format = "Csv"
	// Json reads JSON by the rules in Options.JSON.
	Json Format = "Json"
)

// Formats returns all formats.
func Formats() []Format { return []Format{Auto, StubStatus, Csv, Json} }

// Options of a Parser.
type Options struct {
	// Format of the bodies; empty is Auto.
	Format Format
	// Want says whether a series is kept. Its argument are the scraped labels,
	// __name__ among them, without those of the target. It is asked once for
	// each text of a series, so its answer must not change; when it does, make
	// a new Parser. Nil keeps all.
	Want func(labels.Labels) bool
	// Layouts are shared with other targets of a kind; nil shares nothing.
	Layouts *Layouts
	// JSON are the rules of the format Json, which needs them.
	JSON *JSONRules
	// Review is shown each body after it was read, with the error of reading it or
	// nil, and returns the error of Parse: one that says more, or the same. It must
	// not keep the body. Nil changes nothing.
	Review func(body []byte, contentType string, err error) error
}

// A Parser reads the bodies of one target. It is not for concurrent use.
//
// It numbers the series that it keeps in a metric.Table that grows with each
// new series. When more than half of what the target ever showed was absent from
// each of its last 10 scrapes (or, of more than half a million lines, from the
// last), the Parser forgets everything, and the next Batch has a new Table with
// new numbers. So it has when that lets the Parser share Layouts, after 10
// scrapes alike that held every series of the old one.
type Parser struct {
	format  Format
	rules   *JSONRules
	want    func(labels.Labels) bool
	layouts *Layouts
	review  func([]byte, string, error) error
	table   *metric.Table
	layout  *layout
	owned   bool         // words and series of the layout are this parser's alone
	last    metric.Batch // whose slices the next one uses
	medium  medium

	quiet   int  // scrapes in a row that were as predicted
	settled bool // the layout is shared
	bloated int  // scrapes in a row that missed the half of the layout
}

// NewParser returns a Parser that has seen nothing yet.
func NewParser(o Options) *Parser {
	want := o.Want
	if want == nil {
		want = func(labels.Labels) bool { return true }
	}
	p := &Parser{format: o.Format, rules: o.JSON, want: want, layouts: o.Layouts, review: o.Review}
	p.forget()
	return p
}

// Parse reads a body; at is the time of its samples, in milliseconds, and
// contentType the header of that name, which may be empty.
//
// The Batch is the Parser's: the next Parse appends to its Table and uses its
// slices anew, so a batch is to be consumed before the next Parse of its target
// begins. Only its Histograms stay what they are. The body is the caller's again when Parse returns, and
// nothing refers to it; but Parse may change it (to remove carriage returns) and
// write a byte behind its end, within its capacity.
//
// An empty body, or one of comments only, is a Batch without samples. With an
// error there is no Batch; the Stats then tell how far the Parser came.
func (p *Parser) Parse(body []byte, contentType string, at int64) (metric.Batch, Stats, error) {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	s.begin(len(p.table.Series))
	r := &reading{layout: p.layout, owned: p.owned, layouts: p.layouts, want: p.want, scratch: s, batch: metric.Batch{
		Time:   at,
		Table:  p.table,
		IDs:    p.last.IDs[:0],
		Values: p.last.Values[:0],
	}}
	err := p.read(r, body, contentType)
	p.layout, p.owned = r.layout, r.owned
	if p.review != nil {
		err = p.review(body, contentType, err)
	}
	if err != nil {
		return metric.Batch{}, r.stats, err
	}
	r.batch.Partial = r.batch.Partial || r.stats.Dropped > 0
	p.reuse(r.batch)
	p.remember(r)
	return r.batch, r.stats, nil
}

// reuse keeps the slices of a batch for the next one, unless they are much
// larger than it is.
func (p *Parser) reuse(b metric.Batch) {
	p.last = metric.Batch{IDs: b.IDs, Values: b.Values}
	if n := len(b.IDs); cap(b.IDs) > n+n/4 || cap(b.Values) > n+n/4 {
		p.last = metric.Batch{IDs: make([]uint32, 0, n), Values: make([]float64, 0, n)}
	}
}

func (p *Parser) read(r *reading, body []byte, contentType string) error {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	switch p.format {
	case StubStatus:
		if isMarkup(body) {
			return errMarkup
		}
		return readStubStatus(r, body)
	case Csv:
		return readCSV(r, body)
	case Json:
		return readJSON(r, body, p.rules)
	case Auto, "":
	default:
		return fmt.Errorf("format %q is not known: use one of %v", p.format, Formats())
	}

	if p.medium.header != contentType {
		p.medium = mediumOf(contentType)
	}
	c, err := p.medium.content(body)
	if err != nil {
		return err
	}
	switch c {
	case contentProtobuf:
		err = readProtobuf(r, body)
	case contentOpenMetrics:
		err = readOpenMetrics(r, body)
	default:
		err = readText(r, body)
	}
	if err != nil {
		return err
	}
	if r.stats.Samples == 0 && r.stats.Dropped > 0 {
		return unreadable(body, r.stats)
	}
	return nil
}
