package script

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/Shopify/go-lua"
	"github.com/prometheus/prometheus/model/labels"
)

// hookInterval is how many instructions run between two looks at the budgets.
// Below 100 the looks begin to cost.
const hookInterval = 100

// The interpreter leaks a little for each closure that captures two variables,
// so that a machine is replaced after so many runs.
const (
	runsWithClosures = 200
	runsWithout      = 5000
	runsPerProgram   = 100 // at least, where many programs share a machine: each is loaded again
)

// chunkName stands before the line in the interpreter's messages: "p:3: ...".
const chunkName = "p"

// Where the metatables of a machine lie in its registry. The interpreter uses
// 1 and 2 itself.
const (
	vectorMetatable = iota + 10
	opaqueMetatable
	labelsMetatable
)

// A machine is an interpreter that is ready to run programs that are loaded into
// it. It serves one run at a time, and nothing that a run does is visible to the
// next.
type machine struct {
	l      *lua.State
	bound  map[*builtin]lua.Function // as the interpreter calls them
	look   lua.Hook                  // hook, as the interpreter calls it
	runs   int
	loaded int // how often a program was

	program   *Program // the one that runs
	limits    Limits   // its own
	env       Env
	steps     int
	idleTicks int // work since the clock was looked at
	deadline  time.Time
	memory    int
	entries   int
	aborted   error  // ends the run; not to be caught
	failure   *Error // the last error that a library function raised
	idle      []labels.Labels
	busy      []labels.Labels // groups of percentiles with requests in flight and no value
	window    int64
	nodes     int    // of Env.Memo that the run has used
	key       []byte // scratch
}

// newMachine builds an interpreter without programs.
func newMachine() *machine {
	m := &machine{l: lua.NewState(), bound: map[*builtin]lua.Function{}}
	m.look = m.hook
	m.installMetatables()
	return m
}

// A chunk is a program as a machine has it.
type chunk struct {
	machine     *machine
	main        any // the compiled function
	environment any // the table in which it finds what it names
}

// loadText compiles a source and leaves its function on the stack.
func loadText(l *lua.State, source io.Reader) error {
	err := l.Load(source, "="+chunkName, "t")
	if slow, ok := source.(*slowReader); ok && slow.late {
		return errSlowCompile // the interpreter took it for the end of the source
	}
	if err != nil {
		return syntaxError(l, err)
	}
	return nil
}

// load makes a program ready to run. It has compiled before, so that an error is
// a defect. What ToValue gives of functions and tables is what they are, and
// PushLightUserData puts it back, so that they go with their program.
func (m *machine) load(p *Program) (c *chunk, err error) {
	defer func() {
		if r := recover(); r != nil {
			c, err = nil, fmt.Errorf("%v", r)
		}
	}()
	l := m.l
	defer l.SetTop(0)
	if err := loadText(l, strings.NewReader(p.source)); err != nil {
		return nil, err
	}
	const main, environment = 1, 2
	l.CreateTable(0, len(p.builtins)+len(p.constants)+len(p.schedules)+1)
	for _, b := range p.builtins {
		l.PushGoFunction(m.bind(b))
		l.SetField(environment, b.global())
	}
	for _, c := range p.constants {
		m.pushValue(c.value)
		l.SetField(environment, c.name)
	}
	l.PushValue(environment)
	if _, ok := lua.SetUpValue(l, main, 1); !ok {
		l.Pop(1) // a chunk that names nothing global has no environment
	}
	m.loaded++
	return &chunk{machine: m, main: l.ToValue(main), environment: l.ToValue(environment)}, nil
}

// Run evaluates the program. An error is an *Error, which is the program's own,
// a *BudgetError, or an *InternalError.
func (p *Program) Run(env Env) (Value, error) {
	if in := p.shared; in != nil {
		in.mu.Lock()
		defer in.mu.Unlock()
	}
	clean := false
	defer func() {
		if !clean {
			p.spoilt()
		}
	}()
	m, err := p.ready()
	if err != nil {
		return Value{}, &InternalError{Err: err}
	}
	v, err := m.run(p, env)
	clean = err == nil || errors.As(err, new(*Error))
	return v, p.attribute(err)
}

