package script

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/promath"
	"github.com/gaugeway/gaugeway/pkg/script/syntax"
)

// invalid stands for a constant that is written wrongly; the mistake is reported.
type invalid struct{}

// static returns what an expression is in every run: a *selector, pattern,
// promath.Grouping, matching, schedule or float64, or invalid; nil where that
// depends on the run. Numbers and strings are not static: they are written as
// they are.
func (c *checker) static(e syntax.Expr) any {
	v, ok := c.statics[e]
	if !ok {
		v = c.computeStatic(e)
		c.statics[e] = v
	}
	return v
}

func (c *checker) computeStatic(e syntax.Expr) any {
	switch e := e.(type) {
	case *syntax.Paren:
		return c.static(e.Inner)
	case *syntax.Name:
		return c.staticName(e)
	case *syntax.Index:
		return c.staticIndex(e)
	case *syntax.Call:
		return c.staticCall(e)
	}
	return nil
}

// mistake reports a mistake that does not depend on what is inferred.
func (c *checker) mistake(at syntax.Pos, err error) any {
	e := &Error{Line: at.Line, Column: at.Column, Message: err.Error()}
	var own *Error
	if errors.As(err, &own) {
		e.Message, e.Cure = own.Message, own.Cure
	}
	c.errs = append(c.errs, e)
	return invalid{}
}

func (c *checker) staticName(e *syntax.Name) any {
	if e.Local != nil {
		if e.Local.Assigned || e.Local.Init == nil {
			return nil
		}
		switch v := c.static(e.Local.Init).(type) {
		case float64, invalid:
			return nil
		default:
			return v
		}
	}
	if e.Text == "self" {
		return c.intern(&selector{Selector: metric.Selector{Name: c.name}, history: true, own: true})
	}
	_, taken := unavailable[e.Text]
	if _, isFunction := c.library.byName[e.Text]; isFunction || taken || isLibrary(e.Text) {
		return nil
	}
	if isReserved(e.Text) {
		return c.mistake(e.Pos, cured(`write series"`+e.Text+`"{}`, "the name %s is reserved", e.Text))
	}
	return c.intern(&selector{Selector: metric.Selector{Name: e.Text}, relabel: c.relabels[e]})
}

func (c *checker) staticIndex(e *syntax.Index) any {
	if b, ok := c.builtin(e); ok {
		switch b.name {
		case "math.pi":
			return math.Pi
		case "math.huge":
			return math.Inf(1)
		}
		return nil
	}
	s, ok := c.static(e.Object).(*selector)
	if !ok || e.Dot {
		return nil
	}
	if n, ok := syntax.Strip(e.Key).(*syntax.Number); ok {
		return c.mistake(n.Pos, cured(fmt.Sprintf(`write ["%ss"] for seconds`, formatNumber(n.Value)), "a range is a duration in quotes"))
	}
	text, ok := c.constantText(e.Key)
	if !ok {
		return nil
	}
	w, err := s.window(text)
	if err != nil {
		return c.mistake(syntax.Start(e.Key), err)
	}
	return c.intern(w)
}

func (c *checker) staticCall(e *syntax.Call) any {
	b, ok := c.builtin(e.Func)
	if !ok {
		s, ok := c.static(e.Func).(*selector)
		if !ok || e.Style != '{' {
			return nil
		}
		table, ok := e.Args[0].(*syntax.Table)
		if !ok {
			return nil
		}
		if s.Range > 0 {
			return c.mistake(e.Pos, cured(`write name{label="value"}["1m"]`, "the matchers come before the range"))
		}
		matchers, constant := c.staticMatchers(table)
		if !constant {
			return nil
		}
		return c.intern(s.match(matchers))
	}
	switch b.name {
	case "series", "metric":
		return c.staticNamed(e, b)
	case "offset":
		return c.staticOffset(e)
	case "within":
		return c.staticSchedule(e, b)
	case "fallback":
		return c.staticFallback(e, b)
	}
	if b.fold == nil || b.checkArity(len(e.Args)) != nil {
		return nil
	}
	texts := make([]string, len(e.Args))
	for i, arg := range e.Args {
		if texts[i], ok = c.constantText(arg); !ok {
			return nil
		}
	}
	v, err := b.fold(texts)
	if err != nil {
		return c.mistake(e.Pos, err)
	}
	return v
}

// staticNamed is series"name" or metric"name".
func (c *checker) staticNamed(e *syntax.Call, b *builtin) any {
	if len(e.Args) != 1 {
		return c.mistake(e.Pos, b.checkArity(len(e.Args)))
	}
	name, ok := c.constantText(e.Args[0])
	switch {
	case !ok:
		return c.mistake(e.Pos, cured("write "+b.name+`"name"`, "the name that %s takes is not constant", b.name))
	case name == "":
		return c.mistake(e.Pos, errors.New("the name is empty"))
	}
	return c.intern(&selector{
		Selector: metric.Selector{Name: name},
		history:  b.name == "metric",
		own:      b.name == "metric" && name == c.name,
		relabel:  c.relabels[e],
	})
}

func (c *checker) staticOffset(e *syntax.Call) any {
	if len(e.Args) != 2 {
		return nil
	}
	s, ok := c.static(e.Args[0]).(*selector)
	text, constant := c.constantText(e.Args[1])
	if !ok || !constant {
		return nil
	}
	back, err := s.back(text)
	if err != nil {
		return c.mistake(syntax.Start(e.Args[1]), err)
	}
	return c.intern(back)
}

