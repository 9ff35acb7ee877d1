package script

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/Shopify/go-lua"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// TestShare checks which programs run in an interpreter with others.
func TestShare(t *testing.T) {
	t.Parallel()
	f := func(source string, want bool) {
		t.Helper()
		p, _, err := regardless(source, &library, Options{Name: "test"})
		if err != nil {
			t.Errorf("%s: %v", source, err)
			return
		}
		p.Share(new(Interpreter))
		if got := p.shared != nil; got != want {
			t.Errorf("%s shares: %t, not %t", source, got, want)
		}
	}
	f(`1`, true)
	f(`rps(requests_total["1m"])`, true)
	f(`p95(latency_seconds["1m"], by("pod"), {inflight = in_flight})`, true)
	f(`local a, b = sum(up), sum(queue_length) if a > 1 and b > 2 then return a / b end return b or 1`, true)
	f(`local p = "a" return sum(up{pod=p})`, true)
	f(`local t = {1, 2} t[3] = 4 return #t`, true)
	f(`error("x")`, true)
	f(`math.max(table.unpack({1, 2}))`, true)
	f(`for i = 1, 3 do end return 1`, false)
	f(`for i, x in ipairs({1}) do end return 1`, false)
	f(`while sum(up) > 9 do end return 1`, false)
	f(`repeat local a = 1 until true return 1`, true)
	f(`repeat local a = 1 until sum(up) > 1 return 1`, false)
	f(`::a:: if sum(up) > 9 then goto a end return 1`, false)
	f(`if sum(up) > 9 then goto a end ::a:: return 1`, true)
	f(`local function f() return 1 end return f()`, false)
	f(`filter(queue_length, function(x) return x > 2 end)`, false)
	f(`pcall(error, "x") return 1`, false)
	f(`local t = {2, 1} table.sort(t) return t[1]`, false)
	f(`map(queue_length, math.abs)`, false)
	f(`x = 1 return 1`, false)
	f(`_ENV = {} return 1`, false)
	f(`_ENV.x = 1 return 1`, false)
	f(`local e = _ENV e.x = 1 return 1`, false)
	f(`table.insert(_ENV, 1) return 1`, false)
}

// A beside is a program that runs alone, and the same in an interpreter with others.
type beside struct {
	source          string
	alone, together *Program
}

// besides compiles programs twice, also those that the checker refuses, for an
// interpreter that they share.
func besides(t *testing.T, in *Interpreter, sources []string) []beside {
	t.Helper()
	var out []beside
	for _, source := range sources {
		b := beside{source: source}
		for _, p := range []**Program{&b.alone, &b.together} {
			compiled, _, err := regardless(source, &library, Options{Name: "test", Limits: fuzzLimits})
			if err != nil {
				break
			}
			*p = compiled
		}
		if b.together != nil {
			b.together.Share(in)
			out = append(out, b)
		}
	}
	return out
}

// hostile are programs that try to leave something to others.
var hostile = []string{
	`x = 1 return 1`, `rate = nil return 1`, `_G.x = 1 return 1`, `_ENV.x = 1 return 1`,
	`getmetatable("").__index = 1 return 1`, `setmetatable(up, {}) return 1`, `rawset(up, 1, 2) return 1`,
	`math.max = nil return 1`, `string.rep = 5 return 1`, `("x").y = 1 return 1`,
	`local t = up t.x = 1 return 1`, `local n = nil n.x = 1 return 1`, `debug.sethook() return 1`, `collectgarbage() return 1`,
	`return x`, `return y`, `return _Frate`, `return _K1`, `return _Now`, `return now`,
	`error("x")`, `error(up)`, `error()`, `error(nil)`, `assert(false, "y")`, `up == up`, `up < 5`, `#up`, `up()`, `up.x`,
	`local a return a.b`, `local a = 1 return a()`, `local a = {} return a + 1`, `"x" + 1`, `nil + nil`, `-sum(none)`,
	`math.max(table.unpack({1, 2, 3, nil, 5}, 1, 200))`, `select(-1, table.unpack({1, 2}, 1, 190))`,
	`math.max(string.byte(string.rep("x", 199), 1, -1))`, `table.pack(table.unpack({}, 1, 200)).n`,
	`select(1, ` + strings.Repeat("1, ", 40) + `select(1, ` + strings.Repeat("2, ", 40) + `string.byte(string.rep("x", 200), 1, -1)))`,
	`tostring(` + strings.Repeat("1, ", 90) + `string.byte(string.rep("x", 200), 1, -1))`,
	`(` + strings.Repeat("1, ", 90) + `select(1, string.byte(string.rep("x", 200), 1, -1)))`,
	`up(` + strings.Repeat("1, ", 90) + `select(1, string.byte(string.rep("x", 200), 1, -1)))`,
	`local t = {` + strings.Repeat("1, ", 45) + `string.byte(string.rep("x", 200), 1, -1)} return #t`,
	`local e = _ENV e.x = 1 return 1`, `table.insert(_ENV, 1) return 1`, `#_ENV`, `local f, t, i = ipairs({up, up}) return f(t, i)`,
	`#string.rep("x", 4096)`, `#string.rep("x", 4097)`, `string.format("%99d", 1)`, `tostring(up)`,
	`local function f() return 1 + f() end return f()`, `local function f() pcall(f) end f() return 1`,
	`while true do end return 1`, `for i = 1, 1e9 do end return 1`, `local t = {} for i = 1, 1e6 do t[i] = i end return 1`,
	`local a, b, c, d, e, f, g, h = up, up, up, up, up, up, up, up return a`, `local a, b, c, d, e, f, g, h return h`,
	`...`, `select("#", ...)`, `local a, b = ... return a or b or 1`, `topk(3, queue_length)`, `sum(queue_length) + sum(up)`,
}

