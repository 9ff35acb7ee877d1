package script

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/script/syntax"
	"github.com/gaugeway/gaugeway/pkg/vocabulary"
)

// anyGateway is, in programs, the module that Options.Gateway names.
const anyGateway = "gateway"

// Bounds of what the uses of modules in a program become.
const (
	maxExpanded      = 10_000 // expressions
	maxExpandedJumps = 200    // and, or: see syntax.Parse
)

// A use is a call of a module's function, read.
type use struct {
	at       syntax.Pos
	name     string // as it is written: gateway.queue_depth
	matchers []usedMatcher
	window   string
	by       *usedGrouping // nil for none
}

// A usedGrouping is by(...), in the vocabulary's names.
type usedGrouping struct {
	at     syntax.Pos
	labels []string
	kept   []string // series' own labels that a function asks for
}

// An unresolved expression stands for a use that is wrong; the mistake is
// reported and nothing is known of its value.
type unresolved struct{ syntax.Pos }

// An expander puts the expressions of modules in the place of their uses.
type expander struct {
	c       *checker
	modules map[string]*Module
	gateway string
	errs    Errors
	uses    []Use
	last    syntax.Expr          // what stands in the place of the last use
	whole   string               // the use that is the whole program; "" where it is more
	skip    map[syntax.Expr]bool // parts of names with several dots

	incomplete bool // it uses what is reported as a mistake elsewhere

	keep  bool // the positions of the module, for its own check
	nodes int
	jumps int
	stack []string // functions that are being put in
}

func newExpander(c *checker, o Options) *expander {
	return &expander{c: c, modules: o.Modules, gateway: o.Gateway, skip: map[syntax.Expr]bool{}}
}

func (x *expander) errorf(at syntax.Pos, cure, format string, args ...any) {
	x.errs = append(x.errs, &Error{Line: at.Line, Column: at.Column, Message: fmt.Sprintf(format, args...), Cure: cure})
}

// program replaces all uses in a program.
func (x *expander) program(tree *syntax.Program) {
	syntax.Walk(tree.Body, func(e syntax.Expr) {
		if b, ok := e.(*syntax.Binary); ok && isJump(b) {
			x.jumps++
		}
	}, func(*syntax.Local) {})
	syntax.Rewrite(tree.Body, x.visit)
	if ret, ok := tree.Body[0].(*syntax.Return); ok && len(x.uses) == 1 && len(ret.Exprs) == 1 && ret.Exprs[0] == x.last {
		x.whole = x.uses[0].Name
	}
}

// tooLarge reports, as a mistake too, whether a program with uses has grown
// beyond what should be checked and compiled.
func (x *expander) tooLarge() bool {
	if len(x.uses) == 0 {
		return false
	}
	at := syntax.Pos{Line: x.uses[0].Line, Column: x.uses[0].Column}
	switch {
	case x.nodes > maxExpanded:
		x.errorf(at, "split it into several metrics", "the program and the functions of presets that it uses are too large")
	case x.jumps > maxExpandedJumps:
		x.errorf(at, "split it into several metrics", "the program and the functions of presets that it uses have more than %d of and and or", maxExpandedJumps)
	default:
		return false
	}
	return true
}

func isJump(b *syntax.Binary) bool { return b.Op == "and" || b.Op == "or" }

// attributed says of mistakes within uses which function they are of.
func (x *expander) attributed(errs Errors) Errors {
	for _, e := range errs {
		for _, u := range x.uses {
			if u.Line == e.Line && u.Column == e.Column && !strings.Contains(e.Message, u.Name) {
				e.Message = u.Name + ": " + e.Message
				break
			}
		}
	}
	return errs
}

// A reference is module.metric in a program.
type reference struct {
	at             syntax.Pos
	module, metric string
}

func (r reference) String() string { return r.module + "." + r.metric }

// reference reads an expression as the name of a module's function.
func (x *expander) reference(e syntax.Expr) (reference, bool) {
	index, ok := syntax.Strip(e).(*syntax.Index)
	if !ok || !index.Dot || x.skip[index] {
		return reference{}, false
	}
	object, ok := index.Object.(*syntax.Name)
	key, ok2 := index.Key.(*syntax.String)
	if !ok || !ok2 || object.Local != nil {
		return reference{}, false
	}
	r := reference{at: object.Pos, module: object.Text, metric: key.Value}
	_, known := x.modules[r.module]
	return r, known || r.module == anyGateway || x.resembles(r)
}

