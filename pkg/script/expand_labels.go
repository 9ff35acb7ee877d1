package script

import (
	"regexp"
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/script/syntax"
	"github.com/gaugeway/gaugeway/pkg/vocabulary"
)

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
		if slices.ContainsFunc(f.labels[m.Name], labelMapping.extracts) && m.Type == labels.MatchRegexp && m.Matches("") {
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

// labelings returns the matchers of the use in the gateway's labels, once for each
// way in which its versions call the labels that are matched. No series matches in
// two ways: it counts by the first label that it has.
func (n *expansion) labelings() [][]syntax.Field {
	var several []string // labels that have several names
	for _, m := range n.use.matchers {
		if len(n.f.labels[m.Name]) > 1 && !slices.Contains(several, m.Name) {
			several = append(several, m.Name)
		}
	}
	var out [][]syntax.Field
	chosen := map[string]int{}
	for {
		out = append(out, n.matchers(several, chosen))
		i := 0
		for ; i < len(several); i++ {
			if chosen[several[i]]++; chosen[several[i]] < len(n.f.labels[several[i]]) {
				break
			}
			chosen[several[i]] = 0
		}
		if i == len(several) {
			return out
		}
	}
}

// matchers returns the matchers of the use in the gateway's labels. Of those that
// have several names it takes the chosen ones: a series has that label, unless it
// is the last, and none that stands before it.
func (n *expansion) matchers(several []string, chosen map[string]int) []syntax.Field {
	var out []syntax.Field
	for _, m := range n.use.matchers {
		mapping := labelMapping{label: m.Name}
		if known, ok := n.f.labels[m.Name]; ok {
			mapping = known[chosen[m.Name]]
		}
		out = mapping.match(out, m.Matcher, n.at(m.at))
	}
	for _, name := range several {
		names := n.f.labels[name]
		for i := range names[:chosen[name]] {
			out = names[i].match(out, labels.MustNewMatcher(labels.MatchEqual, name, ""), n.use.at)
		}
		if i := chosen[name]; i < len(names)-1 && !n.use.demands(name) {
			out = names[i].match(out, labels.MustNewMatcher(labels.MatchNotEqual, name, ""), n.use.at)
		}
	}
	return out
}

// demands reports whether the matchers of a label match nothing that lacks it.
func (u *use) demands(name string) bool {
	return slices.ContainsFunc(u.matchers, func(m usedMatcher) bool { return m.Name == name && !m.Matches("") })
}

// match adds to matchers what a matcher of the vocabulary's label is of the gateway's.
func (m labelMapping) match(out []syntax.Field, v *labels.Matcher, at syntax.Pos) []syntax.Field {
	i := slices.IndexFunc(out, func(f syntax.Field) bool { return f.Key.(*syntax.String).Value == m.label })
	if i < 0 {
		out = append(out, syntax.Field{Pos: at, Key: &syntax.String{Pos: at, Value: m.label}, Value: &syntax.Table{Pos: at}})
		i = len(out) - 1
	}
	list := out[i].Value.(*syntax.Table)
	for _, p := range m.patterns(v) {
		list.Fields = append(list.Fields, syntax.Field{Pos: at, Value: p.expr(at)})
	}
	return out
}

func (m labelMapping) extracts() bool { return m.extract != nil }

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