// TestSharingAnInterpreterChangesNothing compares what programs give, and what
// they are charged, alone and in an interpreter with others: programs of all
// kinds, in several orders, over several rounds.
func TestSharingAnInterpreterChangesNothing(t *testing.T) {
	t.Parallel()
	var sources []string
	sources = append(sources, shareable...)
	sources = append(sources, hostile...)
	for _, f := range Reference() {
		sources = append(sources, f.Example)
	}
	for _, file := range []string{"testdata/programs.txt", "testdata/refusals.txt"} {
		for _, part := range strings.Split(read(t, file), "\n\n")[1:] {
			source, _, _ := strings.Cut(part, "\n= ")
			source, _, _ = strings.Cut(source, "\n! ")
			sources = append(sources, source)
		}
	}
	for _, pattern := range []string{"testdata/attacks/*.lua", "testdata/subset/*.lua", "testdata/differential/*.lua"} {
		for _, file := range glob(t, pattern) {
			sources = append(sources, read(t, file))
		}
	}
	in := new(Interpreter)
	programs := besides(t, in, sources)
	shared, runs := 0, 0
	for round := range 3 {
		env := memoWorld(round)
		want := make([]string, len(programs))
		for i, p := range programs {
			v, err := p.alone.Run(env)
			want[i] = outcome(p.alone, v, err)
		}
		for _, i := range permuted(len(programs), round) {
			p := programs[i]
			v, err := p.together.Run(env)
			if got := outcome(p.together, v, err); got != want[i] {
				t.Errorf("round %d: %.200s\ngives %s\nalone %s", round, p.source, got, want[i])
			}
			if runs++; p.together.shared != nil {
				shared++
				checkEmpty(t, in.machine.l, p.source)
			}
		}
	}
	if shared*3 < runs {
		t.Errorf("%d of %d runs shared the interpreter", shared, runs)
	}
}

// checkEmpty checks that a run has left nothing on the stack nor above it.
func checkEmpty(t *testing.T, l *lua.State, source string) {
	t.Helper()
	if n := l.Top(); n != 0 {
		t.Errorf("%.60s leaves %d values on the stack", source, n)
	}
	const places = maxRegisters + maxResults + 2*lua.MinStack
	l.CheckStack(places)
	for i := range places {
		// The index 0 is the place above the top.
		if l.TypeOf(0) != lua.TypeNil {
			t.Errorf("%.60s leaves a %s in place %d above the stack", source, lua.TypeNameOf(l, 0), i)
			break
		}
		l.PushNil()
	}
	l.SetTop(0)
}