// resembles reports whether a name is likely to be that of a module's function,
// though there is no such module.
func (x *expander) resembles(r reference) bool {
	_, isFunction := library.byName[r.module]
	_, taken := unavailable[r.module]
	if isFunction || taken || isLibrary(r.module) || isReserved(r.module) {
		return false
	}
	if _, ok := vocabulary.Lookup(r.metric); ok {
		return true
	}
	for _, m := range x.modules { // those on demand have names of the vocabulary only
		if _, ok := m.functions[r.metric]; ok || m.unavailable[r.metric] != "" {
			return true
		}
	}
	return nearestOf(maps.Keys(x.modules), r.module) != ""
}

func nearestOf(names func(yield func(string) bool), name string) string {
	return functionTable{names: slices.Sorted(names)}.nearest(name)
}

// visit replaces an expression that is a use.
func (x *expander) visit(e syntax.Expr) syntax.Expr {
	switch e := e.(type) {
	case *syntax.Call:
		if r, ok := x.reference(e.Func); ok {
			return x.use(e, r)
		}
	case *syntax.Index:
		if inner, ok := e.Object.(*syntax.Index); ok && e.Dot && inner.Dot {
			x.skip[inner] = true
			break
		}
		if call, ok := syntax.Strip(e.Object).(*syntax.Call); ok && !e.Dot {
			if r, ok := x.reference(call.Func); ok {
				x.errorf(e.Pos, fmt.Sprintf(`write %s({...}, "30s")`, r), "%s takes its window as an argument", r)
				return unresolved{r.at}
			}
		}
		if r, ok := x.reference(e); ok {
			if x.function(r) != nil {
				x.errorf(r.at, fmt.Sprintf(`write %s{}, or %s({}, "30s", by("pod"))`, r, r), "%s is a function", r)
			}
			return unresolved{r.at}
		}
	}
	return e
}

// function returns the function that a reference names, and reports where there
// is none.
func (x *expander) function(r reference) *moduleFunction {
	name := r.module
	if name == anyGateway {
		if name = x.gateway; name == "" {
			x.errorf(r.at, "write spec.preset in the GatewaySource, or the name of a preset in place of gateway", "it is not known which gateway is meant: the sources of the metric name no preset")
			return nil
		}
	}
	m, ok := x.modules[name]
	if !ok {
		cure := "there are none"
		if near := nearestOf(maps.Keys(x.modules), name); near != "" {
			cure = "did you mean " + near + "?"
		} else if len(x.modules) > 0 {
			cure = "there are " + strings.Join(slices.Sorted(maps.Keys(x.modules)), ", ")
		}
		x.errorf(r.at, cure, "there is no preset %s", name)
		return nil
	}
	m, err := m.there()
	if err != nil {
		x.errorf(r.at, "give one of this name in the folder of --presets", "the preset %s cannot be read: %s", name, err)
		return nil
	}
	f, ok := m.functions[r.metric]
	if !ok {
		message, cure := m.lack(r)
		x.errorf(r.at, cure, "%s", message)
		return nil
	}
	return f
}

// lack says that the module has no metric of a name.
func (m *Module) lack(r reference) (message, cure string) {
	message = fmt.Sprintf("%s has no %s", m.name, r.metric)
	if why := m.unavailable[r.metric]; why != "" {
		why, cure, _ := strings.Cut(why, "; ")
		return message + ": " + why, cure
	}
	known := maps.Clone(m.unavailable)
	for name := range m.functions {
		known[name] = ""
	}
	if near := nearestOf(maps.Keys(known), r.metric); near != "" {
		return message, "did you mean " + r.module + "." + near + "?"
	}
	return message, "it has " + strings.Join(slices.Sorted(maps.Keys(m.functions)), ", ")
}

// use reads a use and puts the function's expression in its place.
func (x *expander) use(e *syntax.Call, r reference) syntax.Expr {
	f := x.function(r)
	if f == nil {
		return unresolved{r.at}
	}
	u := &use{at: r.at, name: r.String(), window: f.module.window}
	if !x.arguments(e, f, u) {
		return unresolved{r.at}
	}
	out := Use{Name: u.name, Preset: f.module.name, Metric: f.name, Line: r.at.Line, Column: r.at.Column}
	if w, err := parseDuration(u.window); err == nil {
		out.Window = w
	}
	for _, m := range u.matchers {
		if !slices.Contains(out.Labels, m.Name) {
			out.Labels = append(out.Labels, m.Name)
		}
	}
	if u.by != nil {
		out.Grouped, out.By = true, u.by.labels
	}
	x.uses = append(x.uses, out)
	x.last = x.expand(f, u)
	return x.last
}

