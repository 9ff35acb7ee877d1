package script

import (
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/script/syntax"
	"github.com/gaugeway/gaugeway/pkg/vocabulary"
)

// maxModuleLocals bounds the variables that stand for one another in a function.
const maxModuleLocals = 30

const functionCure = "write function(where, window, by) return ... end"

// body reads a function of a module.
func (r *moduleReader) body(f *moduleFunction, value *syntax.Function) {
	mistakes := len(r.errs)
	var params []string
	for _, p := range value.Params {
		params = append(params, p.Name)
	}
	if !slices.Equal(params, []string{"where", "window", "by"}) {
		r.errorf(value.Pos, functionCure, "the function of %s takes (%s), not (where, window, by)", f.name, strings.Join(params, ", "))
		return
	}
	f.where, f.window, f.by = value.Params[0], value.Params[1], value.Params[2]
	if len(value.Body) > maxModuleLocals {
		r.errorf(value.Pos, "make it smaller", "the function of %s has more than %d statements", f.name, maxModuleLocals)
		return
	}
	f.locals = map[*syntax.Local]syntax.Expr{}
	for _, s := range value.Body {
		switch s := s.(type) {
		case *syntax.LocalStmt:
			if len(s.Names) != len(s.Exprs) {
				r.errorf(s.Pos, "give each variable its value", "%d variables have %d values", len(s.Names), len(s.Exprs))
				continue
			}
			for i, l := range s.Names {
				f.locals[l] = s.Exprs[i]
				if l.Uses == 0 {
					r.errorf(l.Pos, "remove it", "the local variable %s is not used", l.Name)
				}
			}
		case *syntax.Return:
			if len(s.Exprs) != 1 {
				r.errorf(s.Pos, functionCure, "the function of %s returns %d values, not one", f.name, len(s.Exprs))
				continue
			}
			f.result = s.Exprs[0]
		default:
			r.errorf(s.At(), "write an expression, with coalesce, ratio, and, or, clamp and their like", "the function of %s has statements other than local and return", f.name)
		}
	}
	if f.result == nil && len(r.errs) == mistakes {
		r.errorf(value.Pos, functionCure, "the function of %s returns nothing", f.name)
		return
	}
	r.checkBody(f, value)
}

// checkBody checks what a function does with its parameters.
func (r *moduleReader) checkBody(f *moduleFunction, value *syntax.Function) {
	placed := map[syntax.Expr]bool{} // where it may stand
	syntax.Walk(value.Body, func(e syntax.Expr) {
		switch e := e.(type) {
		case *syntax.Function:
			r.errorf(e.Pos, "use operators and functions of vectors", "a function is defined within a function")
		case *syntax.Call:
			if _, ok := f.other(e); ok {
				if len(e.Args) > 0 {
					placed[e.Args[0]] = true
				}
				return
			}
			if t, ok := matcherTable(e); ok {
				for _, field := range t.Fields {
					if f.isParameter(field.Value, f.where) && field.Key == nil {
						placed[field.Value] = true
					}
				}
			}
		case *syntax.Name:
			if e.Local == f.where && !placed[e] {
				r.errorf(e.Pos, "write it in the braces of a selector: requests_total{where}, or pass it on: metric.name(where, window, by)", "where cannot stand here")
			}
			if e.Local == nil && e.Text == vocabulary.Percentile && !strings.Contains(f.name, vocabulary.Percentile) {
				r.errorf(e.Pos, "write p95, or pXX in the metric's name, too", "the name of %s has no pXX", f.name)
			}
		}
	}, func(*syntax.Local) {})
	for _, p := range []*syntax.Local{f.where, f.by} {
		if p.Uses == 0 {
			r.errorf(value.Pos, map[string]string{
				"where": "select by it: requests_total{where}", "by": "pass it to what aggregates: sum(v, by)",
			}[p.Name], "the function of %s does not use %s", f.name, p.Name)
		}
	}
}

func (f *moduleFunction) isParameter(e syntax.Expr, p *syntax.Local) bool {
	n, ok := e.(*syntax.Name)
	return ok && n.Local == p
}

