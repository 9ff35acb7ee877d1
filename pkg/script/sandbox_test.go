package script

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestAttacks runs scripts that crash the interpreter, hang it or eat memory
// without the sandbox. Each ends in a result or in a clean error: when it is
// compiled, when it runs, and also when it runs though the checker refuses it.
func TestAttacks(t *testing.T) {
	t.Parallel()
	for _, file := range glob(t, "testdata/attacks/*.lua") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			source := read(t, file)
			if p, err := Compile(source, Options{Name: "attack", Clock: steppingClock(5 * time.Millisecond)}); err == nil {
				checkEnd(t, p)
			} else {
				checkRefused(t, err)
			}
			if p, _, err := regardless(source, &library, Options{Name: "attack", Clock: steppingClock(5 * time.Millisecond)}); err == nil {
				checkEnd(t, p)
			}
		})
	}
}

func checkRefused(t *testing.T, err error) {
	t.Helper()
	var all Errors
	if !errors.As(err, &all) || len(all) == 0 {
		t.Fatalf("Compile gives %T %v, not Errors", err, err)
	}
	for _, e := range all {
		if e.Message == "" || len(e.Error()) > 2000 {
			t.Errorf("the message %q is no help", e.Error())
		}
	}
}

// checkEnd runs a program twice and checks that it ends well, the same way.
func checkEnd(t *testing.T, p *Program) {
	t.Helper()
	var ends [2]string
	for i := range ends {
		v, err := p.Run(environment(newSeries(`x{pod="a"}`, counter(13, 0, 1)...)))
		var own *Error
		var budget *BudgetError
		switch {
		case err == nil:
			ends[i] = format(v)
		case errors.As(err, &own):
			ends[i] = err.Error()
		case errors.As(err, &budget):
			ends[i] = "budget"
			if p.machine() != nil {
				t.Error("the machine of an aborted run is kept")
			}
		default:
			t.Fatalf("Run gives %T: %v", err, err)
		}
		if len(ends[i]) > 2*maxErrorText {
			t.Errorf("the message has %d bytes", len(ends[i]))
		}
	}
	if ends[0] != ends[1] {
		t.Errorf("the first run gives %s, the second %s", ends[0], ends[1])
	}
}

// steppingClock advances whenever it is looked at.
func steppingClock(step time.Duration) func() time.Time {
	now := testClock()
	return func() time.Time {
		now = now.Add(step)
		return now
	}
}

