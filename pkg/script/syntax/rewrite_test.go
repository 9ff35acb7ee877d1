package syntax

import "testing"

// every is a program with all statements and expressions, each around x.
const every = `local a = x
local function f(p) return x, p end
if x then a = x elseif x then a = -x else a = not x end
for i = x, x, x do a = {x, y = x, [x] = x} end
for k in f(x) do a = (x) + x end
while x do break end
repeat goto done until x
do ::done:: f(x) end
a[x] = x.y
return a:upper(x), x{x}, function(q) return x end`

// TestRewriteReachesAll checks that an expression is replaced wherever it stands.
func TestRewriteReachesAll(t *testing.T) {
	t.Parallel()
	p, err := Parse(every, 100)
	if err != nil {
		t.Fatal(err)
	}
	Rewrite(p.Body, func(e Expr) Expr {
		if n, ok := e.(*Name); ok && n.Text == "x" {
			return &Number{Pos: n.Pos, Value: 1}
		}
		return e
	})
	Walk(p.Body, func(e Expr) {
		if n, ok := e.(*Name); ok && n.Text == "x" {
			t.Errorf("line %d still has x", n.Line)
		}
	}, func(*Local) {})
	init := p.Body[0].(*LocalStmt).Names[0].Init
	if n, ok := init.(*Number); !ok || n.Value != 1 {
		t.Errorf("the variable is declared with %#v", init)
	}
}

// TestRewriteStops checks that parts of what was replaced are left alone.
func TestRewriteStops(t *testing.T) {
	t.Parallel()
	p, err := Parse("f(x, g(x))", 100)
	if err != nil {
		t.Fatal(err)
	}
	var seen int
	Rewrite(p.Body, func(e Expr) Expr {
		if c, ok := e.(*Call); ok && c.Func.(*Name).Text == "g" {
			return &Paren{Pos: c.Pos, Inner: &Name{Pos: c.Pos, Text: "x"}}
		}
		if n, ok := e.(*Name); ok && n.Text == "x" {
			seen++
		}
		return e
	})
	if seen != 1 {
		t.Errorf("x was seen %d times, not once", seen)
	}
	if got := (&Printer{}).Print(p.Body); got != "return f(x, (x)); " {
		t.Errorf("it became %s", got)
	}
}

// TestCopy checks that a copy prints alike and shares nothing.
func TestCopy(t *testing.T) {
	t.Parallel()
	f := func(source string) {
		t.Helper()
		p, err := Parse(source, 100)
		if err != nil {
			t.Fatal(err)
		}
		ret := p.Body[0].(*Return)
		before := (&Printer{}).Print(p.Body)
		seen := map[Expr]bool{}
		Walk(p.Body, func(e Expr) { seen[e] = true }, func(*Local) {})
		c := Copier{Position: func(Pos) Pos { return Pos{Line: 1, Column: 7} }}
		copied := []Stmt{&Return{Pos: ret.Pos, Exprs: []Expr{c.Copy(ret.Exprs[0])}}}
		if got := (&Printer{}).Print(copied); got != before {
			t.Errorf("the copy of %s is %s", before, got)
		}
		Walk(copied, func(e Expr) {
			if seen[e] {
				t.Errorf("%s: the copy shares %T", source, e)
			}
			if e.At() != (Pos{Line: 1, Column: 7}) {
				t.Errorf("%s: a %T is at %v", source, e, e.At())
			}
		}, func(*Local) {})
	}
	f(`f(nil, true, 1, "s")`)
	f(`a.b["c"]{x="y", 5, ["z"]=not -#x}`)
	f(`(a):rep(2) == b or c and 1 ^ 2`)
	f(`name{label={re"x", "y"}}["1m"]`)
}
