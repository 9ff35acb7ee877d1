package exposition

import (
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

const (
	// unwanted is the number of series that nobody wants.
	unwanted uint32 = math.MaxUint32
	// verbatim is the number of words that are whole lines: comments, blanks.
	verbatim uint32 = math.MaxUint32 - 1
	// staleScrapes is after how many scrapes that miss the half of it a layout
	// is given up.
	staleScrapes = 10
	// maxTexts bounds what is remembered of series that nobody wants, and from
	// where on a layout is given up as soon as the half of it is missing.
	maxTexts = 1 << 19
)

// A class is what decides, beside the text of a series itself, which labels it
// stands for and whether it can be read at all: the format, and the type of
// the family where the type changes how labels are written.
type class uint8

const (
	ofHistogram class = 1 << iota
	ofSummary
	inText
	inOpenMetrics

	formats = inText | inOpenMetrics
)

// of returns the class of what follows a TYPE line.
func (c class) of(t model.MetricType) class {
	switch t {
	case model.MetricTypeHistogram:
		return c&formats | ofHistogram
	case model.MetricTypeSummary:
		return c&formats | ofSummary
	}
	return c & formats
}

// A word begins a line: the text of a series, up to its value. Or it is
// the whole of one, such as a comment. What it means is a function of text and
// class, whoever learned it.
type word struct {
	text  string
	hash  uint32
	id    uint32 // in the table, or unwanted, or verbatim
	in    class
	after class // of what follows a verbatim word
}

// A layout is what is known of a target's expositions: each word that was ever
// read, and the order of those in the last scrape, which predicts the next.
// Several words may stand for one series (`a{x="1",y="2"}` and
// `a{y="2",x="1"}`).
type layout struct {
	words    []word
	slots    []uint32        // hash table of words: place + 1
	series   []labels.Labels // those of the table
	numbers  []uint32        // hash table of series: number + 1
	order    []uint32        // places of words
	sequence uint64          // hash of the order, where the layout is shared
}

var seed = maphash.MakeSeed()

// hashOf is seeded: no exposition can be made to collide.
func hashOf(text []byte) uint32 { return uint32(maphash.Bytes(seed, text)) }

// find returns the place of a word, whose hash is that of its text, and false
// where it is not known. It allocates nothing.
func (l *layout) find(text []byte, in class, hash uint32) (uint32, bool) {
	if len(l.slots) == 0 {
		return 0, false
	}
	mask := uint32(len(l.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		slot := l.slots[i]
		if slot == 0 {
			return 0, false
		}
		if w := &l.words[slot-1]; w.hash == hash && w.in == in && w.text == string(text) {
			return slot - 1, true
		}
	}
}

// add adds a word that is not known yet, and returns its place.
func (l *layout) add(w word) uint32 {
	if 4*len(l.words) >= 3*len(l.slots) {
		l.reserve(len(l.words) + 1)
	}
	place := uint32(len(l.words))
	l.words = append(l.words, w)
	insert(l.slots, w.hash, place)
	return place
}

// reserve makes room for n words in all.
func (l *layout) reserve(n int) {
	l.words = slices.Grow(l.words, max(0, n-len(l.words)))
	l.slots = make([]uint32, tableSize(n))
	for place, w := range l.words {
		insert(l.slots, w.hash, uint32(place))
	}
}

// number returns the number of the series with these labels, a new one where it
// has none. buf is scratch.
func (l *layout) number(lset labels.Labels, buf []byte) (uint32, []byte) {
	if 4*len(l.series) >= 3*len(l.numbers) {
		l.numbers = make([]uint32, max(tableSize(2*len(l.series)+1), len(l.slots))) // at once, if most are wanted
		for n, known := range l.series {
			buf = known.Bytes(buf[:0])
			insert(l.numbers, hashOf(buf), uint32(n))
		}
	}
	buf = lset.Bytes(buf[:0])
	hash := hashOf(buf)
	mask := uint32(len(l.numbers) - 1)
	for i := hash & mask; l.numbers[i] != 0; i = (i + 1) & mask {
		if n := l.numbers[i] - 1; labels.Equal(l.series[n], lset) {
			return n, buf
		}
	}
	n := uint32(len(l.series))
	l.series = append(l.series, lset)
	insert(l.numbers, hash, n)
	return n, buf
}

// tableSize returns the size of a hash table that is half full with n entries,
// or less.
func tableSize(n int) int {
	size := 16
	for size < 2*n {
		size *= 2
	}
	return size
}

// insert puts an entry, by its place, into a hash table that has room for it.
func insert(slots []uint32, hash, place uint32) {
	mask := uint32(len(slots) - 1)
	i := hash & mask
	for slots[i] != 0 {
		i = (i + 1) & mask
	}
	slots[i] = place + 1
}

// clone returns a copy that can be changed. What words and series refer to
// stays shared.
func (l *layout) clone() *layout {
	c := *l
	c.words, c.slots = slices.Clone(l.words), slices.Clone(l.slots)
	c.series, c.numbers = slices.Clone(l.series), slices.Clone(l.numbers)
	return &c
}

// valid returns the labels as they are kept. It refuses a label that comes
// twice, an invalid name and a value that is not UTF-8, as Prometheus does. What
// is cut out of a text that is UTF-8 need not be looked at again.
func valid(lset labels.Labels, text []byte) (labels.Labels, error) {
	last, twice, empty := "", false, false
	check := !utf8.Valid(text)
	lset.Range(func(l labels.Label) { // by name
		twice = twice || l.Name == last
		empty = empty || l.Value == ""
		check = check || l.Name == "" || l.Name == labels.MetricName && l.Value == ""
		last = l.Name
	})
	if twice {
		if name, twice := lset.HasDuplicateLabelNames(); twice {
			return lset, fmt.Errorf("the label %q is given twice", name)
		}
	}
	if check && !lset.IsValid(model.UTF8Validation) {
		return lset, errors.New("a name is empty, or not UTF-8")
	}
	if empty {
		lset = lset.WithoutEmpty()
	}
	return lset, nil
}
