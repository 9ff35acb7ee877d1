package syntax_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"

	"github.com/gaugeway/gaugeway/pkg/script/syntax"
)

const maxString = 4096

func print(p *syntax.Program) string { return new(syntax.Printer).Print(p.Body) }

func TestPrint(t *testing.T) {
	t.Parallel()
	f := func(source, want string) {
		t.Helper()
		p, err := syntax.Parse(source, maxString)
		if err != nil {
			t.Errorf("Parse(%q): %v", source, err)
			return
		}
		if got := print(p); got != want {
			t.Errorf("Parse(%q) prints as\n%s, not\n%s", source, got, want)
		}
	}
	f(`1`, "return 1; ")
	f(`0x10`, "return 16; ")
	f(`.5e1`, "return 5; ")
	f(`3.`, "return 3; ")
	f(`0.1`, "return 0.1; ")
	f(`1e300`, "return 1e+300; ")
	f(`"a\"\\\65\x42\z
	   c\
d"`, `return "a\"\\ABc\010d"; `)
	f("[==[\na]]b\r\nc]==]", `return "a]]b\010c"; `)
	f("'ä'", `return "\195\164"; `)
	f(`a{b="c", ["end"]="x"}["5m"]`, `return a{["b"] = "c", ["end"] = "x"}["5m"]; `)
	f(`vllm:num_requests_waiting{x="y"}["1m"]`, `return vllm:num_requests_waiting{["x"] = "y"}["1m"]; `)
	f(`vllm : waiting {}`, `return vllm:waiting{}; `)
	f(`series"a.b"`, `return series"a.b"; `)
	f(`1+2*3^-4^5 ..6`, `return 1 + 2 * 3 ^ - 4 ^ 5 .. 6; `)
	f(`not (a and b) or c == d`, `return not (a and b) or c == d; `)
	f(`(f())`, `return (f()); `)
	f(`-x.y`, `return - x["y"]; `)
	f(`#t`, `return # t; `)
	f("-- a comment\n--[[ another\none ]] 1 --", "\n\nreturn 1; ")
	f("local a, b = 1 local c return a, b, c", "local a, b = 1; local c; return a, b, c; ")
	f("if a then b() elseif c then d() else e() end", "if a then b(); elseif c then d(); else e(); end; ")
	f("if a then\n b()\nelse\nend\nreturn 1", "if a then \nb(); \nelse end; \n\nreturn 1; ")
	f("while a do break end", "while a do break; end; ")
	f("repeat local a = 1 until a == b", "repeat local a = 1; until a == b; ")
	f("for i = 1, 2, 3 do end for k, v in pairs(t) do goto done ::done:: end", "for i = 1, 2, 3 do end; for k, v in pairs(t) do goto done; ::done::; end; ")
	f("local function f(a, b) return a end return f(1, 2)", "local function f(a, b) return a; end; return f(1, 2); ")
	f("function t.a.b(c) end", `t["a"]["b"] = function(c) end; `)
	f("t.x, y = f{1, 2; 3}, function() end", `t["x"], y = f{1, 2, 3}, function() end; `)
	f(`local s = "x" return s:rep(2)`, `local s = "x"; return s:rep(2); `)
	f(`;;; return 1;`, "return 1; ")
	f("f()\ng()", "f(); \ng(); ")
	f("sum(\n  a\n  /\n  b)", "return sum(\na\n / \nb); ")
}

func TestPositions(t *testing.T) {
	t.Parallel()
	p, err := syntax.Parse("local a =\n  1 + rate\nreturn a", maxString)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	syntax.Walk(p.Body, func(e syntax.Expr) {
		got = append(got, fmt.Sprintf("%T %d:%d", e, e.At().Line, e.At().Column))
	}, func(l *syntax.Local) {
		got = append(got, fmt.Sprintf("local %s %d:%d used %d", l.Name, l.Line, l.Column, l.Uses))
	})
	want := "*syntax.Binary 2:5, *syntax.Number 2:3, *syntax.Name 2:7, local a 1:7 used 1, *syntax.Name 3:8"
	if strings.Join(got, ", ") != want {
		t.Errorf("got %s, not %s", strings.Join(got, ", "), want)
	}
}