// TestBudgets checks what ends a run that goes beyond each of its limits.
func TestBudgets(t *testing.T) {
	t.Parallel()
	few := Limits{Steps: 2000, Depth: 10, Memory: 1 << 20, TableEntries: 20, Items: 3, StringBytes: 100}
	for _, c := range []struct {
		name, source string
		limits       Limits
		clock        func() time.Time
		want         string
	}{
		{name: "steps", source: "while true do end return 1", limits: few, want: "line 1: the program used up its budget of steps (2000); make it smaller or raise --lua-max-steps"},
		{name: "steps within pcall", source: "while true do\n pcall(function() while true do end end) end return 1", limits: few, want: "line 2: the program used up its budget of steps (2000); make it smaller or raise --lua-max-steps"},
		{name: "steps of a library function", source: "local t = {}\nfor i = 1, 1e6 do table.concat(t) end return 1", limits: few, want: "line 2: the program used up its budget of steps (2000); make it smaller or raise --lua-max-steps"},
		{name: "steps of reading", source: "for i = 1, 1e6 do sum(x) end return 1", limits: few, want: "line 1: the program used up its budget of steps (2000); make it smaller or raise --lua-max-steps"},
		{name: "time", source: "for i = 1, 1e5 do end\nreturn 1", clock: steppingClock(10 * time.Millisecond), want: "line 1: the program used up its budget of time (1s); make it smaller or raise --lua-max-time"},
		{name: "depth", source: "local function f() return 1 + f() end\nreturn f()", limits: few, want: "line 1: the program used up its budget of depth (10 calls); make it smaller or raise --lua-max-depth"},
		{name: "memory of vectors", source: "local v = x\nfor i = 1, 1e5 do v = v + 1 end return v", limits: Limits{Memory: 1 << 20, Steps: 1e6}, want: "line 2: the program used up its budget of memory (1 MiB); make it smaller or raise --lua-max-memory"},
		{name: "memory of strings", source: "local s = string.rep('a', 4000)\nfor i = 1, 1e5 do s = s:reverse() end return #s", limits: Limits{Memory: 1 << 20, Steps: 1e6}, want: "line 2: the program used up its budget of memory (1 MiB); make it smaller or raise --lua-max-memory"},
		{name: "table entries", source: "local t = {}\nfor i = 1, 100 do t[i] = i end return #t", limits: few, want: "line 2: the program used up its budget of table entries (20); make it smaller or raise --lua-max-table-entries"},
		{name: "table entries by insert", source: "local t = {}\nfor i = 1, 100 do table.insert(t, i) end return #t", limits: few, want: "line 2: the program used up its budget of table entries (20); make it smaller or raise --lua-max-table-entries"},
		{name: "items", source: "x", limits: few, want: "the program used up its budget of items (3); make it smaller or raise --lua-max-items"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.clock == nil {
				c.clock = testClock
			}
			p, err := Compile(c.source, Options{Limits: c.limits, Clock: c.clock})
			if err != nil {
				t.Fatal(err)
			}
			env := environment()
			for i := range 10 {
				env.Data = append(env.Data.(memory), newSeries(fmt.Sprintf(`x{pod="%d"}`, i), 1))
			}
			_, err = p.Run(env)
			var budget *BudgetError
			if !errors.As(err, &budget) || err.Error() != c.want {
				t.Errorf("Run gives %T %v, not %s", err, err, c.want)
			}
		})
	}
}

// TestStringBudget checks that a string that is too long is the program's error.
func TestStringBudget(t *testing.T) {
	t.Parallel()
	f := func(source, function string) {
		t.Helper()
		p, err := Compile(source, Options{Limits: Limits{StringBytes: 100}, Clock: testClock})
		if err != nil {
			t.Errorf("Compile(%s): %v", source, err)
			return
		}
		_, err = p.Run(environment())
		want := "line 1: " + function + ": the string has more than 100 bytes; make it shorter or raise --lua-max-string-bytes"
		if err == nil || err.Error() != want {
			t.Errorf("%s gives %v, not %s", source, err, want)
		}
	}
	f(`#string.rep("ab", 51)`, "string.rep")
	f(`#string.rep("ab", 50, ",")`, "string.rep")
	f(`#string.format("%99d%99d", 1, 2)`, "string.format")
	f(`local s = string.rep("a", 60) return #concat(s, s)`, "concat")
	f(`local s = string.rep("a", 60) return #table.concat({s, s})`, "table.concat")
}

// TestAbortIsNotCaught checks that nothing in a program outlives its budget.
func TestAbortIsNotCaught(t *testing.T) {
	t.Parallel()
	f := func(source string) {
		t.Helper()
		p := compile(t, source)
		_, err := p.Run(environment(newSeries("x", 1)))
		var budget *BudgetError
		if !errors.As(err, &budget) {
			t.Errorf("%s: Run gives %T %v, not a budget error", source, err, err)
		}
	}
	f("local ok = pcall(function() while true do end end) return 1")
	f("while true do pcall(function() while true do end end) end return 1")
	f("local function f() pcall(f) while true do end end f() return 1")
	f("local function f() while true do pcall(error, 'x') end end pcall(f) pcall(f) return 1")
	f("local n = 0 while true do n = n + 1 pcall(error, n) end return 1")
	f("table.sort({1, 2, 3}, function(a, b) while true do end end) return 1")
	f("return filter(x, function() while true do end end)")
	f("return map(x, function() pcall(error) while true do end end)")
	f("::a:: pcall(error) goto a return 1")
	f("local function f() return f() end return f()")
}

