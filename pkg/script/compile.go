package script

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/Shopify/go-lua"

	"github.com/gaugeway/gaugeway/pkg/script/syntax"
)

// Compile reads and checks a program: an expression, or statements that end in
// return. The error is an Errors with all mistakes that were found.
func Compile(source string, o Options) (*Program, error) {
	o.Limits = o.Limits.withDefaults()
	if o.Clock == nil {
		o.Clock = time.Now //nolint:forbidigo // a watchdog: no result depends on it
	}
	if len(source) > o.Limits.SourceBytes {
		return nil, Errors{{
			Message: fmt.Sprintf("the program has %d bytes, more than %d", len(source), o.Limits.SourceBytes),
			Cure:    "split it into several metrics or raise --lua-max-source-bytes",
		}}
	}
	tree, err := syntax.Parse(source, o.Limits.StringBytes)
	if err != nil {
		return nil, Errors{positioned(err)}
	}
	c := newChecker(&library, o)
	x := newExpander(c, o)
	x.program(tree)
	if x.tooLarge() {
		return nil, x.errs.sorted()
	}
	c.program(tree)
	if c.errs = append(x.attributed(c.errs), x.errs...); len(c.errs) > 0 {
		return nil, c.errs.sorted()
	}
	p, err := c.build(tree, o)
	if err != nil {
		return nil, err
	}
	p.uses, p.whole = x.uses, x.whole
	p.blind = slices.DeleteFunc(c.blind, func(b Percentile) bool {
		return slices.ContainsFunc(x.uses, func(u Use) bool { return u.Line == b.Line && u.Column == b.Column })
	})
	return p, nil
}

// build compiles what was checked, and looks at what came of it.
func (c *checker) build(tree *syntax.Program, o Options) (*Program, error) {
	p := c.compiled(tree, o)
	main, err := p.inspect(newSlowReader(p.source, p.clock))
	if err != nil {
		return nil, Errors{positioned(err)}
	}
	p.straight = main.straight() && !slices.ContainsFunc(p.builtins, (*builtin).callsBack)
	p.places = main.registers + 2*lua.MinStack
	if slices.ContainsFunc(p.builtins, func(b *builtin) bool { return b.open }) {
		p.places += maxResults
	}
	return p, nil
}

// compiled makes a program of what the checker found.
func (c *checker) compiled(tree *syntax.Program, o Options) *Program {
	result := c.result()
	c.warnOfReach()
	p := &Program{
		name:      o.Name,
		limits:    o.Limits,
		clock:     o.Clock,
		constants: c.constants,
		schedules: c.schedules,
		first:     tree.Body[0].At().Line,
		closures:  c.closures,
		wants:     c.reads.sorted(),
		full:      c.reads.full,
		warnings:  c.warnings.sorted(),
		quantiles: result.quantile && result.kinds.has(isVector),
		mapsPods:  c.mapsPods,
	}
	switch k := result.kinds &^ isNil; {
	case k == 0:
		p.result = None
	case k == isNumber:
		p.result = Number
	case k.only(vectorish):
		p.result = Vector
	default:
		p.result = Unknown
	}
	for b := range c.used {
		switch {
		case b.name == "now":
			p.usesNow = true
		case b.name == podOf:
			p.mapsPods = true
			p.builtins = append(p.builtins, b)
		case b.run != nil:
			p.builtins = append(p.builtins, b)
		}
	}
	if c.stores {
		p.builtins = append(p.builtins, storer)
	}
	slices.SortFunc(p.builtins, func(a, b *builtin) int { return strings.Compare(a.name, b.name) })
	printer := syntax.Printer{
		Replace: func(e syntax.Expr) string { return c.replaced[e] },
		Method: func(m *syntax.Method) string {
			if b, ok := c.library.byName["string."+m.Name]; ok {
				return b.global()
			}
			return "nil"
		},
		Store: storer.global(),
	}
	p.source = printer.Print(tree.Body)
	return p
}

// longReach is how far back a program may read before it is warned of, in
// milliseconds.
const longReach = 3600 * 1000

// warnOfReach warns of each place, once, that reads from very long ago.
func (c *checker) warnOfReach() {
	warned := map[syntax.Pos]bool{}
	for _, w := range c.reads.wants {
		reach := w.sel.Range + w.sel.Offset
		if reach <= longReach || warned[w.pos] {
			continue
		}
		warned[w.pos] = true
		what := "all samples of that time are kept in memory, and a restart begins anew"
		if w.sel.history {
			what = "a restart forgets what was returned"
		}
		c.warnf(w.pos, "shorten the range or the offset to 1h or less", "it reads %s back: %s", formatDuration(reach), what)
	}
}

// positioned makes any error an *Error.
func positioned(err error) *Error {
	var own *Error
	var parse *syntax.Error
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &parse):
		e := Error(*parse)
		return &e
	}
	return &Error{Message: err.Error()}
}
