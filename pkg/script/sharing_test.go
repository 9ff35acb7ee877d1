package script

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"weak"

	"github.com/Shopify/go-lua"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// instructionSet are the instructions of the interpreter, each with a chunk that
// compiles to it.
var instructionSet = []struct {
	name, chunk string
	verdict     string // straight, not (it does not share), or refused
}{
	{"MOVE", `local a = 1 local b = a return b`, "straight"},
	{"LOADK", `local a = 1`, "straight"},
	{"LOADKX", "", "refused"}, // of more than 2^18 constants
	{"LOADBOOL", `local a = true`, "straight"},
	{"LOADNIL", `local a`, "straight"},
	{"GETUPVAL", `local e = _ENV e.x = 1`, "not"},
	{"GETTABUP", `return x`, "straight"},
	{"GETTABLE", `local t return t.x`, "straight"},
	{"SETTABUP", `x = 1`, "not"},
	{"SETUPVAL", `_ENV = 1`, "not"},
	{"SETTABLE", `local t = {} t.x = 1`, "straight"}, // a table of the run's own
	{"NEWTABLE", `local t = {}`, "straight"},
	{"SELF", `local s return s:x()`, "straight"},
	{"ADD", `local a return a + 1`, "straight"},
	{"SUB", `local a return a - 1`, "straight"},
	{"MUL", `local a return a * 1`, "straight"},
	{"DIV", `local a return a / 1`, "straight"},
	{"MOD", `local a return a % 1`, "refused"},
	{"POW", `local a return a ^ 1`, "straight"},
	{"UNM", `local a return -a`, "straight"},
	{"NOT", `local a return not a`, "straight"},
	{"LEN", `local a return #a`, "straight"},
	{"CONCAT", `local a return a .. a`, "refused"},
	{"JMP", `local a if a then return 1 end return 2`, "straight"},
	{"EQ", `local a if a == 1 then return 1 end`, "straight"},
	{"LT", `local a if a < 1 then return 1 end`, "straight"},
	{"LE", `local a if a <= 1 then return 1 end`, "straight"},
	{"TEST", `local a if a then return 1 end`, "straight"},
	{"TESTSET", `local a, b local c = a and b`, "straight"},
	{"CALL", `x()`, "straight"},
	{"TAILCALL", `return x()`, "straight"}, // of a function of the library: there are no others
	{"RETURN", `return`, "straight"},
	{"FORLOOP", `for i = 1, 2 do end`, "not"},
	{"FORPREP", `for i = 1, 2 do end`, "not"},
	{"TFORCALL", `for k in x do end`, "not"},
	{"TFORLOOP", `for k in x do end`, "not"},
	{"SETLIST", `local t = {1, 2}`, "straight"},
	{"CLOSURE", `local function f() end`, "not"},
	{"VARARG", `local a = ...`, "straight"}, // of which there are none
	{"EXTRAARG", "", "refused"},             // of LOADKX and of longer lists than instructions are allowed for
}

// TestEachInstructionIsClassified checks for each instruction that there is
// whether a program with it shares an interpreter.
func TestEachInstructionIsClassified(t *testing.T) {
	t.Parallel()
	for op, c := range instructionSet {
		if c.chunk == "" {
			continue
		}
		l := lua.NewState()
		if err := lua.LoadString(l, c.chunk); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		var dump strings.Builder
		if err := l.Dump(&dump); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		f, err := readFunction([]byte(dump.String()))
		if err != nil || !f.opcodes[op] {
			t.Errorf("%s compiles to no %s (%v)", c.chunk, c.name, err)
		}
		got := "not"
		if main, err := (&Program{}).inspect(strings.NewReader(c.chunk)); err != nil {
			got = "refused"
		} else if main.straight() {
			got = "straight"
		}
		if got != c.verdict {
			t.Errorf("%s is %s, and %s was expected: %s", c.name, got, c.verdict, c.chunk)
		}
	}
	if last := slices.IndexFunc(instructionSet, func(c struct{ name, chunk, verdict string }) bool { return c.name == "EXTRAARG" }); last != 39 {
		t.Errorf("EXTRAARG, which is 39, is number %d", last)
	}
	for _, chunk := range []string{
		`while x do end`, `while true do end`, `repeat until x`, `repeat until x == y`, `repeat until x < y`, `repeat until x and y`,
		`::a:: goto a`, `::a:: if x then goto a end`, `do ::a:: local b = x if b then goto a end end`,
	} {
		if main, err := (&Program{}).inspect(strings.NewReader(chunk)); err != nil || main.straight() {
			t.Errorf("%s goes straight on (%v)", chunk, err)
		}
	}
}

