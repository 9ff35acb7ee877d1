package syntax_test

import (
	"strings"
	"testing"

	"github.com/yuin/gopher-lua/parse"

	"github.com/gaugeway/gaugeway/pkg/script/syntax"
)

// FuzzParse checks that what is printed reads as the same program, here and by
// gopher-lua's parser.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`sum(rate(a{b="c", d=re"e.*", ["end"]={neq"x"}}["5m"]), by("pod")) / 1000`,
		`vllm:num_requests_waiting{model_name="llama"}["1m"]`,
		"local ok, t = 1, {1, 2; x = 3, [4] = 5}\nif not ok or #t >= 2 and -ok ^ 2 ~= .5 then return 'a\\65\\n' elseif x then goto l else ::l:: end",
		"for i = 1, 0x10, 2 do while i < 3 do break end end for k, v in pairs(t) do repeat t.x[k] = v until k == v end",
		"local function f(a, b) return a .. b, (f()) end f{1} f'x' f[[\ny]] f(1)(2).z = 3 do end function g.h() return end",
		"-- c\n--[==[ d ]==] s:sub(1, 2):rep(3) ; return 1e3 % 2",
		`sum(rate(a[5m])) by (pod)`, `"\x41\z  \"`, `a != b`, "`", "\x00", "é", "[==[", "--[[", "a:b:c{}", "f\n(x)",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		p, err := syntax.Parse(source, maxString)
		if err != nil {
			return
		}
		printed := print(p)
		again, err := syntax.Parse(printed, maxString)
		if err != nil {
			t.Fatalf("%q prints as %q, which is no program: %v", source, printed, err)
		}
		if twice := print(again); twice != printed {
			t.Fatalf("%q prints as %q, and that as %q", source, printed, twice)
		}
		text := source
		if p.Expression {
			text = "return " + source
		}
		if beyondLua51(text) || strings.Contains(text, "function") {
			return
		}
		if _, err := parse.Parse(strings.NewReader(text), ""); err != nil {
			return // it takes less than Lua 5.2
		}
		if !sameTree(t, text, printed) {
			t.Fatalf("printing %q as %q changes the tree", source, printed)
		}
	})
}
