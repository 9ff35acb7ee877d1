package script

import (
	"slices"

	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/promath"
	"github.com/gaugeway/gaugeway/pkg/script/syntax"
	"github.com/gaugeway/gaugeway/pkg/vocabulary"
)

type grouping = promath.Grouping

// An expansion is the copying of a function's expression for one use.
type expansion struct {
	*expander
	f   *moduleFunction
	use *use
	// where are the matchers of the use in the gateway's labels, in all ways in which
	// its versions call them.
	where   [][]syntax.Field
	relabel *relabel // what the grouping asks for; nil for nothing
	copier  syntax.Copier
}

// expand returns the expression of a function for a use.
func (x *expander) expand(f *moduleFunction, u *use) syntax.Expr {
	if slices.Contains(x.stack, f.name) {
		x.errorf(u.at, "write what it needs in place", "metric.%s leads back to itself", f.name)
		return unresolved{u.at}
	}
	x.stack = append(x.stack, f.name)
	defer func() { x.stack = x.stack[:len(x.stack)-1] }()
	n := &expansion{expander: x, f: f, use: u}
	n.copier = syntax.Copier{Replace: n.replace}
	if !x.keep {
		n.copier.Position = func(syntax.Pos) syntax.Pos { return u.at }
	}
	if !n.mapLabels() {
		return unresolved{u.at}
	}
	return &syntax.Paren{Pos: u.at, Inner: n.copier.Copy(f.result)}
}

// mapLabels makes the matchers and the grouping of the use the gateway's, and
// reports whether it has all the labels.
func (n *expansion) mapLabels() bool {
	ok := true
	for _, m := range n.use.matchers {
		if !n.f.selects(m.Name) {
			n.errorf(m.at, n.f.labelCure(m.Name, "selected"), "%s cannot be selected by %s", n.f.qualified(), m.Name)
			ok = false
		}
	}
	if n.use.by != nil {
		for _, label := range n.use.by.labels {
			if !n.f.groups(label) {
				n.errorf(n.use.by.at, n.f.labelCure(label, "grouped"), "%s cannot be grouped by %s", n.f.qualified(), label)
				ok = false
			}
		}
	}
	if !ok {
		return false
	}
	n.where = n.labelings()
	n.relabel = newRelabel(n.f, n.use.by)
	if n.relabel != nil && n.relabel.pods {
		n.c.mapsPods = true
	}
	return true
}

func (f *moduleFunction) qualified() string { return f.module.name + "." + f.name }

// replace returns what stands in the place of an expression of the function;
// nil where it is copied.
func (n *expansion) replace(e syntax.Expr) syntax.Expr {
	if n.nodes++; n.nodes > maxExpanded {
		return unresolved{n.use.at}
	}
	switch e := e.(type) {
	case *syntax.Name:
		return n.name(e)
	case *syntax.Call:
		return n.call(e)
	case *syntax.Binary:
		if isJump(e) {
			n.jumps++
		}
	}
	return nil
}

func (n *expansion) at(p syntax.Pos) syntax.Pos {
	if n.keep {
		return p
	}
	return n.use.at
}

func (n *expansion) name(e *syntax.Name) syntax.Expr {
	at := n.at(e.Pos)
	switch e.Local {
	case n.f.where:
		return unresolved{at} // checkBody refuses it
	case n.f.window:
		return &syntax.String{Pos: at, Value: n.use.window}
	case n.f.by:
		return n.grouping(at, nil)
	case nil:
		text := e.Text
		if text == vocabulary.Percentile && n.f.shape != "" {
			text = n.f.shape
		}
		out := &syntax.Name{Pos: at, Text: text}
		n.relabelled(out)
		return out
	}
	if init, ok := n.f.locals[e.Local]; ok {
		return &syntax.Paren{Pos: at, Inner: n.copier.Copy(init)}
	}
	return unresolved{at}
}

// relabelled makes a selector that begins with an expression give its series the
// labels of the grouping.
func (n *expansion) relabelled(e syntax.Expr) {
	if n.relabel == nil {
		return
	}
	if n.c.relabels == nil {
		n.c.relabels = map[syntax.Expr]*relabel{}
	}
	n.c.relabels[e] = n.relabel
}

// grouping is by, or by with labels of the series.
func (n *expansion) grouping(at syntax.Pos, more []syntax.Expr) syntax.Expr {
	if n.use.by == nil && more == nil {
		return &syntax.Nil{Pos: at}
	}
	out := &syntax.Call{Pos: at, Func: &syntax.Name{Pos: at, Text: "by"}, Style: '('}
	if n.use.by != nil {
		for _, label := range slices.Concat(n.use.by.labels, n.use.by.kept) {
			if label == vocabulary.UpstreamPod {
				label = metric.LabelPod
			}
			out.Args = append(out.Args, &syntax.String{Pos: at, Value: label})
		}
	}
	for _, e := range more {
		out.Args = append(out.Args, n.copier.Copy(e))
	}
	return out
}