// TestStraightProgramsRunNoInstructionTwice counts what programs that share an
// interpreter execute.
func TestStraightProgramsRunNoInstructionTwice(t *testing.T) {
	t.Parallel()
	in := new(Interpreter)
	straight := 0
	for _, b := range besides(t, in, sharedSources(t)) {
		p := b.together
		if _, _ = p.Run(gateway()); p.shared == nil {
			continue
		}
		main, err := p.inspect(strings.NewReader(p.source))
		if err != nil {
			t.Fatal(err)
		}
		m, executed := in.machine, 0
		m.begin(p, gateway())
		lua.SetDebugHook(m.l, func(*lua.State, lua.Debug) { executed++ }, lua.MaskCount, 1)
		m.l.PushLightUserData(p.chunk.main)
		_ = m.l.ProtectedCall(0, 1, 0)
		m.clear(p)
		if straight++; executed == 0 || executed > main.instructions {
			t.Errorf("%.200s executes %d instructions and has %d", p.source, executed, main.instructions)
		}
	}
	if straight < 100 {
		t.Errorf("only %d programs share", straight)
	}
}

// TestFunctionsThatAreOnlyPassedOnAreNotCalled checks that the functions of the
// library that straight programs may call do not call what they are given.
func TestFunctionsThatAreOnlyPassedOnAreNotCalled(t *testing.T) {
	t.Parallel()
	tried := 0
	for _, b := range library.ordered {
		takes := slices.ContainsFunc(b.params, func(p param) bool { return p.kinds.has(isFunction | isTable) })
		if b.run == nil || b.callsBack() || !takes {
			continue
		}
		tried++
		m := newMachine()
		m.begin(&Program{limits: DefaultLimits(), clock: testClock}, gateway())
		called := false
		spy := func(*lua.State) int { called = true; return 0 }
		m.l.PushGoFunction(m.bind(b))
		for _, p := range b.params {
			switch {
			case p.kinds.has(isFunction):
				m.l.PushGoFunction(spy)
			case p.kinds.has(isTable):
				m.l.NewTable()
				m.l.PushGoFunction(spy)
				m.l.RawSetInt(-2, 1)
			case p.kinds.has(isNumber):
				m.l.PushNumber(1)
			case p.kinds.has(isString):
				m.l.PushString("1")
			default:
				m.l.PushNil()
			}
		}
		_ = m.l.ProtectedCall(len(b.params), lua.MultipleReturns, 0)
		if called {
			t.Errorf("%s calls a function that it is given", b.name)
		}
	}
	if tried < 10 {
		t.Errorf("only %d functions were tried", tried)
	}
}

// sharedSources are programs of all kinds.
func sharedSources(t *testing.T) []string {
	t.Helper()
	sources := slices.Concat(shareable, hostile)
	for _, f := range Reference() {
		sources = append(sources, f.Example)
	}
	for _, pattern := range []string{"testdata/attacks/*.lua", "testdata/subset/*.lua", "testdata/differential/*.lua"} {
		for _, file := range glob(t, pattern) {
			sources = append(sources, read(t, file))
		}
	}
	return sources
}

// TestNothingOfARunStaysInTheInterpreter compares all that the interpreter keeps
// beside its stack before and after each run: counters, the hook, the registry
// with the metatables and their functions, the metatables of types, global
// variables, and what closures refer to.
func TestNothingOfARunStaysInTheInterpreter(t *testing.T) {
	t.Parallel()
	in := new(Interpreter)
	first := compile(t, `sum(queue_length) + now`)
	first.Share(in)
	var before string
	for _, b := range besides(t, in, sharedSources(t)) {
		if before == "" {
			if _, err := first.Run(gateway()); err != nil {
				t.Fatal(err)
			}
			before = kept(in.machine.l)
		}
		_, _ = b.together.Run(gateway())
		if b.together.shared == nil {
			if in.machine == nil {
				before = ""
			}
			continue
		}
		if after := kept(in.machine.l); after != before {
			t.Fatalf("%.200s changes the interpreter from\n%s\nto\n%s", b.source, before, after)
		}
		if m := in.machine; m.program != nil || !reflect.ValueOf(m.env).IsZero() {
			t.Errorf("%.200s stays in the machine", b.source)
		}
	}
}

