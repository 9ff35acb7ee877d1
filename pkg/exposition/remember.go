package exposition

import (
	"bytes"
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

const (
	// maxReserved is for how many lines room is made at once.
	maxReserved = 1 << 14
	// sampled is of how many bytes the lines are counted for that.
	sampled = 16 << 10
)

// begin makes a reading of lines ready: the layout is that of the last scrape,
// or that of a target which shows the like, or empty.
func (r *reading) begin(body []byte, in class) {
	r.lines = true
	if len(r.layout.words) > 0 {
		return
	}
	if r.layouts != nil {
		if l := r.layouts.suggest(body, in); l != nil {
			r.layout, r.owned = l, false
			r.batch.Table.Series = l.series
			r.scratch.grow(len(l.series))
			return
		}
	}
	r.cold = true
	sample := body[:min(len(body), sampled)]
	lines := bytes.Count(sample, []byte("\n")) * len(body) / max(len(sample), 1)
	lines = min(lines, maxReserved)
	r.layout.reserve(lines)
	r.batch.IDs, r.batch.Values = slices.Grow(r.batch.IDs, lines), slices.Grow(r.batch.Values, lines)
}

// remember keeps what a reading learned, for the next one and for other targets.
func (p *Parser) remember(r *reading) {
	seen := r.scratch.order
	words := len(p.layout.words)
	if words <= 2*len(seen) {
		p.bloated = 0
	} else if p.bloated++; p.bloated >= staleScrapes || words >= maxTexts {
		p.forget()
		return
	}
	if !r.lines {
		return
	}

	first, fresh := p.layout.order == nil, false // fresh: a change after a time without
	if r.surprised && !slices.Equal(seen, p.layout.order) || !r.surprised && r.expected < len(p.layout.order) {
		l := *p.layout
		l.order = slices.Clone(seen)
		p.layout, p.settled, p.quiet, fresh = &l, false, 0, p.quiet > 0
	} else {
		p.quiet++
	}
	if p.layouts == nil || p.settled {
		return
	}
	// What changes all the time is not shared each time. And a table that holds
	// more than the last scrape had is not given up for a shared one.
	if first || fresh || p.quiet == 1 || p.quiet == staleScrapes {
		p.share(first || p.quiet == staleScrapes && r.stats.Kept == len(p.table.Series))
	}
}

// share lets other parsers have the layout, or takes over theirs. If renumber
// allows it, the numbers, and so the table, may become others by that.
func (p *Parser) share(renumber bool) {
	l := p.layouts.settle(p.layout, renumber)
	if l == nil {
		return
	}
	if l != p.layout && !slices.EqualFunc(l.series, p.table.Series, labels.Equal) {
		p.table = &metric.Table{}
	}
	p.table.Series = l.series
	p.layout, p.owned, p.settled = l, false, true
}

// forget makes the parser one that has seen nothing yet.
func (p *Parser) forget() {
	p.layout, p.owned, p.table = &layout{}, true, &metric.Table{}
	p.quiet, p.settled, p.bloated = 0, false, 0
}
