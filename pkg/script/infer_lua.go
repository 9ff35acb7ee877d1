package script

import "github.com/gaugeway/gaugeway/pkg/script/syntax"

// What Lua's own functions give.

func inferProtectedCall(c *checker, x *application) []value {
	results := c.invoke(x.args.at(0).functions, x.args.from(1), x.arg(0))
	out := []value{{kinds: isBoolean}}
	for i := range max(1, len(results.values)) {
		v := value{}
		v.add(results.at(i))
		if i == 0 {
			v.add(value{kinds: isString, anyText: true}) // the message of an error
		}
		out = append(out, v)
	}
	return out
}

func inferAssert(c *checker, x *application) []value {
	v := x.args.at(0)
	c.checkTruth(x.arg(0), v, "be asserted", truthCure)
	out := []value{v.with(^(isNil | isFalse))}
	return append(out, x.args.from(1).values...)
}

func inferSelect(_ *checker, x *application) []value {
	v := x.args.from(1).all()
	if x.args.at(0).kinds.has(isString) {
		v.kinds |= isNumber
	}
	return []value{v}
}

func inferElement(c *checker, _ *application) []value {
	var v value
	v.add(c.fields)
	v.kinds |= isNil
	return []value{v}
}

// inferStore is a function that puts its arguments, but the first ones, into a table.
func inferStore(from int) func(*checker, *application) []value {
	return func(c *checker, x *application) []value {
		c.learn(c.fields.add(x.args.from(from).all()))
		return []value{{kinds: x.builtin.result}}
	}
}

func inferPack(c *checker, x *application) []value {
	c.learn(c.fields.add(value{kinds: isNumber})) // n
	return inferStore(0)(c, x)
}

func inferSort(c *checker, x *application) []value {
	var element value
	element.add(c.fields)
	c.invoke(x.args.at(1).functions, list{values: []value{element, element}}, x.arg(1))
	return []value{{kinds: isNil}}
}

// captured returns the local variables of the chunk that a function uses.
func captured(f *syntax.Function) []*syntax.Local {
	own := map[*syntax.Local]bool{}
	for _, p := range f.Params {
		own[p] = true
	}
	var out []*syntax.Local
	seen := map[*syntax.Local]bool{}
	syntax.Walk(f.Body, func(e syntax.Expr) {
		if n, ok := e.(*syntax.Name); ok && n.Local != nil && !seen[n.Local] {
			seen[n.Local] = true
			out = append(out, n.Local)
		}
	}, func(l *syntax.Local) { own[l] = true })
	n := 0
	for _, l := range out {
		if !own[l] {
			out[n] = l
			n++
		}
	}
	return out[:n]
}
