package script

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gaugeway/gaugeway/pkg/script/syntax"
)

// fuzzLimits make a run short.
var fuzzLimits = Limits{Steps: 5000, Memory: 4 << 20, TableEntries: 200, Items: 100}

// checkProgram compiles a program and runs it, as it should be and though the
// checker refuses it: nothing panics, nothing is a defect, and each run gives
// the same.
func checkProgram(t *testing.T, source string) {
	t.Helper()
	o := Options{Name: "test", Limits: fuzzLimits, Clock: testClock}
	p, err := Compile(source, o)
	var all Errors
	switch {
	case err == nil:
		var ends [2]string
		for i := range ends {
			v, err := checkWants(t, p, gateway())
			checkRunError(t, source, err)
			ends[i] = fmt.Sprint(formatAll(v), err)
		}
		if ends[0] != ends[1] {
			t.Errorf("%q gives %s, then %s", source, ends[0], ends[1])
		}
		checkBeside(t, source, o, ends[0])
		if v, _ := p.Run(gateway()); v.Kind != None && p.ResultKind() != Unknown && v.Kind != p.ResultKind() && !holdsHistograms(source) {
			t.Errorf("%q gives a %s, and a %s was expected", source, v.Kind, p.ResultKind())
		}
		return
	case !errors.As(err, &all) || len(all) == 0:
		t.Fatalf("%q: Compile gives %T, not Errors", source, err)
	}
	tree, err := syntax.Parse(source, 4096)
	if err != nil {
		return
	}
	o.Limits = o.Limits.withDefaults()
	c := newChecker(&library, o)
	c.program(tree)
	if p, err := c.build(tree, o); err == nil {
		_, err := p.Run(gateway())
		checkRunError(t, source, err)
	}
}

// checkBeside runs a program in an interpreter that another one shares: neither
// gives anything else than it gives alone.
func checkBeside(t *testing.T, source string, o Options, want string) {
	t.Helper()
	p, err := Compile(source, o)
	if err != nil {
		t.Fatalf("%q compiles only once: %v", source, err)
	}
	other := compile(t, `local none = sum(no_such_metric) local a, b = sum(queue_length), "x" return none or a + #b + now - now`)
	in := new(Interpreter)
	p.Share(in)
	other.Share(in)
	for range 2 {
		if v, err := other.Run(gateway()); err != nil || formatAll(v) != "8" {
			t.Errorf("beside %q another program gives %s %v", source, formatAll(v), err)
		}
		v, err := p.Run(gateway())
		if got := fmt.Sprint(formatAll(v), err); got != want {
			t.Errorf("%q gives %s, and %s beside another", source, want, got)
		}
		if p.shared != nil {
			checkEmpty(t, in.machine.l, source)
		}
	}
}

// holdsHistograms reports whether what looks like a number may be a histogram.
func holdsHistograms(source string) bool { return strings.Contains(source, "native") }

func checkRunError(t *testing.T, source string, err error) {
	t.Helper()
	var own *Error
	var budget *BudgetError
	if err != nil && !errors.As(err, &own) && !errors.As(err, &budget) {
		t.Errorf("%q: Run gives %T: %v", source, err, err)
	}
}

// FuzzProgram runs mutations of the programs of the other tests.
func FuzzProgram(f *testing.F) {
	for _, pattern := range []string{"testdata/attacks/*.lua", "testdata/subset/*.lua"} {
		for _, file := range glob(f, pattern) {
			if source := read(f, file); len(source) < 200 {
				f.Add(source)
			}
		}
	}
	for _, file := range []string{"testdata/programs.txt", "testdata/refusals.txt"} {
		for i, part := range strings.Split(read(f, file), "\n\n") {
			source, _, _ := strings.Cut(part, "\n= ")
			source, _, _ = strings.Cut(source, "\n! ")
			if i > 0 {
				f.Add(source)
			}
		}
	}
	f.Fuzz(func(t *testing.T, source string) { checkProgram(t, source) })
}

// FuzzGenerated runs programs that a grammar makes of random bytes, so that
// most of them get past the parser.
func FuzzGenerated(f *testing.F) {
	for i := range 40 {
		seed := make([]byte, 60)
		for j := range seed {
			seed[j] = byte((i*131 + j*j*17 + j*i*29) >> 1)
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, choices []byte) {
		g := generator{choices: choices}
		checkProgram(t, g.program())
	})
}

// A generator writes a program; each byte chooses one of several ways on.
type generator struct {
	choices []byte
	depth   int
	locals  []string
}

func (g *generator) choose(n int) int {
	if len(g.choices) == 0 {
		return 0
	}
	c := int(g.choices[0])
	g.choices = g.choices[1:]
	return c % n
}

func (g *generator) pick(options ...string) string { return options[g.choose(len(options))] }

func (g *generator) program() string {
	if g.choose(3) == 0 {
		return g.expr()
	}
	return g.block(4) + "return " + g.expr()
}

func (g *generator) block(most int) string {
	var b strings.Builder
	mark := len(g.locals)
	for range g.choose(most) + 1 {
		b.WriteString(g.statement() + "\n")
	}
	if most < 4 {
		g.locals = g.locals[:mark]
	}
	return b.String()
}