// kept describes what an interpreter keeps: with the addresses of all that it
// refers to, so that what is replaced by its like is another.
func kept(l *lua.State) string {
	// The stack has a test of its own, and grows. What was called last is used
	// again. The flags of a table only say which metamethods were looked for in vain.
	skipped := map[string]bool{"stack": true, "stackLast": true, "next": true, "frame": true, "flags": true, "hookCount": true, "oldPC": true}
	var b strings.Builder
	seen := map[uintptr]bool{}
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Interface:
			walk(v.Elem())
		case reflect.Pointer:
			fmt.Fprintf(&b, "%x", v.Pointer())
			if !v.IsNil() && !seen[v.Pointer()] {
				seen[v.Pointer()] = true
				walk(v.Elem())
			}
		case reflect.Struct:
			b.WriteString("{")
			for i := range v.NumField() {
				name := v.Type().Field(i).Name
				if skipped[name] || name == "top" && v.Type().Name() == "callInfo" {
					continue
				}
				b.WriteString(name + "=")
				walk(v.Field(i))
				b.WriteString(" ")
			}
			b.WriteString("}\n")
		case reflect.Map:
			var entries []string
			outer := b.String()
			for _, key := range v.MapKeys() {
				b.Reset()
				fmt.Fprintf(&b, "%v: ", key)
				walk(v.MapIndex(key))
				entries = append(entries, b.String())
			}
			b.Reset()
			slices.Sort(entries)
			b.WriteString(outer + strings.Join(entries, ", "))
		case reflect.Slice, reflect.Array:
			for i := range v.Len() {
				walk(v.Index(i))
				b.WriteString(",")
			}
		case reflect.Func:
			fmt.Fprintf(&b, "%x", v.Pointer())
		default:
			fmt.Fprintf(&b, "%v", v)
		}
	}
	walk(reflect.ValueOf(l).Elem())
	return b.String()
}

// TestAnInterpreterKeepsNoProgram checks that programs that are gone leave
// nothing, and that collecting garbage takes nothing from those that are there.
func TestAnInterpreterKeepsNoProgram(t *testing.T) {
	t.Parallel()
	in := new(Interpreter)
	run := func(source string) (weak.Pointer[Program], *Program) {
		p := compile(t, source)
		p.Share(in)
		if _, err := p.Run(gateway()); err != nil || p.shared == nil {
			t.Fatalf("%s: %v", source, err)
		}
		return weak.Make(p), p
	}
	_, stays := run(`local t = {} t[1] = sum(queue_length) return t[1] + #"constant" + now - now`)
	functions := len(in.machine.bound)
	var gone []weak.Pointer[Program]
	for i := range 50 {
		p, _ := run(fmt.Sprintf(`local t = {} t[1] = %d return t[1]`, i))
		gone = append(gone, p)
	}
	for range 3 {
		runtime.GC()
		if v, err := stays.Run(gateway()); err != nil || formatAll(v) != "15" {
			t.Fatalf("the program that stays gives %s %v", formatAll(v), err)
		}
	}
	for i, p := range gone {
		if p.Value() != nil {
			t.Errorf("program %d of %d is kept", i, len(gone))
		}
	}
	if n := len(in.machine.bound); n != functions {
		t.Errorf("the machine has %d functions, and had %d before the programs that are gone", n, functions)
	}
}

// TestARunThatDoesNotReturn checks that a machine is not used again in which a
// run never ended.
func TestARunThatDoesNotReturn(t *testing.T) {
	t.Parallel()
	in := new(Interpreter)
	ending := environment()
	ending.Data = selectFunc(func(*metric.Selector) []metric.Series { runtime.Goexit(); return nil })
	good := compile(t, "sum(x) + 1")
	good.Share(in)
	for range 250 {
		bad := compile(t, "sum(x)")
		bad.Share(in)
		var wait sync.WaitGroup
		wait.Go(func() { _, _ = bad.Run(ending) })
		wait.Wait()
		if in.machine != nil || bad.shared != nil || bad.chunk != nil {
			t.Fatal("the machine of a run that did not return is kept")
		}
		if v, err := good.Run(environment(newSeries("x", 1))); err != nil || format(v) != "2" {
			t.Fatalf("the other gives %s %v", format(v), err)
		}
	}
}

// TestAProgramThatCannotBeLoaded checks that others run on in a machine of
// their own.
func TestAProgramThatCannotBeLoaded(t *testing.T) {
	t.Parallel()
	in := new(Interpreter)
	good := compile(t, "sum(x) + 1")
	good.Share(in)
	bad := compile(t, "sum(x)")
	bad.Share(in)
	bad.source = "return ("
	for range 3 {
		if v, err := good.Run(environment(newSeries("x", 1))); err != nil || format(v) != "2" {
			t.Fatalf("the other gives %s %v", format(v), err)
		}
		var internal *InternalError
		if _, err := bad.Run(environment()); !errors.As(err, &internal) || bad.shared != nil {
			t.Errorf("it gives %T %v", err, err)
		}
	}
}