// matcherTable returns the table of a call name{...}.
func matcherTable(e *syntax.Call) (*syntax.Table, bool) {
	if e.Style != '{' {
		return nil, false
	}
	t, ok := e.Args[0].(*syntax.Table)
	return t, ok
}

// other returns the name of another function of the module that an expression
// calls.
func (f *moduleFunction) other(e *syntax.Call) (string, bool) {
	x, ok := e.Func.(*syntax.Index)
	if !ok || !x.Dot {
		return "", false
	}
	n, ok := x.Object.(*syntax.Name)
	if !ok || n.Local != nil || n.Text != "metric" {
		return "", false
	}
	key, ok := x.Key.(*syntax.String)
	if !ok {
		return "", false
	}
	if f.shape != "" {
		return strings.ReplaceAll(key.Value, vocabulary.Percentile, f.shape), true
	}
	return key.Value, true
}

// checkFunctions checks each function as if it were used: alone, and selected
// and grouped by all its labels.
func (r *moduleReader) checkFunctions() {
	for _, name := range slices.Sorted(maps.Keys(r.module.functions)) {
		f := r.module.functions[name]
		mistakes := len(r.errs)
		at := syntax.Start(f.result)
		u := &use{window: f.module.window, at: at}
		single := r.trial(f, u)
		if single == nil {
			continue
		}
		f.info.Series = seriesOf(single)
		u.by = &usedGrouping{at: at, labels: slices.Clone(f.info.Labels)}
		for _, label := range f.info.Labels {
			m := labels.MustNewMatcher(labels.MatchEqual, label, "x")
			u.matchers = append(u.matchers, usedMatcher{Matcher: m, at: at})
		}
		if _, ok := f.labels[upstreamLabel]; ok {
			u.by.labels = append(u.by.labels, vocabulary.UpstreamPod)
		}
		grouped := r.trial(f, u)
		if grouped == nil || len(r.errs) > mistakes {
			continue
		}
		a, b := single.result(), grouped.result()
		f.info.Percentile = a.quantile || b.quantile
		if a.kinds != 0 && !a.kinds.only(isNumber|isNil) {
			r.errorf(at, "aggregate it: sum(v, by)", "%s gives %s where no grouping is asked for, and a number is due", f.field, a.kinds.article())
		}
		if b.kinds != 0 && !b.kinds.only(vectorish|isNil) {
			r.errorf(at, "pass by to what aggregates: sum(v, by)", "%s gives %s where a grouping is asked for, and a vector is due", f.field, b.kinds.article())
		}
	}
}

// trial checks a use of a function as a program, with the positions of the
// module; nil tells that there are mistakes.
func (r *moduleReader) trial(f *moduleFunction, u *use) *checker {
	o := Options{Name: "module", Limits: DefaultLimits()}
	c := newChecker(&library, o)
	x := newExpander(c, o)
	x.keep = true
	body := []syntax.Stmt{&syntax.Return{Pos: u.at, Exprs: []syntax.Expr{x.expand(f, u)}}}
	switch {
	case x.nodes > maxExpanded || x.jumps > maxExpandedJumps:
		x.errs = nil
		x.errorf(u.at, "make it smaller", "the function of %s is too large", f.field)
	case len(x.errs) == 0:
		c.program(&syntax.Program{Body: body})
	}
	mistakes := len(r.errs)
	r.errs = append(r.errs, x.errs...)
	for _, e := range c.errs {
		e.Message = f.field + ": " + e.Message
		r.errs = append(r.errs, e)
	}
	for _, w := range c.reads.wants {
		if w.sel.history {
			r.errorf(w.pos, "read series of the gateway only", "%s reads what a metric returned before", f.field)
		}
	}
	if len(r.errs) > mistakes || x.incomplete {
		return nil
	}
	if len(c.reads.wants) == 0 {
		r.errorf(u.at, "name a series of the gateway", "%s reads no series", f.field)
		return nil
	}
	return c
}

func seriesOf(c *checker) []string {
	names := map[string]bool{}
	for _, w := range c.reads.wants {
		names[w.sel.Name] = true
	}
	return slices.Sorted(maps.Keys(names))
}
