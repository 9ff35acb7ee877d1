package syntax

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// A kind of token is the token itself for keywords and operators, else one of these.
const (
	kindEOF    = "end of the expression"
	kindName   = "name"
	kindNumber = "number"
	kindString = "string"
)

type token struct {
	Pos
	kind   string
	text   string // of a name or string
	number float64
	spaced bool // white space or a comment precedes it
}

// describe names a token in a message.
func (t token) describe() string {
	switch t.kind {
	case kindEOF:
		return kindEOF
	case kindName:
		return "`" + t.text + "`"
	case kindNumber:
		return "number " + strconv.FormatFloat(t.number, 'g', -1, 64)
	case kindString:
		return "string"
	}
	return "`" + t.kind + "`"
}

const keywords = " and break do else elseif end false for function goto if in local nil not or repeat return then true until while "

func isKeyword(s string) bool { return strings.Contains(keywords, " "+s+" ") }

// Operators by length, longest first.
var operators = [...]string{
	"...", "..", "==", "~=", "<=", ">=", "::",
	"+", "-", "*", "/", "%", "^", "#", "<", ">", "=", "(", ")", "{", "}", "[", "]", ";", ":", ",", ".",
}

// Operators of other languages, PromQL above all, and what is written here.
var foreign = [...]struct{ text, cure string }{
	{"=~", `write the matcher {label=re"..."}`},
	{"!~", `write the matcher {label=nre"..."}`},
	{"!=", `write {label=neq"..."} in a selector, ne(a, b) for vectors and ~= for numbers and strings`},
	{"&&", "write and"},
	{"||", "write or"},
	{"!", "write not"},
	{"@", "the evaluation time is given; write offset(selector, \"5m\") to look back"},
	{"?", "write if, then and else"},
	{"~", "write ~= for not equal"},
	{"&", "use bit32.band(a, b)"},
	{"|", "use bit32.bor(a, b)"},
}

// A lexer splits a source into tokens.
type lexer struct {
	src    string
	offset int
	line   int
	start  int // offset of the line's first byte
	limit  int // bytes that a string may have
}

func (l *lexer) pos() Pos { return Pos{Line: l.line, Column: l.offset - l.start + 1} }

// fail ends reading; Parse recovers it.
func fail(at Pos, cure, format string, args ...any) {
	panic(&Error{Line: at.Line, Column: at.Column, Message: fmt.Sprintf(format, args...), Cure: cure})
}

func (l *lexer) peek(n int) byte {
	if l.offset+n < len(l.src) {
		return l.src[l.offset+n]
	}
	return 0
}

// newline steps over "\n", "\r", "\r\n" or "\n\r", each one line break.
func (l *lexer) newline() {
	c := l.src[l.offset]
	l.offset++
	if next := l.peek(0); (next == '\n' || next == '\r') && next != c && l.offset < len(l.src) {
		l.offset++
	}
	l.line++
	l.start = l.offset
}

// skip steps over white space and comments and reports whether there was any.
func (l *lexer) skip() bool {
	before := l.offset
	for l.offset < len(l.src) {
		switch c := l.src[l.offset]; {
		case c == '\n' || c == '\r':
			l.newline()
		case c == ' ' || c == '\t' || c == '\v' || c == '\f':
			l.offset++
		case strings.HasPrefix(l.src[l.offset:], "--"):
			at := l.pos()
			l.offset += 2
			if level, ok := l.longBracket(); ok {
				l.long(at, level, "comment")
				continue
			}
			for l.offset < len(l.src) && l.src[l.offset] != '\n' && l.src[l.offset] != '\r' {
				l.offset++
			}
		default:
			return l.offset > before
		}
	}
	return l.offset > before
}

// longBracket reports the level of a long bracket that opens here.
func (l *lexer) longBracket() (level int, ok bool) {
	if l.peek(0) != '[' {
		return 0, false
	}
	for l.peek(1+level) == '=' {
		level++
	}
	return level, l.peek(1+level) == '['
}

// long reads a long string or comment whose bracket opens here.
func (l *lexer) long(at Pos, level int, what string) string {
	l.offset += level + 2
	if c := l.peek(0); c == '\n' || c == '\r' {
		l.newline()
	}
	closing := "]" + strings.Repeat("=", level) + "]"
	var b strings.Builder
	for l.offset < len(l.src) {
		switch c := l.src[l.offset]; {
		case strings.HasPrefix(l.src[l.offset:], closing):
			l.offset += len(closing)
			return b.String()
		case c == '\n' || c == '\r':
			b.WriteByte('\n')
			l.newline()
		default:
			b.WriteByte(c)
			l.offset++
		}
	}
	fail(at, "close it with "+closing, "the %s is not closed", what)
	return ""
}