// arguments reads the arguments of a use, which are constant.
func (x *expander) arguments(e *syntax.Call, f *moduleFunction, u *use) bool {
	mistakes := len(x.errs) + len(x.c.errs)
	form := fmt.Sprintf(`write %s(%s, "30s", by("pod")), each part in place`, u.name, f.example())
	if e.Style == '"' || len(e.Args) > 3 {
		x.errorf(e.Pos, form, "%s takes matchers, a window and a grouping", u.name)
		return false
	}
	for i, arg := range e.Args {
		at := syntax.Start(arg)
		if _, ok := syntax.Strip(arg).(*syntax.Nil); ok {
			continue
		}
		switch i {
		case 0:
			x.usedMatchers(arg, f, u)
		case 1:
			if _, ok := x.c.static(arg).(grouping); ok {
				x.errorf(at, fmt.Sprintf(`write %s({}, nil, by("pod"))`, u.name), "the second argument of %s is its window", u.name)
				break
			}
			text, ok := x.c.constantText(arg)
			if !ok {
				x.errorf(at, form, "the window of %s is no constant string", u.name)
				break
			}
			x.usedWindow(at, text, f, u)
		case 2:
			x.usedGrouping(arg, f, u, form)
		}
	}
	return len(x.errs)+len(x.c.errs) == mistakes
}

func (x *expander) usedWindow(at syntax.Pos, text string, f *moduleFunction, u *use) {
	w, err := parseDuration(text)
	switch {
	case err != nil:
		e := positioned(err)
		x.errorf(at, e.Cure, "%s", e.Message)
	case w < f.module.minimum:
		least := formatDuration(f.module.minimum)
		x.errorf(at, fmt.Sprintf("write %q or more", least), "the window %s is shorter than what %s shows: %s is the least", text, f.module.name, least)
	default:
		u.window = text
	}
}

func (x *expander) usedGrouping(arg syntax.Expr, f *moduleFunction, u *use, form string) {
	at := syntax.Start(arg)
	g, ok := x.c.static(arg).(grouping)
	switch {
	case !ok:
		x.errorf(at, form, "the grouping of %s is no constant by(...)", u.name)
		return
	case g.Without:
		x.errorf(at, `write by("pod"), with the labels that are to stay`, "%s is grouped by labels, not without them", u.name)
		return
	}
	u.by = &usedGrouping{at: at, labels: g.Labels}
	for _, label := range g.Labels {
		if !f.groups(label) {
			x.errorf(at, f.labelCure(label, "grouped"), "%s cannot be grouped by %s", u.name, label)
		}
	}
	if slices.Contains(g.Labels, vocabulary.UpstreamPod) && slices.Contains(g.Labels, metric.LabelPod) {
		x.errorf(at, "group by one of them", "%s is the gateway's, and the pod of %s would have the same label", metric.LabelPod, vocabulary.UpstreamPod)
	}
}

// example is matchers that the function takes.
func (f *moduleFunction) example() string {
	label := metric.LabelPod
	for _, own := range slices.Backward(f.info.Labels) {
		label = own
	}
	return "{" + label + `="..."}`
}

// groups reports whether a function can be grouped by a label.
func (f *moduleFunction) groups(label string) bool {
	if label == vocabulary.UpstreamPod {
		label = upstreamLabel
	}
	return f.selects(label) || label == metric.LabelPod
}

// selects reports whether a function can be selected by a label.
func (f *moduleFunction) selects(label string) bool {
	_, ok := f.labels[label]
	return ok || slices.Contains(targetLabels, label)
}

// labelCure says which labels there are.
func (f *moduleFunction) labelCure(label, how string) string {
	names := slices.Clone(f.info.Labels)
	if _, ok := f.labels[upstreamLabel]; ok && how == "grouped" {
		names = append(names, vocabulary.UpstreamPod)
	}
	if near := nearestOf(slices.Values(slices.Concat(names, targetLabels)), label); near != "" && len(label) > 4 {
		return "did you mean " + near + "?"
	}
	own := strings.Join(names, ", ")
	if own != "" {
		own += " and "
	}
	return fmt.Sprintf("%sthe labels of its targets can: %s", own, strings.Join(targetLabels, ", "))
}
