package exposition

import (
	"errors"
	"fmt"
	"math"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

const (
	// unwanted is the number of series that nobody wants.
	unwanted uint32 = math.MaxUint32
	// staleScrapes is after how many scrapes without it a text counts as stale.
	staleScrapes = 10
	// maxTexts bounds what is remembered of series that nobody wants, and from
	// where on a layout is given up as soon as the half of it is missing.
	maxTexts = 1 << 19
)

// A layout is what is known of a target's series: for each text by which a
// series was ever called, the number of the series in the table. Several texts
// may stand for one series (`a{x="1",y="2"}` and `a{y="2",x="1"}`).
type layout struct {
	table  *metric.Table
	texts  map[string]uint32 // text of a series: its place in known
	known  []knownText
	ids    map[string]uint32 // labels of a kept series, as bytes: its number
	seenIn []uint32          // by number of a kept series: the last scrape that had it
	scrape uint32            // number of the current scrape, from 1
	seen   int               // how many of known the current scrape has
	buf    []byte
}

type knownText struct {
	id     uint32 // in the table, or unwanted
	scrape uint32 // the last that had it
}

func newLayout() *layout {
	return &layout{
		table: &metric.Table{},
		texts: make(map[string]uint32),
		ids:   make(map[string]uint32),
	}
}

// begin starts the next scrape.
func (l *layout) begin() {
	l.scrape++
	l.seen = 0
}

// find returns the number of the series that text stands for, which may be
// unwanted, and false for a text that is not known. It allocates nothing.
func (l *layout) find(text []byte) (uint32, bool) {
	i, ok := l.texts[string(text)]
	if !ok {
		return 0, false
	}
	k := &l.known[i]
	if k.scrape != l.scrape {
		k.scrape = l.scrape
		l.seen++
	}
	return k.id, true
}

// learn remembers that text stands for the series with these labels, and
// returns its number. It refuses a label that comes twice, an invalid name and
// a value that is not UTF-8, as Prometheus does.
func (l *layout) learn(text []byte, lset labels.Labels, want func(labels.Labels) bool) (uint32, error) {
	if name, twice := lset.HasDuplicateLabelNames(); twice {
		return 0, fmt.Errorf("the label %q is given twice", name)
	}
	if !lset.IsValid(model.UTF8Validation) {
		return 0, errors.New("a name is empty, or not UTF-8")
	}
	lset = lset.WithoutEmpty()

	id := unwanted
	if want(lset) {
		id = l.number(lset)
	} else if len(l.known) >= maxTexts {
		return unwanted, nil
	}
	l.texts[string(text)] = uint32(len(l.known))
	l.known = append(l.known, knownText{id: id, scrape: l.scrape})
	l.seen++
	return id, nil
}

// number returns the number of the series with these labels, a new one where it
// has none.
func (l *layout) number(lset labels.Labels) uint32 {
	l.buf = lset.Bytes(l.buf[:0])
	if id, ok := l.ids[string(l.buf)]; ok {
		return id
	}
	id := uint32(len(l.table.Series))
	l.ids[string(l.buf)] = id
	l.table.Series = append(l.table.Series, lset)
	l.seenIn = append(l.seenIn, 0)
	return id
}

// first reports whether this is the first sample of a kept series in the
// current scrape.
func (l *layout) first(id uint32) bool {
	if l.seenIn[id] == l.scrape {
		return false
	}
	l.seenIn[id] = l.scrape
	return true
}

// outdated reports, at the end of a scrape, whether it is time to forget
// everything: when more than half of the known texts were absent from the last
// staleScrapes scrapes, or when there are at least maxTexts of them and more
// than half is absent from this scrape. A target whose series come and go so
// takes memory for what it shows now, not for all that it has ever shown.
func (l *layout) outdated() bool {
	if len(l.known) <= 2*l.seen {
		return false
	}
	if len(l.known) >= maxTexts {
		return true
	}
	stale := 0
	for _, k := range l.known {
		if l.scrape-k.scrape >= staleScrapes {
			stale++
		}
	}
	return stale > len(l.known)/2
}
