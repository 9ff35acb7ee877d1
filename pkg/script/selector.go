package script

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// A selector is a value of a program: an instant vector that is yet to be read
// or, where Range is not 0, a range. It is immutable, so that its address names
// it to Data.
type selector struct {
	metric.Selector
	history bool     // reads Env.History
	own     bool     // is made from `self`
	relabel *relabel // what its series get when they are read; nil for nothing

	// parts are what it is put together of, none of which is history; nil for one
	// name. Its own Selector is that of the first.
	parts []*selector
	// exclusive: no series matches two parts, and all count. Else each target
	// counts with one of them.
	exclusive bool
	// among narrows what its parts give, once it is known which of them count.
	among []*labels.Matcher
	names []namePart // that it is put together of; made when first asked for

	shapes *shapes // in which a percentile finds its name; made when first asked for
	text   string  // its key; made when first asked for
	memo   *Memo   // of the last run, which mostly is that of the next
	node   *node   // that it had there; another memo's must not be looked at
}

// key is equal for selectors that read the same and give it the same labels, and
// only for those: a name may look like matchers.
func (s *selector) key() string {
	if s.parts != nil {
		return s.partsKey()
	}
	if s.relabel != nil {
		return s.wantKey() + s.relabel.key
	}
	return s.wantKey()
}

// wantKey is equal for selectors that read the same.
func (s *selector) wantKey() string {
	source := ""
	if s.history {
		source = "history "
	}
	return source + strconv.Itoa(len(s.Name)) + " " + s.String() + "[" + strconv.FormatInt(s.Range, 10) + ":" + strconv.FormatInt(s.Offset, 10) + "]"
}

// source prints the selector as it is written in programs.
func (s *selector) source() string {
	var b strings.Builder
	switch {
	case s.parts != nil && !s.exclusive:
		return s.partsSource()
	case s.own:
		b.WriteString("self")
	case s.history:
		fmt.Fprintf(&b, "metric%q", s.Name)
	case model.LegacyValidation.IsValidMetricName(s.Name) && strings.Count(s.Name, ":") == 0:
		b.WriteString(s.Name)
	default:
		fmt.Fprintf(&b, "series%q", s.Name)
	}
	if s.Range > 0 {
		fmt.Fprintf(&b, "[%q]", formatDuration(s.Range))
	}
	return b.String()
}

func formatDuration(ms int64) string {
	return model.Duration(time.Duration(ms) * time.Millisecond).String()
}

// parseDuration reads a PromQL duration: 30s, 5m, 1h30m.
func parseDuration(text string) (int64, error) {
	d, err := model.ParseDuration(text)
	if err != nil || d == 0 {
		return 0, cured(`write "30s", "5m" or "1h30m"`, "%q is no duration", text)
	}
	return time.Duration(d).Milliseconds(), nil
}

// window returns the range of the selector that is as long as text says.
func (s *selector) window(text string) (*selector, error) {
	if s.Range > 0 {
		return nil, cured("give one range", "%s has a range already", s.source())
	}
	d, err := parseDuration(text)
	if err != nil {
		return nil, err
	}
	return s.derived(func(p *selector) { p.Range = d }), nil
}

// back returns the selector shifted back by the duration in text.
func (s *selector) back(text string) (*selector, error) {
	d, err := parseDuration(text)
	if err != nil {
		return nil, err
	}
	return s.derived(func(p *selector) { p.Offset += d }), nil
}

// match returns the selector narrowed by matchers.
func (s *selector) match(matchers []*labels.Matcher) *selector {
	if s.parts != nil {
		out := s.derived(func(*selector) {})
		out.among = joined(s.among, matchers)
		return out
	}
	return s.derived(func(out *selector) { out.Matchers = joined(s.Matchers, matchers) })
}

// joined returns all of some matchers in their order.
func joined(a, b []*labels.Matcher) []*labels.Matcher {
	out := slices.Concat(a, b)
	slices.SortStableFunc(out, func(a, b *labels.Matcher) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.String(), b.String())
	})
	return out
}

// derived returns a copy of the selector and of its parts, each changed.
func (s *selector) derived(change func(*selector)) *selector {
	out := &selector{Selector: s.Selector, history: s.history, own: s.own, relabel: s.relabel, exclusive: s.exclusive, among: s.among}
	change(out)
	for _, p := range s.parts {
		out.parts = append(out.parts, p.derived(change))
	}
	return out
}

// A pattern is re"...", nre"..." or neq"...": a matcher without its label.
type pattern struct {
	op   labels.MatchType
	text string
}

// newMatcher makes a matcher for a label.
func newMatcher(label string, p pattern) (*labels.Matcher, error) {
	if !model.UTF8Validation.IsValidLabelName(label) {
		return nil, fmt.Errorf("%q is no label name", label)
	}
	if label == labels.MetricName {
		return nil, fmt.Errorf("the metric's name is not matched: write series\"name\"{}")
	}
	m, err := labels.NewMatcher(p.op, label, p.text)
	if err != nil {
		return nil, fmt.Errorf("the regular expression %q is malformed: %w", p.text, err)
	}
	return m, nil
}