// TestIsolation checks that a run leaves nothing to the next, and a program
// nothing to another.
func TestIsolation(t *testing.T) {
	t.Parallel()
	p := compile(t, "local t = {} for i = 1, 5 do t[i] = (t[i] or 0) + i end local n = 0 local function f() n = n + 1 return n end f() return f() + #t")
	for range 3 * runsWithClosures {
		v, err := p.Run(environment())
		if got := format(v); err != nil || got != "7" {
			t.Fatalf("Run gives %s %v, not 7", got, err)
		}
	}
}

// TestRebuild checks that a program runs on after errors and aborts.
func TestRebuild(t *testing.T) {
	t.Parallel()
	p := compile(t, `local n = sum(x) if n == 1 then error("one") elseif n == 2 then while true do end end return n`)
	run := func(x float64, want string) {
		t.Helper()
		v, err := p.Run(environment(newSeries("x", x)))
		got := format(v)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("with x = %g Run gives %s, not %s", x, got, want)
		}
	}
	run(3, "3")
	run(1, "line 1: one")
	run(3, "3")
	run(2, "line 1: the program used up its budget of steps (100000); make it smaller or raise --lua-max-steps")
	run(3, "3")
}

// TestCompileBounds checks what ends the compilation of a program that would
// keep the interpreter's compiler busy.
func TestCompileBounds(t *testing.T) {
	t.Parallel()
	f := func(source, want string) {
		t.Helper()
		_, err := Compile(source, Options{Limits: Limits{SourceBytes: 100_000, StringBytes: 1000}, Clock: testClock})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s...: Compile gives %v, not %s", source, err, want)
		}
	}
	many := func(n int, part, separator string) string {
		return strings.TrimSuffix(strings.Repeat(part+separator, n), separator)
	}
	f("return "+many(202, "sum(a)", " or "), "more than 200 of and, or, if and loops")
	f(many(300, "if sum(a) > 1 then", " ")+many(300, "end", " "), "nests more than 100 deep")
	f("return "+strings.Repeat("(", 300)+"1"+strings.Repeat(")", 300), "nests more than 100 deep")
	f("return "+strings.Repeat("-", 1)+strings.Repeat(" -", 300)+"1", "nests more than 100 deep")
	f("return "+many(300, "2", "^"), "nests more than 100 deep")
	f("return concat("+many(60, "1", ",")+")", "a list has 60 values, more than 50")
	f("local t = {"+many(101, "1", ",")+"} return #t", "a table is written with 101 elements, more than 100")
	for _, fine := range []string{
		"return " + many(3000, "1", "+"),
		"local x = sum(a) return " + many(1500, "x", "+"),
		"local x = sum(a) " + many(700, "x = x + 1", " ") + " return x",
		"return " + many(201, "sum(a)", " or "),
	} {
		if _, err := Compile(fine, Options{Limits: Limits{SourceBytes: 100_000}, Clock: testClock}); err != nil {
			t.Errorf("%.60s...: %v", fine, err)
		}
	}
	f("local x = sum(a) "+many(3000, "x = x + 1", " ")+" return x", "more than 2000")
	f(many(120, "local a = sum(b)", " ")+" return a", "more than 100")
	f(`"`+strings.Repeat("x", 2000)+`"`, "the string has more than 1000 bytes")
	f(strings.Repeat("x", 200_000), "the program has 200000 bytes, more than 100000; split it into several metrics or raise --lua-max-source-bytes")

	_, err := Compile("sum(rate(a[\"1m\"])) + "+many(50, "1", "+"), Options{Clock: steppingClock(600 * time.Millisecond)})
	if err == nil || err.Error() != "the program takes too long to compile" {
		t.Errorf("with a slow clock Compile gives %v", err)
	}
}