// ready returns the machine that the program is to run in, loaded.
func (p *Program) ready() (*machine, error) {
	m := p.machine()
	switch {
	case p.shared != nil:
		m = p.shared.ready()
	case m == nil || m.runs >= p.lifetime():
		m = newMachine()
	}
	if p.chunk == nil || p.chunk.machine != m {
		c, err := m.load(p)
		if err != nil {
			return nil, err
		}
		p.chunk = c
	}
	return m, nil
}

// machine returns the machine that the program was loaded into; nil for none.
func (p *Program) machine() *machine {
	if p.chunk == nil {
		return nil
	}
	return p.chunk.machine
}

// spoilt lets go of the machine of a run that ended uncleanly or not at all. A
// program that did this to others runs alone from then on.
func (p *Program) spoilt() {
	if p.shared != nil {
		p.shared.machine, p.shared = nil, nil
	}
	p.chunk = nil
}

func (p *Program) lifetime() int {
	if p.closures {
		return runsWithClosures
	}
	return runsWithout
}

func (m *machine) run(p *Program, env Env) (v Value, err error) {
	defer func() {
		m.env, m.program = Env{}, nil
		if r := recover(); r != nil {
			v, err = Value{}, &InternalError{Err: fmt.Errorf("%v", r)}
		}
	}()
	m.begin(p, env)
	l := m.l
	lua.SetDebugHook(l, m.look, lua.MaskCount, hookInterval)
	if p.usesNow || len(p.schedules) > 0 {
		l.PushLightUserData(p.chunk.environment)
		if p.usesNow {
			l.PushNumber(float64(env.Now) / 1000)
			l.SetField(-2, nowGlobal)
		}
		for _, s := range p.schedules {
			l.PushBoolean(s.schedule.contains(env.Now))
			l.SetField(-2, s.name)
		}
		l.Pop(1)
	}
	l.PushLightUserData(p.chunk.main)
	if err = l.ProtectedCall(0, 1, 0); err != nil {
		err = m.classify(err)
	} else {
		v, err = m.result()
	}
	m.clear(p)
	return v, err
}

// clear empties the stack and, where other programs use it, also the places above
// its top that the program can have used.
func (m *machine) clear(p *Program) {
	m.l.SetTop(0)
	if p.shared != nil && m.l.CheckStack(p.places) {
		m.l.SetTop(p.places)
		m.l.SetTop(0)
	}
}

func (m *machine) begin(p *Program, env Env) {
	m.runs++
	m.program, m.limits, m.env = p, p.limits, env
	m.steps, m.idleTicks, m.memory, m.entries = 0, 0, 0, 0
	m.deadline = p.clock().Add(m.limits.WallTime)
	m.aborted, m.failure, m.window, m.nodes = nil, nil, 0, 0
	m.idle, m.busy = nil, nil
}

// hook looks at the budgets every hookInterval instructions.
func (m *machine) hook(l *lua.State, _ lua.Debug) {
	if m.aborted != nil {
		m.abort(m.aborted)
	}
	if err := m.charge(hookInterval); err != nil {
		m.abort(err)
	}
	if _, deeper := lua.Stack(l, m.limits.Depth); deeper {
		m.abort(&BudgetError{Budget: "depth", Limit: fmt.Sprintf("%d calls", m.limits.Depth), Flag: "--lua-max-depth"})
	}
}

// charge counts steps, and looks at the clock now and then.
func (m *machine) charge(n int) error {
	m.steps += n
	if m.steps > m.limits.Steps {
		return &BudgetError{Budget: "steps", Limit: strconv.Itoa(m.limits.Steps), Flag: "--lua-max-steps"}
	}
	if m.idleTicks += n; m.idleTicks >= hookInterval {
		m.idleTicks = 0
		if m.program.clock().After(m.deadline) {
			return &BudgetError{Budget: "time", Limit: m.limits.WallTime.String(), Flag: "--lua-max-time"}
		}
	}
	return nil
}

// chargeSeries counts the work on so many series.
func (m *machine) chargeSeries(n int) error { return m.charge(1 + n/32) }

// alloc counts memory.
func (m *machine) alloc(bytes int) error {
	if m.memory += bytes; m.memory > m.limits.Memory {
		return &BudgetError{Budget: "memory", Limit: fmt.Sprintf("%d MiB", m.limits.Memory>>20), Flag: "--lua-max-memory"}
	}
	return nil
}