func (c *checker) staticSchedule(e *syntax.Call, b *builtin) any {
	if err := b.checkArity(len(e.Args)); err != nil {
		return c.mistake(e.Pos, err)
	}
	text, ok := c.constantText(e.Args[0])
	zone, ok2 := c.constantText(e.Args[1])
	if !ok || !ok2 {
		return c.mistake(e.Pos, cured("write "+b.example, "the arguments of within are not constant"))
	}
	s, err := parseSchedule(text, zone)
	if err != nil {
		return c.mistake(e.Pos, err)
	}
	return s
}

// constantText returns the string that an expression is in every run.
func (c *checker) constantText(e syntax.Expr) (string, bool) {
	switch e := syntax.Strip(e).(type) {
	case *syntax.String:
		return e.Value, true
	case *syntax.Name:
		if e.Local != nil && !e.Local.Assigned && e.Local.Init != nil {
			return c.constantText(e.Local.Init)
		}
	}
	return "", false
}

// constantNumber returns the number that an expression is in every run.
func (c *checker) constantNumber(e syntax.Expr) (float64, bool) {
	switch e := syntax.Strip(e).(type) {
	case *syntax.Number:
		return e.Value, true
	case *syntax.Unary:
		if e.Op == "-" {
			f, ok := c.constantNumber(e.Operand)
			return -f, ok
		}
	case *syntax.Name:
		if e.Local != nil && !e.Local.Assigned && e.Local.Init != nil {
			return c.constantNumber(e.Local.Init)
		}
	}
	return 0, false
}

// staticMatchers reads the matchers of a selector and reports whether they are
// all constant; those that are not are left out.
func (c *checker) staticMatchers(t *syntax.Table) (matchers []*labels.Matcher, constant bool) {
	constant = true
	seen := map[string]bool{}
	for _, f := range t.Fields {
		if f.Key == nil {
			c.mistake(f.Pos, cured(matcherCure, "a matcher has no label"))
			continue
		}
		label, ok := c.constantText(f.Key)
		if !ok {
			c.mistake(f.Pos, cured(matcherCure, "the label of a matcher is not constant"))
			continue
		}
		if seen[label] {
			c.mistake(f.Pos, cured(`write {`+label+`={re"...", neq"..."}}`, "the label %s is given twice", label))
		}
		seen[label] = true
		values := []syntax.Expr{f.Value}
		if list, ok := syntax.Strip(f.Value).(*syntax.Table); ok {
			values = nil
			for _, item := range list.Fields {
				if item.Key != nil {
					c.mistake(item.Pos, cured(matcherCure, "a list of matchers has no keys"))
				}
				values = append(values, item.Value)
			}
		}
		for _, v := range values {
			p, ok := c.staticPattern(v)
			if !ok {
				constant = false
				continue
			}
			m, err := newMatcher(label, p)
			if err != nil {
				c.mistake(syntax.Start(v), err)
				continue
			}
			matchers = append(matchers, m)
		}
	}
	return matchers, constant
}

// staticPattern reads the value of a matcher.
func (c *checker) staticPattern(e syntax.Expr) (pattern, bool) {
	if text, ok := c.constantText(e); ok {
		return pattern{op: labels.MatchEqual, text: text}, true
	}
	switch v := syntax.Strip(e).(type) {
	case *syntax.Number:
		c.mistake(v.Pos, cured(fmt.Sprintf("write %q", formatNumber(v.Value)), "the values of labels are strings"))
		return pattern{}, true
	case *syntax.Bool, *syntax.Nil:
		c.mistake(syntax.Start(e), cured(matcherCure, "the values of labels are strings"))
		return pattern{}, true
	}
	p, ok := c.static(e).(pattern)
	return p, ok
}

// intern gives selectors that read the same one address.
func (c *checker) intern(s *selector) *selector {
	key := s.key()
	if known, ok := c.selectors[key]; ok {
		return known
	}
	for i, p := range s.parts {
		s.parts[i] = c.intern(p)
	}
	c.selectors[key] = s
	return s
}

// nameConstant returns the variable of the environment that holds a constant.
func (c *checker) nameConstant(v any) string {
	key := ""
	switch v := v.(type) {
	case invalid:
		return "nil"
	case *selector:
		key = "selector " + v.key()
	case schedule:
		key = "schedule " + v.text
	case pattern:
		key = fmt.Sprintf("pattern %d %s", v.op, v.text)
	case promath.Grouping:
		key = fmt.Sprintf("grouping %t %q", v.Without, v.Labels)
	case matching:
		key = fmt.Sprintf("matching %s %q", v.word, v.labels)
	case float64:
		key = "number " + formatNumber(v)
	}
	name, ok := c.named[key]
	if ok {
		return name
	}
	name = fmt.Sprintf("%s%d", constantGlobal, len(c.named)+1)
	c.named[key] = name
	if s, ok := v.(schedule); ok {
		c.schedules = append(c.schedules, namedSchedule{name: name, schedule: s})
	} else {
		c.constants = append(c.constants, constant{name: name, value: v})
	}
	return name
}

// readShapes records the three shapes in which a percentile finds a name.
func (c *checker) readShapes(s *selector, at syntax.Pos, b *builtin) {
	if s.parts == nil && strings.TrimSuffix(s.Name, "_bucket") == "" {
		c.errorf(at, "name a histogram", "%s names no histogram", s.Name)
		return
	}
	if s.history {
		c.fail(at, errHistoryPercentile)
		return
	}
	shapes := s.inShapes()
	c.reads.add(shapes.buckets, at)
	c.reads.add(shapes.native, at)
	c.reads.add(s.summaryAt(b.q), at)
}