func (n *expansion) call(e *syntax.Call) syntax.Expr {
	at := n.at(e.Pos)
	if name, ok := n.f.other(e); ok {
		return n.other(e, name)
	}
	if n.f.isParameter(e.Func, n.f.by) {
		return n.grouping(at, e.Args)
	}
	if t, ok := matcherTable(e); ok && slices.ContainsFunc(t.Fields, n.isWhere) {
		return n.selected(e, t)
	}
	out := &syntax.Call{Pos: at, Func: n.copier.Copy(e.Func), Style: e.Style}
	for _, arg := range e.Args {
		if n.use.by == nil && n.f.isParameter(arg, n.f.by) {
			continue // an optional argument that is not given
		}
		out.Args = append(out.Args, n.copier.Copy(arg))
	}
	if name, ok := e.Func.(*syntax.Name); ok && name.Local == nil && name.Text == "series" {
		n.relabelled(out)
	}
	return out
}

func (n *expansion) isWhere(f syntax.Field) bool {
	return f.Key == nil && n.f.isParameter(f.Value, n.f.where)
}

// selected is a selector with the matchers of the use, or all ways to select it.
func (n *expansion) selected(e *syntax.Call, t *syntax.Table) syntax.Expr {
	at := n.at(e.Pos)
	var ways []syntax.Expr
	for _, where := range n.where {
		ways = append(ways, &syntax.Call{Pos: at, Func: n.copier.Copy(e.Func), Style: e.Style, Args: []syntax.Expr{n.matched(t, where)}})
	}
	if len(ways) == 1 {
		return ways[0]
	}
	out := &syntax.Call{Pos: at, Func: &syntax.Name{Pos: at, Text: "fallback"}, Style: '(', Args: ways}
	if n.c.exclusive == nil {
		n.c.exclusive = map[syntax.Expr]bool{}
	}
	n.c.exclusive[out] = true
	return out
}

// matched is the matchers of a selector with those of the use among them.
func (n *expansion) matched(t *syntax.Table, where []syntax.Field) *syntax.Table {
	out := &syntax.Table{Pos: n.at(t.Pos)}
	for _, f := range t.Fields {
		if n.isWhere(f) {
			continue
		}
		field := syntax.Field{Pos: n.at(f.Pos), Name: f.Name, Value: n.copier.Copy(f.Value)}
		if f.Key != nil {
			field.Key = n.copier.Copy(f.Key)
		}
		out.Fields = append(out.Fields, field)
	}
	for _, f := range where {
		label := f.Key.(*syntax.String).Value
		i := slices.IndexFunc(out.Fields, func(own syntax.Field) bool {
			name, ok := fieldName(own)
			return ok && name == label
		})
		copied := (&syntax.Copier{}).Copy(f.Value)
		if i < 0 {
			out.Fields = append(out.Fields, syntax.Field{Pos: f.Pos, Key: &syntax.String{Pos: f.Pos, Value: label}, Value: copied})
			continue
		}
		list := &syntax.Table{Pos: f.Pos, Fields: slices.Concat(elements(out.Fields[i].Value), elements(copied))}
		out.Fields[i].Value = list
	}
	return out
}

// elements returns the matchers of one label as a list.
func elements(e syntax.Expr) []syntax.Field {
	if t, ok := syntax.Strip(e).(*syntax.Table); ok {
		return t.Fields
	}
	return []syntax.Field{{Pos: e.At(), Value: e}}
}

// other puts another function of the module in place.
func (n *expansion) other(e *syntax.Call, name string) syntax.Expr {
	at := n.at(syntax.Start(e))
	wrong := func(format string, args ...any) syntax.Expr {
		n.errorf(at, "write metric."+name+"(where, window, by)", format, args...)
		return unresolved{at}
	}
	f, ok := n.f.module.functions[name]
	if !ok && n.f.module.broken[name] {
		n.incomplete = true
		return unresolved{at}
	}
	if !ok {
		message, cure := n.f.module.lack(reference{module: "metric", metric: name})
		n.errorf(at, cure, "%s", message)
		return unresolved{at}
	}
	if e.Style != '(' || len(e.Args) != 3 || !n.f.isParameter(e.Args[0], n.f.where) {
		return wrong("metric.%s takes where, a window and a grouping", name)
	}
	u := &use{at: at, name: n.use.name, matchers: n.use.matchers, window: n.use.window}
	if text, ok := e.Args[1].(*syntax.String); ok {
		if _, err := parseDuration(text.Value); err != nil {
			return wrong("%q is no duration", text.Value)
		}
		u.window = text.Value
	} else if !n.f.isParameter(e.Args[1], n.f.window) {
		return wrong("the window of metric.%s is neither window nor a string", name)
	}
	switch by := e.Args[2].(type) {
	case *syntax.Nil:
	case *syntax.Name:
		if by.Local != n.f.by {
			return wrong("the grouping of metric.%s is neither by nor nil", name)
		}
		u.by = n.use.by
	default:
		return wrong("the grouping of metric.%s is neither by nor nil", name)
	}
	return n.expand(f, u)
}
