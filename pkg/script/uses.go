package script

import (
	"errors"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// A Use is where a program uses a function of a module.
type Use struct {
	// Name as it is written: kong.queue_depth, or gateway.queue_depth.
	Name string
	// Preset is the module's name, Metric that of its function.
	Preset, Metric string
	// Line and Column of where it begins, counting from 1. They are those of all
	// that the function reads for it: see Program.Position.
	Line, Column int
	// Window is its window, or the module's, in milliseconds. A function that
	// reads instants does not look at it.
	Window int64
	// Labels are what it selects by, in the vocabulary's names.
	Labels []string
	// Grouped: it has a grouping, which By holds, and gives a vector.
	Grouped bool
	By      []string
}

// Uses returns the uses of modules' functions in the program, in the order of
// the source.
func (p *Program) Uses() []Use { return p.uses }

// attribute says of an error of a run which function of a module it is of, where
// the program is nothing but a use.
func (p *Program) attribute(err error) error {
	if err == nil || p.whole == "" {
		return err
	}
	var own *Error
	if !errors.As(err, &own) {
		return err
	}
	named := *own
	named.Message = p.whole + ": " + own.Message
	return &named
}

// UseOf returns the use for which the program first reads a selector that Wants
// returned, and false where it is not within one.
func (p *Program) UseOf(sel *metric.Selector) (Use, bool) {
	line, column := p.Position(sel)
	for _, u := range p.uses {
		if u.Line == line && u.Column == column {
			return u, true
		}
	}
	return Use{}, false
}