// TestResolve checks which declaration a name means.
func TestResolve(t *testing.T) {
	t.Parallel()
	f := func(source string, want ...string) {
		t.Helper()
		p, err := syntax.Parse(source, maxString)
		if err != nil {
			t.Errorf("Parse(%q): %v", source, err)
			return
		}
		var got []string
		syntax.Walk(p.Body, func(e syntax.Expr) {
			n, ok := e.(*syntax.Name)
			switch {
			case !ok:
			case n.Local == nil:
				got = append(got, n.Text+" global")
			default:
				got = append(got, fmt.Sprintf("%s %d", n.Text, n.Local.Column))
			}
		}, func(*syntax.Local) {})
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %q, not %q", source, got, want)
		}
	}
	f("local a = a return a", "a global", "a 7")
	f("local a local a = a return a", "a 7", "a 15")
	f("do local a end return a", "a global")
	f("local function f() return f end return f", "f 16", "f 16")
	f("local f = function() return f end", "f global")
	f("for a = a, a do a() end a()", "a global", "a global", "a 5", "a global")
	f("for a in a do a() end", "a global", "a 5")
	f("repeat local a until a return a", "a 14", "a global")
	f("local a return function(a) return a end, a", "a 25", "a 7")
	f("local a function a() end", "a 7")
}

func TestErrors(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/errors/*.lua")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = syntax.Parse(string(source), maxString)
			var failure *syntax.Error
			if !errors.As(err, &failure) {
				t.Fatalf("Parse gives %v, not a *syntax.Error", err)
			}
			if failure.Cure == "" {
				t.Error("there is no cure")
			}
			golden(t, strings.TrimSuffix(file, ".lua")+".golden", fmt.Sprintf("%v; %s\n", failure, failure.Cure))
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got %swant %s", got, want)
	}
}

// sameTree reports whether gopher-lua's parser, an independent one, reads two
// sources as the same tree, lines aside.
func sameTree(t testing.TB, a, b string) bool {
	t.Helper()
	read := func(source string) string {
		tree, err := parse.Parse(strings.NewReader(source), "")
		if err != nil {
			return "error: " + err.Error()
		}
		for _, s := range tree {
			normalize(reflect.ValueOf(s))
		}
		return parse.Dump(tree)
	}
	treeA, treeB := read(a), read(b)
	if strings.HasPrefix(treeA, "error: ") && strings.HasPrefix(treeB, "error: ") {
		t.Errorf("gopher-lua reads neither\n%s\nnor\n%s\n%s", a, b, treeB)
	}
	return treeA == treeB
}

// normalize writes numbers in one way.
func normalize(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if n, ok := v.Interface().(*ast.NumberExpr); ok {
			p, err := syntax.Parse(n.Value, maxString)
			if err == nil {
				n.Value = print(p)
			}
			return
		}
		if !v.IsNil() {
			normalize(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				normalize(v.Field(i))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			normalize(v.Index(i))
		}
	}
}

// TestAgainstGopherLua prints what was parsed and has another parser read both.
func TestAgainstGopherLua(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../testdata/*/*.lua")
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := string(source)
		p, err := syntax.Parse(text, maxString)
		if err != nil {
			continue
		}
		if p.Expression {
			text = "return " + text
		}
		if !beyondLua51(text) && !strings.Contains(text, "function t.") {
			compared++
			if !sameTree(t, text, print(p)) {
				t.Errorf("%s: printing changes the tree: %s", file, print(p))
			}
		}
	}
	if compared < 100 {
		t.Errorf("only %d sources were compared", compared)
	}
}

// beyondLua51 reports whether gopher-lua's scanner reads a source otherwise.
func beyondLua51(source string) bool {
	return strings.Contains(source, `\x`) || strings.Contains(source, `\z`) || strings.Contains(source, "break") || strings.ContainsAny(source, "\r\v\f")
}
