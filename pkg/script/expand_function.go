package script

import (
	"regexp"
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/promath"
	"github.com/gaugeway/gaugeway/pkg/script/syntax"
	"github.com/gaugeway/gaugeway/pkg/vocabulary"
)

type grouping = promath.Grouping

// An expansion is the copying of a function's expression for one use.
type expansion struct {
	*expander
	f       *moduleFunction
	use     *use
	where   []syntax.Field // the matchers of the use, in the gateway's labels
	relabel *relabel       // what the grouping asks for; nil for nothing
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
	n.where = n.matchers()
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
	out := &syntax.Call{Pos: at, Func: n.copier.Copy(e.Func), Style: e.Style}
	if t, ok := matcherTable(e); ok && slices.ContainsFunc(t.Fields, n.isWhere) {
		out.Args = []syntax.Expr{n.matched(t)}
		return out
	}
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

// matched is the matchers of a selector with those of the use among them.
func (n *expansion) matched(t *syntax.Table) *syntax.Table {
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
	for _, f := range n.where {
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

// A usedMatcher is a matcher of a use, in the vocabulary's names.
type usedMatcher struct {
	*labels.Matcher
	at syntax.Pos
}

// usedMatchers reads the matchers of a use.
func (x *expander) usedMatchers(arg syntax.Expr, f *moduleFunction, u *use) {
	t, ok := syntax.Strip(arg).(*syntax.Table)
	if !ok {
		x.errorf(syntax.Start(arg), "write "+u.name+"("+f.example()+")", "the matchers of %s are not written in place", u.name)
		return
	}
	positions := map[string]syntax.Pos{}
	for _, field := range t.Fields {
		label := ""
		if field.Key != nil {
			label, _ = x.c.constantText(field.Key)
		}
		positions[label] = field.Pos
		if label != "" && !f.selects(label) {
			x.refuseLabel(field.Pos, label, f, u)
		}
		if !x.constantMatcher(field.Value) {
			x.errorf(syntax.Start(field.Value), "write the value in place: "+u.name+f.example(), "a matcher of %s is not constant", u.name)
		}
	}
	matchers, _ := x.c.staticMatchers(t)
	for _, m := range matchers {
		if f.labels[m.Name].extract != nil && m.Type == labels.MatchRegexp && m.Matches("") {
			x.errorf(positions[m.Name], `write an expression that matches one letter at least, such as re".+"`, "the expression of %s matches what has no %s, too", u.name, m.Name)
		}
		u.matchers = append(u.matchers, usedMatcher{Matcher: m, at: positions[m.Name]})
	}
}

func (x *expander) refuseLabel(at syntax.Pos, label string, f *moduleFunction, u *use) {
	if label == vocabulary.UpstreamPod && f.groups(label) {
		x.errorf(at, `group by it: by("`+label+`")`, "%s cannot be selected by %s", u.name, label)
		return
	}
	x.errorf(at, f.labelCure(label, "selected"), "%s cannot be selected by %s", u.name, label)
}

// constantMatcher reports whether the value of a matcher, or each of a list, is
// known without running.
func (x *expander) constantMatcher(e syntax.Expr) bool {
	t, ok := syntax.Strip(e).(*syntax.Table)
	if !ok {
		_, constant := x.c.staticPattern(e)
		return constant
	}
	return !slices.ContainsFunc(t.Fields, func(f syntax.Field) bool {
		_, constant := x.c.staticPattern(f.Value)
		return !constant
	})
}

// matchers returns the matchers of the use, in the gateway's labels.
func (n *expansion) matchers() []syntax.Field {
	var out []syntax.Field
	for _, m := range n.use.matchers {
		at := n.at(m.at)
		mapping, ok := n.f.labels[m.Name]
		if !ok {
			mapping.label = m.Name
		}
		values := []syntax.Field{}
		for _, p := range mapping.patterns(m.Matcher) {
			values = append(values, syntax.Field{Pos: at, Value: p.expr(at)})
		}
		i := slices.IndexFunc(out, func(f syntax.Field) bool { return f.Key.(*syntax.String).Value == mapping.label })
		if i < 0 {
			out = append(out, syntax.Field{Pos: at, Key: &syntax.String{Pos: at, Value: mapping.label}, Value: &syntax.Table{Pos: at}})
			i = len(out) - 1
		}
		list := out[i].Value.(*syntax.Table)
		list.Fields = append(list.Fields, values...)
	}
	return out
}

// patterns returns the matchers of the gateway's label for one of the
// vocabulary's.
func (m labelMapping) patterns(v *labels.Matcher) []pattern {
	if m.extract == nil {
		return []pattern{{op: v.Type, text: v.Value}}
	}
	within := func(text string) string { return "(?:" + m.before + ")(?:" + text + ")(?:" + m.after + ")" }
	text := v.Value
	if v.Type == labels.MatchEqual || v.Type == labels.MatchNotEqual {
		text = regexp.QuoteMeta(text)
	}
	const present = ".+"
	equal := v.Type == labels.MatchEqual || v.Type == labels.MatchRegexp
	switch {
	case v.Value == "" && equal:
		return []pattern{{op: labels.MatchNotRegexp, text: within(present)}}
	case v.Value == "":
		return []pattern{{op: labels.MatchRegexp, text: within(present)}}
	case equal:
		return []pattern{{op: labels.MatchRegexp, text: within(text)}}
	case v.Matches(""): // what has none is other than the value
		return []pattern{{op: labels.MatchNotRegexp, text: within(text)}}
	}
	return []pattern{{op: labels.MatchNotRegexp, text: within(text)}, {op: labels.MatchRegexp, text: within(present)}}
}

// expr is the pattern as it is written in programs.
func (p pattern) expr(at syntax.Pos) syntax.Expr {
	text := &syntax.String{Pos: at, Value: p.text}
	words := map[labels.MatchType]string{labels.MatchNotEqual: "neq", labels.MatchRegexp: "re", labels.MatchNotRegexp: "nre"}
	word, ok := words[p.op]
	if !ok {
		return text
	}
	return &syntax.Call{Pos: at, Func: &syntax.Name{Pos: at, Text: word}, Args: []syntax.Expr{text}, Style: '('}
}
