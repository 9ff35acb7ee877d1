package script

import (
	"slices"
	"strconv"
	"strings"

	"github.com/gaugeway/gaugeway/pkg/script/syntax"
)

func fallbackFunction() *builtin {
	return &builtin{
		name: "fallback", family: familySelector, static: true,
		doc: "The series of the first selector and, of targets that have none of these, those of the second, and so on, as a selector or " +
			"a range: so names of several versions are read while a gateway is being updated, in rates, percentiles and levels, " +
			"histograms with other bounds being brought to common ones, " +
			"and a target that shows both names at once counts once. Of names that a target has shown one after the other those count that it showed last. " +
			"The arguments are written in place, all with a range, or none. Matchers behind them, fallback(a, b){code=re\"5..\"}, are of what was chosen.",
		example: `rps(fallback(http_requests_total["1m"], requests_total["1m"]))`,
		params:  []param{required("s", isSelector|isRange), required("s", isSelector|isRange), repeatable("s", isSelector|isRange)},
		usage:   "s: selector or range, s, ...", result: isSelector | isRange,
	}
}

// maxParts bounds what a selector is put together of.
const maxParts = 32

// staticFallback is fallback(a, b), or the parts of a selector that a use of a
// module is.
func (c *checker) staticFallback(e *syntax.Call, b *builtin) any {
	if err := b.checkArity(len(e.Args)); err != nil {
		return c.mistake(e.Pos, err)
	}
	out := &selector{exclusive: c.exclusive[e]}
	for i, arg := range e.Args {
		at := syntax.Start(arg)
		s, ok := c.static(arg).(*selector)
		switch {
		case ok && s.history:
			return c.mistake(at, cured("name series that are scraped", "%s falls back to nothing", s.source()))
		case !ok && c.static(arg) == (invalid{}):
			return invalid{}
		case !ok:
			return c.mistake(at, cured("write "+b.example+", or the same without ranges", "argument %d of fallback is no selector or range that is constant", i+1))
		case i > 0 && (s.Range != out.Range || s.Offset != out.Offset):
			return c.mistake(at, cured("give all of them the same", "argument %d of fallback has another range or offset than the first", i+1))
		}
		out.parts = append(out.parts, s)
		out.Selector = out.parts[0].Selector
	}
	if out.countParts() > maxParts {
		return c.mistake(e.Pos, cured("name fewer", "fallback has more than %d selectors", maxParts))
	}
	return c.intern(out)
}

func (s *selector) countParts() int {
	if s.parts == nil {
		return 1
	}
	n := 0
	for _, p := range s.parts {
		n += p.countParts()
	}
	return n
}

// partsKey is key for a selector with parts.
func (s *selector) partsKey() string {
	var b strings.Builder
	b.WriteString("fallback ")
	if s.exclusive {
		b.WriteString("exclusive ")
	}
	for _, p := range s.parts {
		key := p.key()
		b.WriteString(strconv.Itoa(len(key)))
		b.WriteByte(' ')
		b.WriteString(key)
	}
	for _, m := range s.among {
		text := m.String()
		b.WriteString("{" + strconv.Itoa(len(text)) + " " + text)
	}
	return b.String()
}

// partsSource is source for a selector with parts.
func (s *selector) partsSource() string {
	var sources []string
	for _, p := range s.parts {
		sources = append(sources, p.source())
	}
	return "fallback(" + strings.Join(sources, ", ") + ")"
}

// mapsPods reports whether the labels of its series depend on who asks.
func (s *selector) mapsPods() bool {
	return s.relabel != nil && s.relabel.pods || slices.ContainsFunc(s.parts, (*selector).mapsPods)
}