// TestSpoiltInterpreter checks that a program that exceeds a budget or meets a
// defect does so to itself: others run on, and it runs alone from then on.
func TestSpoiltInterpreter(t *testing.T) {
	t.Parallel()
	panicking := environment()
	panicking.Data = selectFunc(func(*metric.Selector) []metric.Series { panic("defect") })
	var many []metric.Series
	for i := range 40 {
		many = append(many, newSeries(fmt.Sprintf(`x{i="%d"}`, i), 1))
	}
	for _, c := range []struct {
		name   string
		source string
		limits Limits
		env    Env
	}{
		{name: "memory", source: "sum(x + 1)", limits: Limits{Memory: 2000}, env: environment(many...)},
		{name: "steps", source: "sum(x)", limits: Limits{Steps: 2}, env: environment(many...)},
		{name: "items", source: "x", limits: Limits{Items: 3}, env: environment(many...)},
		{name: "table entries", source: "sum(x) + #table.pack(1, 2, 3)", limits: Limits{TableEntries: 3}, env: environment(many...)},
		{name: "defect", source: "sum(x)", env: panicking},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bad, err := Compile(c.source, Options{Limits: c.limits, Clock: testClock})
			if err != nil {
				t.Fatal(err)
			}
			in := new(Interpreter)
			good := compile(t, "sum(x) + 1")
			bad.Share(in)
			good.Share(in)
			run := func() {
				t.Helper()
				if v, err := good.Run(environment(many...)); err != nil || format(v) != "41" {
					t.Errorf("the other gives %s %v, not 41", format(v), err)
				}
			}
			run()
			var budget *BudgetError
			var internal *InternalError
			if _, err := bad.Run(c.env); !errors.As(err, &budget) && !errors.As(err, &internal) {
				t.Fatalf("Run gives %T %v", err, err)
			}
			if bad.shared != nil || bad.machine() != nil || in.machine != nil {
				t.Error("the machine of an unclean run is kept")
			}
			run()
			before := in.machine
			for range 3 {
				_, _ = bad.Run(c.env)
				run()
			}
			if in.machine != before {
				t.Error("a program that runs alone spoils what others share")
			}
		})
	}
}

// TestErrorsKeepTheInterpreter checks that an error of a program is its own.
func TestErrorsKeepTheInterpreter(t *testing.T) {
	t.Parallel()
	in := new(Interpreter)
	good := compile(t, "sum(x) + 1")
	good.Share(in)
	bad := besides(t, in, []string{`error("x")`, `local t = {} return t + 1`, `local t = {{}} return t[1] < 5`, `local t = {} return t.x.y`, `local t = {up} return t[1]()`})
	for range 100 {
		for _, p := range bad {
			var own *Error
			if _, err := p.together.Run(environment()); !errors.As(err, &own) || p.together.shared == nil {
				t.Fatalf("%s gives %T %v", p.source, err, err)
			}
			if v, err := good.Run(environment(newSeries("x", 1))); err != nil || format(v) != "2" {
				t.Fatalf("after %s the other gives %s %v", p.source, format(v), err)
			}
		}
	}
	if in.machine.runs != 1000 {
		t.Errorf("the machine has served %d runs, not 1000", in.machine.runs)
	}
}

// TestInterpreterIsRenewed checks that programs run on when their interpreter is
// replaced, as each is after some time.
func TestInterpreterIsRenewed(t *testing.T) {
	t.Parallel()
	in := new(Interpreter)
	var programs []*Program
	for i := range 3 {
		p := compile(t, fmt.Sprintf("sum(x) + %d", i))
		p.Share(in)
		programs = append(programs, p)
	}
	seen := map[*machine]bool{}
	env := environment(newSeries("x", 1))
	for range runsWithout {
		for i, p := range programs {
			if v, err := p.Run(env); err != nil || format(v) != fmt.Sprint(i+1) {
				t.Fatalf("program %d gives %s %v", i, format(v), err)
			}
			seen[in.machine] = true
		}
	}
	if len(seen) != len(programs) {
		t.Errorf("%d machines served %d runs", len(seen), runsWithout*len(programs))
	}
}

// TestInterpreterIsTakenInTurns runs programs of one interpreter at once.
func TestInterpreterIsTakenInTurns(t *testing.T) {
	t.Parallel()
	in := new(Interpreter)
	sources := append([]string{`now`, `within("Mon-Fri 08:00-18:00", "UTC") and 1 or 2`, `sum(rate(requests_total["1m"]))`}, hostile...)
	var wait sync.WaitGroup
	for _, p := range besides(t, in, sources) {
		wait.Go(func() {
			for range 20 {
				v, err := p.alone.Run(gateway())
				want := fmt.Sprint(formatAll(v), err)
				v, err = p.together.Run(gateway())
				if got := fmt.Sprint(formatAll(v), err); got != want {
					t.Errorf("%s gives %s, alone %s", p.source, got, want)
				}
			}
		})
	}
	wait.Wait()
}