// store counts an entry of a table.
func (m *machine) store(n int) error {
	if m.entries += n; m.entries > m.limits.TableEntries {
		return &BudgetError{Budget: "table entries", Limit: strconv.Itoa(m.limits.TableEntries), Flag: "--lua-max-table-entries"}
	}
	return nil
}

// abort ends the run. What pcall catches is raised again, and until the run has
// ended the hook fires at every instruction.
func (m *machine) abort(err error) {
	if m.aborted == nil {
		var budget *BudgetError
		if errors.As(err, &budget) {
			budget.Line = m.line()
		}
		m.aborted = err
		lua.SetDebugHook(m.l, m.look, lua.MaskCount, 1)
	}
	m.l.PushString("aborted")
	m.l.Error()
}

// line returns the line that calls the function that runs, or that runs itself.
func (m *machine) line() int {
	for level := 0; level <= 2; level++ {
		frame, ok := lua.Stack(m.l, level)
		if !ok {
			break
		}
		if line := m.lineOf(frame); line > 0 {
			return line
		}
	}
	return 0
}

// lineOf returns the line that a frame runs, 0 for functions of the library. The
// interpreter does not know it at the first instruction of a function that was
// called by a tail call or jumped back: then it is the line of its definition.
func (m *machine) lineOf(frame lua.Frame) (line int) {
	d, ok := lua.Info(m.l, "S", frame)
	if !ok || d.What == "Go" {
		return 0
	}
	defer func() {
		if recover() != nil {
			line = max(d.LineDefined, m.program.first)
		}
	}()
	d2, _ := lua.Info(m.l, "l", frame)
	return d2.CurrentLine
}

// maxErrorText is how long a message may be.
const maxErrorText = 1024

// raise makes an error of a library function the program's, with its line.
func (m *machine) raise(name string, err error) {
	var budget *BudgetError
	var internal *InternalError
	if errors.As(err, &budget) || errors.As(err, &internal) || m.aborted != nil {
		m.abort(err)
	}
	failure := &Error{Message: err.Error()}
	var detailed *Error
	if errors.As(err, &detailed) {
		*failure = *detailed
	}
	if name != "" {
		failure.Message = name + ": " + failure.Message
	}
	if len(failure.Message) > maxErrorText {
		failure.Message = failure.Message[:maxErrorText] + "..."
	}
	failure.Line = m.line()
	m.failure = failure
	m.l.PushString(fmt.Sprintf("%s:%d: %s", chunkName, failure.Line, failure.Message))
	m.l.Error()
}

// classify makes what ended a run the error that Run returns.
func (m *machine) classify(err error) error {
	if m.aborted != nil {
		return m.aborted
	}
	var own lua.RuntimeError
	switch {
	case errors.As(err, &own):
		return m.ownError(string(own))
	case errors.Is(err, lua.ErrorError):
		return &Error{Message: "errors in the handling of errors"}
	}
	return &InternalError{Err: err}
}

// ownError reads a message of the form "p:3: text".
func (m *machine) ownError(text string) *Error {
	line := 0
	if rest, ok := strings.CutPrefix(text, chunkName+":"); ok {
		if number, message, ok := strings.Cut(rest, ": "); ok {
			if n, err := strconv.Atoi(number); err == nil {
				line, text = n, message
			}
		}
	}
	if f := m.failure; f != nil && f.Line == line && f.Message == text {
		return f
	}
	message, cure := explain(text)
	return &Error{Line: line, Message: message, Cure: cure}
}

// explain rewrites a message of the interpreter. It often names the wrong
// variable, so names are left out.
func explain(text string) (message, cure string) {
	for _, what := range [...]string{"call", "index", "perform arithmetic on", "get length of", "concatenate"} {
		if rest, ok := strings.CutPrefix(text, "attempt to "+what+" "); ok {
			if i := strings.LastIndex(rest, "(a "); i >= 0 {
				rest = strings.TrimSuffix(rest[i+1:], ")")
			}
			if rest == "a nil value" {
				cure = "nil is what has no data"
			}
			return "attempt to " + what + " " + rest, cure
		}
	}
	switch text {
	case "Go stack overflow", "stack overflow":
		return "calls nest too deep", "use a loop"
	}
	if len(text) > maxErrorText {
		text = text[:maxErrorText] + "..."
	}
	return text, ""
}