// TestDefects holds the known defects of the interpreter: each snippet is
// refused or gives what Lua gives.
func TestDefects(t *testing.T) {
	t.Parallel()
	f := func(source, want string) {
		t.Helper()
		p, err := Compile(source, Options{Name: "x", Clock: testClock})
		if err != nil {
			var all Errors
			if !errors.As(err, &all) || all[0].Error() != want {
				t.Errorf("%s: Compile gives %v, not %s", source, err, want)
			}
			return
		}
		v, err := p.Run(environment(newSeries("m", 1)))
		got := format(v)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: Run gives %s, not %s", source, got, want)
		}
	}
	// After a concatenation the next metamethod overwrites locals.
	f(`local s="a".."b" local p,q=1,2 local r=m+m return p`, "line 1: `..` is not available here; use concat(a, b)")
	f(`local s=concat("a","b") local p,q=1,2 local r=m+m return p+q`, "3")
	// Varargs and a tail call.
	f(`local function g() return 1 end local function f(...) return g() end return f(1,2,3)`, "line 1: `...` is not available here; name the parameters, or pass a table")
	// Closures are merged when captured values are equal.
	f(`local function o(x) return function() x=x+1 return x end end return o(1)()`, "line 1: a function is defined within a function; define it outside of the other function")
	// Closures that capture two variables leak, more slowly with each.
	f(`for i=1,3e4 do local a,b=i,i local f=function() a=a+b end f() end return 1`, "line 1: a function within a loop uses several variables from outside; define it before the loop, with what it needs as parameters")
	f(`local n=0 ::top:: local a,b=1,2 local f=function() a=a+b end f() n=n+1 if n<3e4 then goto top end return n`, "line 1: a function within a loop uses several variables from outside; define it before the loop, with what it needs as parameters")
	f(`local n=0 for i=1,500 do local a=i local f=function() a=a+1 return a end n=n+f() end return n`, "125750")
	// The remainder has the wrong sign.
	f(`local a,b=-5,3 return a%b`, "line 1: `%` is not available here; use mod(a, b)")
	f(`local a,b=-5,3 return mod(a,b)`, "1")
	// xpcall calls the wrong function.
	f(`xpcall(function() error("x") end,function(e) return e end) return 1`, "line 1: xpcall is not available here; use pcall")
	// Removing while iterating.
	f(`local t={a=1,b=2} for k in pairs(t) do t[k]=nil end return #t`, "0")
	// Sparse tables are slow.
	f(`local t={} for i=1,3e4 do t[i*4]=1 end return 1`, "line 1: the program used up its budget of table entries (2000); make it smaller or raise --lua-max-table-entries")
	// Errors that are no strings are lost.
	f(`error({code=1})`, "line 1: table")
	f(`error(nil)`, "line 1: nil")
	f(`error()`, "line 1: error")
	f(`error(m)`, "line 1: vector")
	// Out of bounds in the library.
	f(`select("")`, `line 1: select: "" selects nothing; write select("#", ...) or a number`)
	f(`#string.format("%")`, `line 1: string.format: the format ends within "%"; write %% for a percent sign`)
	f(`#string.format("%+", 1)`, `line 1: string.format: the format ends within "%+"; write %% for a percent sign`)
	f(`#string.format("%99", 1)`, `line 1: string.format: the format ends within "%99"; write %% for a percent sign`)
	f(`#string.format("%p", 1)`, "line 1: string.format: there is no format %p; use %d, %f, %g or %s")
	f(`"0x" + 0`, "line 1: attempt to perform arithmetic on a string value")
	// A string's metatable is nobody's.
	f(`local s = "x" s.y = 1 return 1`, "line 1: a string cannot be changed")
	f(`local s = "x" return s.y`, "line 1: a string has no fields")
	// The order of a table is the same in every run.
	f(`local t, s = {z=1, a=2, m=3, [2]=4, [1]=5}, "" for k in pairs(t) do s = concat(s, k) end error(s) return 1`, "line 1: 12amz")
	// nil absorbs.
	f(`local n = sum(none) return n / 1000`, "none")
	f(`local n = sum(none) return -n ^ 2 - 1 + n * n`, "none")
	f(`local n = sum(none) if n > 5 or n < 5 or n >= 5 or n <= 5 then return 1 end return 2`, "2")
	f(`local n = sum(none) return n or 7`, "7")
	f(`local n = sum(none) return clamp_min(n, 3) or math.max(n, 3) or math.floor(n)`, "none")
}