func isLetter(c byte) bool { return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isHex(c byte) bool    { return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' }

// next reads a token.
func (l *lexer) next() token {
	spaced := l.skip()
	t := token{Pos: l.pos(), spaced: spaced}
	if l.offset == len(l.src) {
		t.kind = kindEOF
		return t
	}
	c := l.src[l.offset]
	switch {
	case isLetter(c):
		from := l.offset
		for isLetter(l.peek(0)) || isDigit(l.peek(0)) {
			l.offset++
		}
		t.kind, t.text = kindName, l.src[from:l.offset]
		if isKeyword(t.text) {
			t.kind = t.text
		}
		return t
	case isDigit(c), c == '.' && isDigit(l.peek(1)):
		t.kind, t.number = kindNumber, l.number(t.Pos)
		return t
	case c == '"' || c == '\'':
		t.kind, t.text = kindString, l.quoted(t.Pos)
	case c == '[':
		level, ok := l.longBracket()
		if !ok {
			l.offset++
			t.kind = "["
			return t
		}
		t.kind, t.text = kindString, l.long(t.Pos, level, "string")
	default:
		t.kind = l.operator(t.Pos)
		return t
	}
	if len(t.text) > l.limit {
		fail(t.Pos, "make it shorter", "the string has more than %d bytes", l.limit)
	}
	return t
}

func (l *lexer) operator(at Pos) string {
	rest := l.src[l.offset:]
	if !strings.HasPrefix(rest, "~=") {
		for _, f := range foreign {
			if strings.HasPrefix(rest, f.text) {
				fail(at, f.cure, "there is no operator `%s` here", f.text)
			}
		}
	}
	for _, op := range operators {
		if strings.HasPrefix(rest, op) {
			l.offset += len(op)
			return op
		}
	}
	if rest[0] == '`' {
		fail(at, `write strings in "double quotes"`, "a backtick is no quote")
	}
	r := []rune(rest[:min(len(rest), 4)])[0]
	fail(at, `a metric name of other characters is written series"name"{}`, "the character %q is not allowed outside of strings", r)
	return ""
}

var duration = regexp.MustCompile(`^[0-9][0-9a-z]*(ms|s|m|h|d|w|y)$`)

// number reads digits, a fraction and an exponent, or a hexadecimal integer.
func (l *lexer) number(at Pos) float64 {
	from := l.offset
	digits := func(is func(byte) bool) {
		for is(l.peek(0)) {
			l.offset++
		}
	}
	hex := l.peek(0) == '0' && (l.peek(1) == 'x' || l.peek(1) == 'X')
	if hex {
		l.offset += 2
		digits(isHex)
	} else {
		digits(isDigit)
		if l.peek(0) == '.' {
			l.offset++
			digits(isDigit)
		}
		if c := l.peek(0); c == 'e' || c == 'E' {
			n := 1
			if c := l.peek(1); c == '+' || c == '-' {
				n = 2
			}
			if isDigit(l.peek(n)) {
				l.offset += n
				digits(isDigit)
			}
		}
	}
	text := l.src[from:l.offset]
	if c := l.peek(0); isLetter(c) || c == '.' || isDigit(c) {
		for c := l.peek(0); isLetter(c) || isDigit(c) || c == '.'; c = l.peek(0) {
			l.offset++
		}
		text = l.src[from:l.offset]
		cure := fmt.Sprintf("write texts in quotes: %q", text)
		if duration.MatchString(text) {
			cure = fmt.Sprintf("write durations as strings: %q", text)
		}
		fail(at, cure, "malformed number `%s`", text)
	}
	if hex {
		text += "p0"
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(n, 0) {
		fail(at, "write a number below 1.8e308", "malformed number `%s`", l.src[from:l.offset])
	}
	return n
}

var escapes = map[byte]byte{
	'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v', '\\': '\\', '"': '"', '\'': '\'',
}

// quoted reads a string in single or double quotes.
func (l *lexer) quoted(at Pos) string {
	quote := l.src[l.offset]
	l.offset++
	var b strings.Builder
	for {
		if l.offset == len(l.src) {
			fail(at, "close it with "+string(quote), "the string is not closed")
		}
		switch c := l.src[l.offset]; c {
		case quote:
			l.offset++
			return b.String()
		case '\n', '\r':
			fail(at, "close it with "+string(quote), "the string is not closed")
		case '\\':
			l.escape(&b)
		default:
			b.WriteByte(c)
			l.offset++
		}
	}
}

func (l *lexer) escape(b *strings.Builder) {
	at := l.pos()
	l.offset++
	c := l.peek(0)
	if e, ok := escapes[c]; ok {
		b.WriteByte(e)
		l.offset++
		return
	}
	switch {
	case c == '\n' || c == '\r':
		b.WriteByte('\n')
		l.newline()
	case c == 'z':
		l.offset++
		for c := l.peek(0); c != 0 && strings.IndexByte(" \t\v\f\n\r", c) >= 0; c = l.peek(0) {
			if c == '\n' || c == '\r' {
				l.newline()
			} else {
				l.offset++
			}
		}
	case c == 'x' && isHex(l.peek(1)) && isHex(l.peek(2)):
		n, _ := strconv.ParseUint(l.src[l.offset+1:l.offset+3], 16, 8)
		b.WriteByte(byte(n))
		l.offset += 3
	case isDigit(c):
		n := 0
		for i := 0; i < 3 && isDigit(l.peek(0)); i++ {
			n = 10*n + int(l.peek(0)-'0')
			l.offset++
		}
		if n > math.MaxUint8 {
			fail(at, "write the character itself", "the escape \\%d is beyond \\255", n)
		}
		b.WriteByte(byte(n))
	default:
		fail(at, `write a backslash as \\, also in regular expressions: re"\\d+"`, "there is no escape `\\%s`", l.src[l.offset:min(l.offset+1, len(l.src))])
	}
}
