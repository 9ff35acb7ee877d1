package preset

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/config"
	"github.com/gaugeway/gaugeway/pkg/exposition"
	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/vocabulary"
)

// maxNearby is how many values of a label are remembered, and maxNearbyBytes how
// much of each.
const (
	maxNearby      = 100
	maxNearbyBytes = 100
)

// shownNearby is how many of them a note names.
const shownNearby = 3

// noSuchLabel stands in place of the values of a label that no series has.
const noSuchLabel = ": no series has that label"

// Nearby is what endpoints show beside the series that programs ask for: of the
// names that these read, the values of the labels by which they select. It holds
// no series, and of each label 100 values at most. It may be used concurrently.
type Nearby struct {
	wants map[string]*neighbours // by name

	mu      sync.Mutex // of all that neighbours have seen
	version uint64
}

// Version differs from that of before where something has been seen since that is
// new: else what it explains is the same.
func (n *Nearby) Version() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.version
}

// neighbours is what is known of one name.
type neighbours struct {
	seen bool
	// equal says of each value that a label is asked to have whether some series has
	// it, others which other matchers, by their text, no series has matched yet.
	equal  map[string]map[string]bool
	others map[string]*labels.Matcher
	values map[string]map[string]struct{} // of the labels that are asked for, by name
	more   map[string]bool                // labels with values that are not remembered
}

// NewNearby returns what to show the series to of endpoints that are read for
// these selectors.
func NewNearby(wants []metric.Selector) *Nearby {
	n := &Nearby{wants: map[string]*neighbours{}}
	for _, sel := range wants {
		of := n.wants[sel.Name]
		if of == nil {
			of = &neighbours{
				equal: map[string]map[string]bool{}, others: map[string]*labels.Matcher{},
				values: map[string]map[string]struct{}{}, more: map[string]bool{},
			}
			n.wants[sel.Name] = of
		}
		for _, m := range sel.Matchers {
			if !vocabulary.IsTargetLabel(m.Name) {
				of.ask(m)
			}
		}
	}
	return n
}

func (of *neighbours) ask(m *labels.Matcher) {
	if of.values[m.Name] == nil {
		of.values[m.Name], of.equal[m.Name] = map[string]struct{}{}, map[string]bool{}
	}
	if m.Type == labels.MatchEqual {
		of.equal[m.Name][m.Value] = false
	} else {
		of.others[m.String()] = m
	}
}

// matches reports whether some series has what a matcher asks for.
func (of *neighbours) matches(m *labels.Matcher) bool {
	if m.Type == labels.MatchEqual {
		return of.equal[m.Name][m.Value]
	}
	_, unmatched := of.others[m.String()]
	return !unmatched
}

// Watch has a parser of an endpoint show its series. The parser asks once for each
// that it has not seen before, so that a scrape costs no more.
func (n *Nearby) Watch(o *exposition.Options) {
	want := o.Want
	o.Want = func(lset labels.Labels) bool {
		n.See(lset)
		return want == nil || want(lset)
	}
}

// See takes the labels of a series as scraped, its name among them.
func (n *Nearby) See(lset labels.Labels) {
	of := n.wants[lset.Get(labels.MetricName)]
	if of == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if of.see(lset) {
		n.version++
	}
}

// see reports whether the labels of a series show something new.
func (of *neighbours) see(lset labels.Labels) (news bool) {
	news, of.seen = !of.seen, true
	for label, equal := range of.equal {
		value := scrapedValue(lset, label)
		if matched, asked := equal[value]; asked && !matched {
			equal[strings.Clone(value)] = true
			news = true
		}
		if of.remember(label, value) {
			news = true
		}
	}
	for text, m := range of.others {
		if m.Matches(scrapedValue(lset, m.Name)) {
			delete(of.others, text)
			news = true
		}
	}
	return news
}

// scrapedValue returns the value of a label that the target may have renamed.
func scrapedValue(lset labels.Labels, label string) string {
	if value := lset.Get(label); value != "" {
		return value
	}
	return lset.Get(strings.TrimPrefix(label, "exported_"))
}

// remember reports whether a value of a label is new.
func (of *neighbours) remember(label, value string) (news bool) {
	values := of.values[label]
	if len(value) > maxNearbyBytes {
		value = strings.ToValidUTF8(value[:maxNearbyBytes], "") + "..."
	}
	if _, ok := values[value]; ok || value == "" {
		return false
	}
	if len(values) == maxNearby {
		news = !of.more[label]
		of.more[label] = true
		return news
	}
	values[strings.Clone(value)] = struct{}{} // which may be a part of a body
	return true
}

// A lack is a value that programs ask for and no series has.
type lack struct {
	label, value string // as they are written
	values       map[string]struct{}
	more         bool
}