// TestAPanicIsNoMistakeOfTheProgram checks that a defect is one whatever it
// panics with, also with what an error of a program would be.
func TestAPanicIsNoMistakeOfTheProgram(t *testing.T) {
	t.Parallel()
	for _, value := range []any{
		"text", errors.New("error"), &Error{Message: "mistake"}, fmt.Errorf("wrapped: %w", &Error{Message: "mistake"}),
		&BudgetError{Budget: "steps"}, &InternalError{Err: errors.New("defect")},
	} {
		in := new(Interpreter)
		good := compile(t, "sum(x) + 1")
		good.Share(in)
		bad := compile(t, "sum(x)")
		bad.Share(in)
		env := environment()
		env.Data = selectFunc(func(*metric.Selector) []metric.Series { panic(value) })
		_, err := bad.Run(env)
		var internal *InternalError
		var own *Error
		var budget *BudgetError
		if !errors.As(err, &internal) || errors.As(err, &own) || errors.As(err, &budget) {
			t.Errorf("a panic with %T gives %T %v", value, err, err)
		}
		if in.machine != nil || bad.shared != nil {
			t.Errorf("after a panic with %T the machine is kept", value)
		}
		if v, err := good.Run(environment(newSeries("x", 1))); err != nil || format(v) != "2" {
			t.Errorf("after a panic with %T the other gives %s %v", value, format(v), err)
		}
	}
}

// TestProgramsInAnInterpreterKeepTheirOwn checks that what a program is given
// stays its own where others are given something else: its name, limits, clock
// of evaluation, data, history and pods.
func TestProgramsInAnInterpreterKeepTheirOwn(t *testing.T) {
	t.Parallel()
	in := new(Interpreter)
	type given struct {
		source string
		o      Options
		env    func() Env
	}
	env := func(change func(*Env)) func() Env {
		return func() Env {
			e := gateway()
			e.History = memory{newSeries("a", 7), newSeries("b", 8)}
			change(&e)
			return e
		}
	}
	same := env(func(*Env) {})
	all := []given{
		{`scalar(self) or 0`, Options{Name: "a"}, same},
		{`scalar(self) or 0`, Options{Name: "b"}, same},
		{`scalar(self) or 0`, Options{Name: "a"}, env(func(e *Env) { e.History = nil })},
		{`now`, Options{}, same},
		{`now`, Options{}, env(func(e *Env) { e.Now += 1000 })},
		{`within("Mon-Fri 08:00-18:00", "UTC") and 1 or 2`, Options{}, same},
		{`within("Mon-Fri 08:00-18:00", "UTC") and 1 or 2`, Options{}, env(func(e *Env) { e.Now += 12 * 3600 * 1000 })},
		{`sum(queue_length)`, Options{}, env(func(e *Env) { e.Data = memory{newSeries("queue_length", 99)} })},
		{`sum(queue_length)`, Options{}, env(func(e *Env) { e.Lookback = 1 })},
		{`sum(queue_length)`, Options{}, env(func(e *Env) { e.Now += 3600 * 1000 })},
		{`queue_length`, Options{Limits: Limits{Items: 1}}, same},
		{`queue_length`, Options{Limits: Limits{Memory: 10}}, same},
		{`queue_length + 1`, Options{Limits: Limits{Steps: 2}}, same},
		{`#string.rep("x", 20)`, Options{Limits: Limits{StringBytes: 19}}, same},
		{`#string.rep("x", 20)`, Options{}, same},
		{`#table.pack(1, 2, 3)`, Options{Limits: Limits{TableEntries: 2}}, same},
		{`p95(no_such_seconds["1m"])`, Options{}, same},
		{`pod_of(upstream_requests, "upstream")`, Options{}, env(func(e *Env) {
			e.PodOf = func(string) (string, bool) { return "one", true }
			e.Namespace = "shop"
		})},
		{`pod_of(upstream_requests, "upstream")`, Options{}, env(func(e *Env) { e.PodOf = nil })},
	}
	var alone, together []*Program
	for _, g := range all {
		g.o.Clock = testClock
		for _, programs := range []*[]*Program{&alone, &together} {
			p, err := Compile(g.source, g.o)
			if err != nil {
				t.Fatalf("%s: %v", g.source, err)
			}
			*programs = append(*programs, p)
		}
		together[len(together)-1].Share(in)
	}
	outcomes := map[string]bool{}
	for round := range 5 {
		for _, i := range permuted(len(all), round) {
			v, err := alone[i].Run(all[i].env())
			want := outcome(alone[i], v, err)
			v, err = together[i].Run(all[i].env())
			if got := outcome(together[i], v, err); got != want {
				t.Errorf("%s gives %s, and %s alone", all[i].source, got, want)
			}
			outcomes[fmt.Sprint(all[i].source, want)] = true
		}
	}
	if len(outcomes) < len(all)-1 {
		t.Errorf("%d programs have %d outcomes: they differ in nothing", len(all), len(outcomes))
	}
}
