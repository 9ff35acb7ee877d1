package script

import (
	"fmt"
	"slices"
	"strings"
)

// An Error is a mistake in a program, found when it was compiled or while it ran.
type Error struct {
	// Line and Column count from 1 and are 0 where they are not known. Columns
	// count bytes.
	Line, Column int
	// Message says what is wrong.
	Message string
	// Cure says what to write instead; it may be empty.
	Cure string
}

// Error returns "line 3: message; cure".
func (e *Error) Error() string {
	var b strings.Builder
	if e.Line > 0 {
		fmt.Fprintf(&b, "line %d: ", e.Line)
	}
	b.WriteString(e.Message)
	if e.Cure != "" {
		b.WriteString("; ")
		b.WriteString(e.Cure)
	}
	return b.String()
}

// Errors are all mistakes that compiling found, by line and column. It is
// never empty where it is returned as an error.
type Errors []*Error

// Error returns one mistake a line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, err := range e {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap makes errors.As find the first *Error.
func (e Errors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, err := range e {
		errs[i] = err
	}
	return errs
}

// sorted orders by position and drops repetitions.
func (e Errors) sorted() Errors {
	slices.SortStableFunc(e, func(a, b *Error) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		if a.Column != b.Column {
			return a.Column - b.Column
		}
		return strings.Compare(a.Message, b.Message)
	})
	return slices.CompactFunc(e, func(a, b *Error) bool { return *a == *b })
}

// A BudgetError says that a run was ended because it used up one of its
// Limits. The next run starts afresh; a caller that sees several in a row
// should leave the program alone for a while.
type BudgetError struct {
	// Line of the program where it ended; 0 where it is not known.
	Line int
	// Budget is what was used up: "steps", "time", "depth", "memory",
	// "table entries" or "items".
	Budget string
	// Limit is how much there was, with its unit.
	Limit string
	// Flag raises the limit.
	Flag string
}

// Error names the budget, the limit and the flag that raises it.
func (e *BudgetError) Error() string {
	where := ""
	if e.Line > 0 {
		where = fmt.Sprintf("line %d: ", e.Line)
	}
	return fmt.Sprintf("%sthe program used up its budget of %s (%s); make it smaller or raise %s", where, e.Budget, e.Limit, e.Flag)
}

// An InternalError is a defect of this package or of the Lua library, not of
// the program. The program may be run again: it gets a new interpreter. It has no
// Unwrap, so that it is never taken for a mistake of the program, whatever Err is.
type InternalError struct{ Err error }

// Error returns the defect's message.
func (e *InternalError) Error() string {
	return fmt.Sprintf("internal error of the Lua interpreter: %v; please report it together with the expression", e.Err)
}