// lacking explains why selectors of one purpose match nothing though their names
// are there: it returns such a name, and what there is not; empty where no name is
// there, or where nothing that was asked for explains it. called returns what a
// label is called by who asks for it; empty where that is nobody.
func lacking(near []*Nearby, sels []*metric.Selector, called func(label string) string) (name, why string) {
	var lacks []*lack
	found := map[string]bool{} // what some series has
	together := ""
	for _, sel := range sels {
		for _, n := range near {
			asked, missed, ok := n.lacks(sel, called, found)
			if !ok {
				continue
			}
			if name == "" {
				name, together = sel.Name, strings.Join(asked, " and ")
			}
			lacks = unite(lacks, missed)
		}
	}
	lacks = slices.DeleteFunc(lacks, func(l *lack) bool { return found[l.label+l.value] })
	var texts []string
	for _, l := range lacks {
		texts = append(texts, l.String())
	}
	switch {
	case name == "" || len(texts) == 0 && together == "":
		return "", ""
	case len(texts) == 0:
		return name, "no series with " + together
	}
	return name, strings.Join(texts, "; and ")
}

// lacks returns what a selector asks for, and what of it no series has; what some
// has it adds to found. It returns false where the name is not there, or where all
// series of it are of another kind than is meant, whoever asks.
func (n *Nearby) lacks(sel *metric.Selector, called func(string) string, found map[string]bool) (asked []string, missed []*lack, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	of := n.wants[sel.Name]
	if of == nil || !of.seen {
		return nil, nil, false
	}
	for _, m := range sel.Matchers {
		label := called(m.Name)
		matched := vocabulary.IsTargetLabel(m.Name) || of.matches(m)
		switch {
		case label == "" && !matched:
			return nil, nil, false
		case label == "" || m.Value == "":
			continue
		}
		value, values := askedFor(m), maps.Clone(of.values[m.Name])
		if label != m.Name {
			value, values = extracted(m, value, values)
		}
		asked = append(asked, label+" "+value)
		if matched {
			found[label+value] = true
		} else {
			missed = append(missed, &lack{label: label, value: value, values: values, more: of.more[m.Name]})
		}
	}
	return asked, missed, true
}

// askedFor prints what a matcher asks for.
func askedFor(m *labels.Matcher) string {
	if m.Type == labels.MatchEqual {
		return strconv.Quote(m.Value)
	}
	return m.Type.String() + strconv.Quote(m.Value)
}

// extracted returns what is asked for of a label of the vocabulary that is a part of
// the gateway's, and those parts of the values. Others it returns as they are.
func extracted(m *labels.Matcher, value string, values map[string]struct{}) (string, map[string]struct{}) {
	groups := groupsOf(m.Value)
	if len(groups) != 3 || m.Type != labels.MatchRegexp {
		return value, values
	}
	const part = "asked_for"
	whole, err := regexp.Compile("^" + groups[0] + "(?P<" + part + ">.+)" + groups[2] + "$")
	if err != nil {
		return value, values
	}
	parts := map[string]struct{}{}
	for v := range values {
		if found := whole.FindStringSubmatch(v); found != nil {
			parts[found[whole.SubexpIndex(part)]] = struct{}{}
		}
	}
	pattern := strings.TrimSuffix(strings.TrimPrefix(groups[1], "(?:"), ")")
	if text := strings.ReplaceAll(pattern, `\`, ""); regexp.QuoteMeta(text) == pattern {
		return strconv.Quote(text), parts
	}
	return labels.MatchRegexp.String() + strconv.Quote(pattern), parts
}

// groupsOf splits a regular expression that is nothing but groups: (?:a)(?:b)(?:c).
// It returns none where there is anything else.
func groupsOf(pattern string) []string {
	var groups []string
	depth, start := 0, 0
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '\\':
			i++
		case '(':
			if depth == 0 {
				start = i
			}
			depth++
		case ')':
			if depth--; depth == 0 {
				groups = append(groups, pattern[start:i+1])
			}
		default:
			if depth == 0 {
				return nil
			}
		}
	}
	return groups
}

// unite adds lacks to others, those of the same value to each other.
func unite(lacks, others []*lack) []*lack {
	for _, l := range others {
		i := slices.IndexFunc(lacks, func(o *lack) bool { return o.label == l.label && o.value == l.value })
		if i < 0 {
			lacks = append(lacks, l)
			continue
		}
		if lacks[i].values == nil {
			lacks[i].values = map[string]struct{}{}
		}
		maps.Copy(lacks[i].values, l.values)
		lacks[i].more = lacks[i].more || l.more
	}
	return lacks
}

// String says what there is not, and some of what there is, the nearest first.
func (l *lack) String() string {
	text := "no " + l.label + " " + l.value
	values := slices.Sorted(maps.Keys(l.values))
	if len(values) == 0 {
		return text + noSuchLabel
	}
	if near := config.Nearest(strings.Trim(l.value, `=~!"`), values); near != "" {
		i := slices.Index(values, near)
		values = slices.Insert(slices.Delete(values, i, i+1), 0, near)
	}
	shown := make([]string, 0, shownNearby)
	for _, v := range values[:min(shownNearby, len(values))] {
		if strings.ContainsAny(v, " ,;") || strconv.Quote(v) != `"`+v+`"` {
			v = strconv.Quote(v)
		}
		shown = append(shown, v)
	}
	text += "; there are: " + strings.Join(shown, ", ")
	switch rest := len(values) - len(shown); {
	case l.more:
		text += fmt.Sprintf(" and more than %d more", rest)
	case rest > 0:
		text += fmt.Sprintf(" and %d more", rest)
	}
	return text
}