func (g *generator) declare() string {
	name := fmt.Sprintf("v%d", len(g.locals))
	g.locals = append(g.locals, name)
	return name
}

func (g *generator) statement() string {
	if g.depth++; g.depth > 6 {
		g.depth--
		return "local " + g.declare() + " = 1"
	}
	defer func() { g.depth-- }()
	switch g.choose(10) {
	case 0, 1, 2:
		e := g.expr()
		return "local " + g.declare() + " = " + e
	case 3:
		return "if " + g.expr() + " then " + g.block(2) + " else " + g.block(2) + " end"
	case 4:
		return "for " + g.declare() + " = 1, " + g.pick("3", "0", "1e9", g.expr()) + " do " + g.block(2) + " end"
	case 5:
		return "for _, " + g.declare() + " in " + g.pick("ipairs", "pairs") + "(" + g.expr() + ") do " + g.block(2) + " end"
	case 6:
		return "local function " + g.declare() + "(a, b) " + g.block(2) + " return " + g.expr() + " end"
	case 7:
		return g.local() + " = " + g.expr()
	case 8:
		return g.local() + "[" + g.expr() + "] = " + g.expr()
	default:
		return g.call()
	}
}

func (g *generator) local() string {
	if len(g.locals) == 0 {
		return g.pick("queue_length", "a")
	}
	return g.locals[g.choose(len(g.locals))]
}

func (g *generator) call() string {
	b := library.ordered[(g.choose(256)*256+g.choose(256))%len(library.ordered)]
	var args []string
	for _, p := range b.params {
		switch {
		case p.optional && g.choose(2) == 0, p.variadic && g.choose(2) == 0:
			continue
		case g.choose(12) == 0:
			args = append(args, g.expr())
		default:
			args = append(args, g.argument(p.kinds))
		}
	}
	if b.variable {
		return "tonumber(" + b.name + ")"
	}
	switch g.choose(20) {
	case 0:
		return b.name + "(table.unpack({" + strings.Join(args, ", ") + "}))"
	case 1:
		return "pcall(" + strings.Join(append([]string{b.name}, args...), ", ") + ")"
	}
	return b.name + "(" + strings.Join(args, ", ") + ")"
}

// argument writes something of one of the kinds.
func (g *generator) argument(k kinds) string {
	switch {
	case k == anything:
		return g.expr()
	case k == aRange:
		return g.selector() + g.pick(`["1m"]`, `["5s"]`, `["10m"]`, `["1m"]`)
	case k.has(isVector):
		return g.pick(g.selector(), g.selector(), g.local(), g.expr(), "nil")
	case k.has(isNumber):
		return g.pick("1", "0.5", "-3", "1e300", "0/0", "math.huge", "nil", g.local())
	case k.has(isString):
		return g.pick(`"pod"`, `"a"`, `"1m"`, `"%5.2f %s"`, `""`, `"(.*)"`, `"upstream"`, g.local())
	case k.has(isFunction):
		return g.pick("function(a, b) return "+g.expr()+" end", "function(a, b) return a end", "error", g.local())
	case k.has(isGrouping):
		return g.pick(`by("pod")`, `without("pod", "le")`, "by()")
	case k.has(isMatching):
		return g.pick(`on("pod")`, `ignoring("pod")`, "group_left()", `group_right("x")`)
	case k.has(isTable):
		return g.pick("{}", "{1, 2}", "{x = 1}", "{"+g.expr()+"}", g.local())
	}
	return g.expr()
}

func (g *generator) selector() string {
	name := g.pick("queue_length", "requests_total", "latency_seconds", "native_seconds", "up", "upstream_requests", "none", "self", `metric"checkout-rps"`, `series"in_flight"`)
	return name + g.pick("", "", `{pod="a"}`, `{code=re"5..", pod={neq"b"}}`, "{pod="+g.local()+"}")
}

func (g *generator) expr() string {
	if g.depth++; g.depth > 6 {
		g.depth--
		return g.pick("1", "nil", `"a"`, "true", "queue_length", g.local())
	}
	defer func() { g.depth-- }()
	switch g.choose(12) {
	case 0:
		return g.pick("1", "0", "-1.5", "nil", "true", "false", `"a"`, "now")
	case 1, 2:
		return g.selector()
	case 3:
		return g.local()
	case 4:
		return "(" + g.expr() + " " + g.pick("+", "-", "*", "/", "^", "==", "~=", "<", "<=", ">", ">=", "and", "or") + " " + g.expr() + ")"
	case 5:
		return g.pick("-", "not ", "#") + g.pick(g.expr(), g.local())
	case 6:
		return "{" + g.expr() + ", x = " + g.expr() + "}"
	case 7:
		return g.local() + g.pick(".x", "[1]", `["1m"]`, "{}", "()", ":rep(2)", `{pod="a"}["5s"]`)
	default:
		return g.call()
	}
}

// TestGenerated runs some of FuzzGenerated's programs in every test run.
func TestGenerated(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 1500 {
		choices := make([]byte, 20+random.IntN(300))
		for i := range choices {
			choices[i] = byte(random.Uint32())
		}
		g := generator{choices: choices}
		checkProgram(t, g.program())
	}
}
