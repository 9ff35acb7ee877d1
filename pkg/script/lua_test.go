package script

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gaugeway/gaugeway/pkg/script/syntax"
)

// printing returns the library with a function print that writes to out.
func printing(out *strings.Builder) *functionTable {
	t := newFunctionTable(library.ordered, []*builtin{{
		name: "print", params: []param{repeatable("x", anything)}, result: isNil,
		run: func(m *machine, n int) (int, error) {
			for i := 1; i <= n; i++ {
				if i > 1 {
					out.WriteByte('\t')
				}
				out.WriteString(m.describe(i))
			}
			out.WriteByte('\n')
			return 0, nil
		},
	}})
	return &t
}

// regardless compiles a program though the checker refuses it. What it refuses
// is returned, too.
func regardless(source string, table *functionTable, o Options) (*Program, Errors, error) {
	o.Limits = o.Limits.withDefaults()
	if o.Clock == nil {
		o.Clock = testClock
	}
	tree, err := syntax.Parse(source, o.Limits.StringBytes)
	if err != nil {
		return nil, nil, err
	}
	c := newChecker(table, o)
	c.program(tree)
	p, err := c.build(tree, o)
	return p, c.errs.sorted(), err
}

// onlySilent reports whether all that is wrong is that nothing is returned.
func onlySilent(errs Errors) bool {
	for _, e := range errs {
		if e.Message != "the program returns nothing" {
			return false
		}
	}
	return true
}

// TestSubset runs scripts in the subset of Lua that programs are written in and
// compares with what the reference implementation prints.
func TestSubset(t *testing.T) {
	t.Parallel()
	for _, file := range glob(t, "testdata/subset/*.lua") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			p, refused, err := regardless(read(t, file), printing(&out), Options{})
			if err != nil || !onlySilent(refused) {
				t.Fatalf("%v %v", refused, err)
			}
			if _, err := p.Run(environment()); err != nil {
				t.Fatalf("after %q: %v", out.String(), err)
			}
			if want := read(t, strings.TrimSuffix(file, ".lua")+".expected"); out.String() != want {
				t.Errorf("it prints\n%s, not\n%s", out.String(), want)
			}
		})
	}
}

// TestDifferential runs scripts of the whole of Lua. Each is refused, or prints
// what the reference implementation prints.
func TestDifferential(t *testing.T) {
	t.Parallel()
	for _, file := range glob(t, "testdata/differential/*.lua") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			p, refused, err := regardless(read(t, file), printing(&out), Options{})
			if err != nil || !onlySilent(refused) {
				return
			}
			_, err = p.Run(environment())
			var own *Error
			if errors.As(err, &own) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if want := read(t, strings.TrimSuffix(file, ".lua")+".expected"); out.String() != want {
				t.Errorf("it prints\n%s, not\n%s", out.String(), want)
			}
		})
	}
}

func glob(t testing.TB, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	return files
}

func read(t testing.TB, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
