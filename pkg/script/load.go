package script

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/Shopify/go-lua"
)

// compileTime is what the interpreter may take to compile: a backstop, far above
// the few milliseconds that the checked bounds allow, because a throttled
// container may pause. Only its reader can stop the compiler, so the reader hands
// out few bytes at a time.
const (
	compileTime = time.Second
	readSize    = 64
)

var errSlowCompile = errors.New("the program takes too long to compile")

// A slowReader hands out a source in small pieces until a deadline.
type slowReader struct {
	rest     string
	clock    func() time.Time
	deadline time.Time
	late     bool
}

func newSlowReader(source string, clock func() time.Time) *slowReader {
	return &slowReader{rest: source, clock: clock, deadline: clock().Add(compileTime)}
}

func (r *slowReader) Read(buf []byte) (int, error) {
	if r.rest == "" {
		return 0, io.EOF
	}
	if r.clock().After(r.deadline) {
		r.late = true
		return 0, errSlowCompile
	}
	n := copy(buf[:min(len(buf), readSize)], r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// syntaxError makes what the interpreter's compiler refuses an *Error.
func syntaxError(l *lua.State, err error) *Error {
	text := err.Error()
	if message, ok := l.ToString(-1); ok {
		text = message
	}
	own := (&machine{}).ownError(text)
	if i := strings.Index(own.Message, " near "); i > 0 {
		own.Message = own.Message[:i]
	}
	return own
}

// Bounds of a compiled function. What exceeds them costs memory beyond what
// steps account for.
const (
	maxInstructions = 2000
	maxUpvalues     = 16
	maxRegisters    = 100
)

// Instructions that must not occur: see the package comment.
const (
	opModulo      = 17
	opConcatenate = 22
)

// Instructions that begin or end loops, or that reach the table of global
// variables otherwise than to read one.
const (
	opGetUpvalue = 5
	opSetGlobal  = 8
	opSetUpvalue = 9
	opJump       = 23
	opForLoop    = 32
	opForPrepare = 33
	opForCall    = 34
	opForNext    = 35
)

// noJump is the operand of a jump to the next instruction; less jumps back.
const noJump = 1<<17 - 1

// A function is what the interpreter's own dump says about a compiled function.
type function struct {
	line         int // where it is defined, 0 for the chunk
	varargs      bool
	registers    int
	instructions int
	upvalues     int
	opcodes      [64]bool
	jumpsBack    bool
	inner        []*function
}

// straight reports whether no instruction runs twice, none makes a function and
// none can set a global variable: the only upvalue of a chunk is their table.
func (f *function) straight() bool {
	for _, op := range [...]int{opGetUpvalue, opSetGlobal, opSetUpvalue, opForLoop, opForPrepare, opForCall, opForNext} {
		if f.opcodes[op] {
			return false
		}
	}
	return !f.jumpsBack && len(f.inner) == 0
}

// inspect compiles the program and checks what came of it against the bounds. It
// is a second line of defence: the checked tree is refused first where it can.
func (p *Program) inspect(source io.Reader) (main *function, err error) {
	defer func() {
		if r := recover(); r != nil {
			main, err = nil, fmt.Errorf("%v", r)
		}
	}()
	l := lua.NewState()
	if err := loadText(l, source); err != nil {
		return nil, err
	}
	var dump bytes.Buffer
	if err := l.Dump(&dump); err != nil {
		return nil, err
	}
	main, err = readFunction(dump.Bytes())
	if err != nil {
		return nil, err
	}
	total := 0
	if err := main.check(0, &total); err != nil {
		return nil, err
	}
	if total > maxInstructions {
		return nil, &Error{Message: fmt.Sprintf("the program compiles to %d instructions, more than %d", total, maxInstructions), Cure: "split it into several metrics"}
	}
	return main, nil
}

func (f *function) check(depth int, total *int) error {
	*total += f.instructions
	refuse := func(cure, format string, args ...any) error {
		return &Error{Line: f.line, Message: fmt.Sprintf(format, args...), Cure: cure}
	}
	switch {
	case f.opcodes[opConcatenate]:
		return refuse("use concat(a, b)", "`..` is not available here")
	case f.opcodes[opModulo]:
		return refuse("use mod(a, b)", "`%%` is not available here")
	case f.varargs && depth > 0:
		return refuse("name the parameters, or pass a table", "`...` is not available here")
	case depth > 1:
		return refuse("define it outside of the other function", "a function is defined within a function")
	case f.registers > maxRegisters:
		return refuse("use fewer local variables and arguments", "%d values are in use at once, more than %d", f.registers, maxRegisters)
	case f.upvalues > maxUpvalues:
		return refuse("pass them as parameters", "the function uses %d variables from outside, more than %d", f.upvalues, maxUpvalues)
	}
	for _, g := range f.inner {
		if err := g.check(depth+1, total); err != nil {
			return err
		}
	}
	return nil
}

// dumpHeader is the length of what precedes the main function: signature,
// version, format, five sizes, integral flag and tail.
const dumpHeader = 4 + 2 + 6 + 6

var errDump = errors.New("the interpreter's dump is not understood")

// readFunction reads a dump that this process has just made.
func readFunction(dump []byte) (f *function, err error) {
	defer func() {
		if recover() != nil {
			f, err = nil, errDump
		}
	}()
	if len(dump) < dumpHeader || string(dump[:len(lua.Signature)]) != lua.Signature {
		return nil, errDump
	}
	r := dumpReader{rest: dump[dumpHeader:], order: binary.LittleEndian, wide: dump[8] == 8}
	if dump[6] == 0 {
		r.order = binary.BigEndian
	}
	f = r.function()
	if len(r.rest) != 0 {
		return nil, errDump
	}
	return f, nil
}

// A dumpReader takes a dump apart; it panics where that ends early.
type dumpReader struct {
	rest  []byte
	order binary.ByteOrder
	wide  bool // pointers, and with them lengths, have 8 bytes
}

func (r *dumpReader) bytes(n int) []byte {
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *dumpReader) byte() int { return int(r.bytes(1)[0]) }
func (r *dumpReader) int() int  { return int(int32(r.order.Uint32(r.bytes(4)))) }

func (r *dumpReader) skipString() {
	if r.wide {
		r.bytes(int(r.order.Uint64(r.bytes(8))))
		return
	}
	r.bytes(r.int())
}

func (r *dumpReader) function() *function {
	f := &function{line: r.int()}
	r.int() // last line
	r.byte()
	f.varargs = r.byte() != 0
	f.registers = r.byte()
	f.instructions = r.int()
	for range f.instructions {
		instruction := r.order.Uint32(r.bytes(4))
		op := instruction & 0x3f
		f.opcodes[op] = true
		f.jumpsBack = f.jumpsBack || op == opJump && instruction>>14 < noJump
	}
	for range r.int() { // constants
		switch lua.Type(r.byte()) {
		case lua.TypeBoolean:
			r.bytes(1)
		case lua.TypeNumber:
			r.bytes(8)
		case lua.TypeString:
			r.skipString()
		}
	}
	for range r.int() {
		f.inner = append(f.inner, r.function())
	}
	f.upvalues = r.int()
	r.bytes(2 * f.upvalues)
	r.skipString() // source
	r.bytes(4 * r.int())
	for range r.int() { // local variables
		r.skipString()
		r.bytes(8)
	}
	for range r.int() { // names of upvalues
		r.skipString()
	}
	return f
}
