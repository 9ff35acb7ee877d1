package script

import (
	"slices"
	"sync"
)

// An Interpreter is one interpreter of Lua that programs take turns with: most of
// what a program takes is the interpreter that it runs in. The zero value is ready.
// It is for concurrent use.
//
// Programs in it have nothing in common that one could write to: each has a
// function and an environment of its own, and after each run the stack is cleared.
// All the same it should serve the programs of one tenant only.
type Interpreter struct {
	mu      sync.Mutex
	machine *machine // nil before the first run and after a run that spoilt it
}

// Share lets the program run in an interpreter with others, where it is of a kind
// that cannot be in their way: straight on, without loops, functions of its own or
// callbacks. Any other runs alone, and so does one, from then on, that exceeded a
// budget or met a defect. No result, error or budget depends on it. It must not be
// called once the program has run.
func (p *Program) Share(in *Interpreter) {
	if p.straight {
		p.shared = in
	}
}

// ready returns the machine. The caller holds in.mu.
func (in *Interpreter) ready() *machine {
	m := in.machine
	if m == nil || m.runs >= max(runsWithout, runsPerProgram*m.loaded) {
		m = newMachine()
		in.machine = m
	}
	return m
}

// callsBack reports whether the function calls functions that it is given.
func (b *builtin) callsBack() bool {
	return slices.ContainsFunc(b.params, func(p param) bool { return p.kinds == isFunction })
}
