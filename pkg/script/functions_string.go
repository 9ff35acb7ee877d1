package script

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

func stringFunctions() []*builtin {
	entry := func(name string, result kinds, example, doc string, more []param, run func(m *machine, n int) (int, error)) *builtin {
		params := append([]param{required("s", aString)}, more...)
		return &builtin{name: "string." + name, family: familyString, doc: doc, example: example, params: params, result: result, run: run}
	}
	whole := func(name, example, doc string, f func(string) string) *builtin {
		return entry(name, isString, example, doc, nil, func(m *machine, _ int) (int, error) { return m.pushString(f(m.text(1))) })
	}
	out := []*builtin{
		entry("byte", isNumber|isNil, `string.byte("a")`, "The bytes of a text from i to j, by default the first.",
			[]param{optional("i", aNumber), optional("j", aNumber)}, runStringByte),
		{
			name: "string.char", family: familyString, doc: "The text of these bytes.", example: `#string.char(104, 105)`,
			params: []param{repeatable("byte", isNumber)}, result: isString,
			run: func(m *machine, n int) (int, error) {
				out := make([]byte, n)
				for i := range out {
					f := m.number(i + 1)
					if f != math.Floor(f) || f < 0 || f > math.MaxUint8 {
						return 0, fmt.Errorf("%s is no byte", formatNumber(f))
					}
					out[i] = byte(f)
				}
				return m.pushString(string(out))
			},
		},
		entry("find", isNumber|isNil, `(string.find("gateway", "way"))`,
			"Where a text occurs in another, from position init on: its first and last position, or nil; there are no patterns, only plain texts.",
			[]param{required("text", aString), optional("init", aNumber), optional("plain", isBoolean)}, runStringFind),
		{
			name: "string.format", family: familyString,
			doc:     "The values in a format of C: %d %i %u %c %x %X %o %e %E %f %g %G %s %q %%.",
			example: `error(string.format("%5.2f", 1 / 3))`,
			params:  []param{required("format", aString), repeatable("x", anything)}, result: isString,
			run: runStringFormat,
		},
		entry("len", isNumber, `string.len("abc")`, "The number of bytes.", nil, func(m *machine, _ int) (int, error) {
			return m.pushNumber(float64(len(m.text(1))))
		}),
		whole("lower", `string.lower("A") == "a" and 1 or 0`, "The text with ASCII letters in lower case.", asciiLower),
		whole("upper", `string.upper("a") == "A" and 1 or 0`, "The text with ASCII letters in upper case.", asciiUpper),
		whole("reverse", `string.reverse("ab") == "ba" and 1 or 0`, "The bytes in reverse.", reverseBytes),
		entry("rep", isString, `#string.rep("ab", 3, ",")`, "The text n times, with a separator between.",
			[]param{required("n", aNumber), optional("separator", aString)}, runStringRep),
		entry("sub", isString, `string.sub("gateway", 5) == "way" and 1 or 0`, "The bytes from i to j, which count from the end where they are negative.",
			[]param{required("i", aNumber), optional("j", aNumber)}, func(m *machine, n int) (int, error) {
				s := m.text(1)
				j := -1.0
				if n >= 3 && m.kind(3) == isNumber {
					j = m.number(3)
				}
				from, to := byteSpan(m.number(2), j, len(s))
				if from > to {
					return m.pushString("")
				}
				return m.pushString(s[from-1 : to])
			}),
	}
	for _, b := range out {
		switch b.name {
		case "string.byte":
			b.open = true
		case "string.find":
			b.infer = func(*checker, *application) []value {
				return []value{{kinds: isNumber | isNil}, {kinds: isNumber | isNil}}
			}
		}
	}
	return out
}

// byteSpan turns positions, which count from the end where they are negative,
// into those from 1 to length.
func byteSpan(i, j float64, length int) (from, to int) {
	absolute := func(f float64) float64 {
		if f < 0 {
			f += float64(length) + 1
		}
		if math.IsNaN(f) {
			return 0
		}
		return math.Trunc(f)
	}
	return int(max(1, min(absolute(i), float64(length)+1))), int(min(max(absolute(j), 0), float64(length)))
}

func asciiLower(s string) string {
	return mapBytes(s, func(c byte) byte {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		return c
	})
}

func asciiUpper(s string) string {
	return mapBytes(s, func(c byte) byte {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		return c
	})
}

func mapBytes(s string, f func(byte) byte) string {
	out := []byte(s)
	for i, c := range out {
		out[i] = f(c)
	}
	return string(out)
}

func reverseBytes(s string) string {
	out := make([]byte, len(s))
	for i := range len(s) {
		out[len(s)-1-i] = s[i]
	}
	return string(out)
}

func runStringByte(m *machine, n int) (int, error) {
	s := m.text(1)
	i := 1.0
	if n >= 2 && m.kind(2) == isNumber {
		i = m.number(2)
	}
	j := i
	if n >= 3 && m.kind(3) == isNumber {
		j = m.number(3)
	}
	from, to := byteSpan(i, j, len(s))
	if to-from >= maxResults || !m.l.CheckStack(max(0, to-from+1)) {
		return 0, fmt.Errorf("more than %d bytes", maxResults)
	}
	for p := from; p <= to; p++ {
		m.l.PushNumber(float64(s[p-1]))
	}
	return max(0, to-from+1), nil
}

func runStringFind(m *machine, n int) (int, error) {
	s, text := m.text(1), m.text(2)
	if n >= 4 && m.kind(4) == isBoolean && !m.l.ToBoolean(4) {
		return 0, cured("use label_replace for regular expressions", "there are no patterns")
	}
	init := 1.0
	if n >= 3 && m.kind(3) == isNumber {
		init = m.number(3)
	}
	if init > float64(len(s))+1 {
		return m.pushNil()
	}
	from, _ := byteSpan(init, 0, len(s))
	i := strings.Index(s[from-1:], text)
	if i < 0 {
		return m.pushNil()
	}
	m.l.PushNumber(float64(i + from))
	m.l.PushNumber(float64(i + from + len(text) - 1))
	return 2, nil
}

func runStringRep(m *machine, n int) (int, error) {
	s, times, separator := m.text(1), m.number(2), ""
	if n >= 3 && m.kind(3) == isString {
		separator = m.text(3)
	}
	if !(times >= 1) {
		return m.pushString("")
	}
	if len(s)+len(separator) == 0 {
		return m.pushString("")
	}
	if !(times*float64(len(s)+len(separator)) <= float64(m.limits.StringBytes+len(separator))) {
		return 0, m.checkString(m.limits.StringBytes + 1)
	}
	return m.pushString(strings.Repeat(s+separator, int(times)-1) + s)
}

func runStringFormat(m *machine, n int) (int, error) {
	format := m.text(1)
	var b strings.Builder
	arg := 1
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			b.WriteByte(format[i])
			continue
		}
		if i+1 < len(format) && format[i+1] == '%' {
			b.WriteByte('%')
			i++
			continue
		}
		d, length, err := parseDirective(format[i:])
		if err != nil {
			return 0, err
		}
		i += length - 1
		if arg++; arg > n {
			return 0, fmt.Errorf("there is no value for %s", d.text)
		}
		s, err := m.formatValue(d, arg)
		if err != nil {
			return 0, err
		}
		b.WriteString(s)
		if b.Len() > m.limits.StringBytes {
			return 0, m.checkString(b.Len())
		}
	}
	return m.pushString(b.String())
}

// A directive is a part of a format, such as %-5.2f.
type directive struct {
	text      string // as it is written
	flags     string
	width     int
	precision int // -1 where there is none
	verb      byte
}

// spec is the directive with another verb, for package fmt.
func (d directive) spec(verb string) string {
	s := "%" + d.flags
	if d.width > 0 {
		s += strconv.Itoa(d.width)
	}
	if d.precision >= 0 {
		s += "." + strconv.Itoa(d.precision)
	}
	return s + verb
}

func parseDirective(s string) (directive, int, error) {
	d := directive{precision: -1}
	i := 1
	for i < len(s) && strings.IndexByte("-+ #0", s[i]) >= 0 {
		if strings.IndexByte(d.flags, s[i]) >= 0 {
			return d, 0, fmt.Errorf("the format %q repeats a flag", s[:i+1])
		}
		d.flags += s[i : i+1]
		i++
	}
	digits := func() (int, error) {
		from := i
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		if i-from > 2 {
			return 0, fmt.Errorf("the format %q is too wide: at most 99", s[:i])
		}
		n := 0
		for _, c := range s[from:i] {
			n = 10*n + int(c-'0')
		}
		return n, nil
	}
	var err error
	if d.width, err = digits(); err != nil {
		return d, 0, err
	}
	if i < len(s) && s[i] == '.' {
		i++
		if d.precision, err = digits(); err != nil {
			return d, 0, err
		}
	}
	if i == len(s) {
		return d, 0, cured("write %% for a percent sign", "the format ends within %q", s)
	}
	d.verb, d.text = s[i], s[:i+1]
	return d, i + 1, nil
}

func (m *machine) formatValue(d directive, arg int) (string, error) {
	if d.verb == 's' {
		if d.precision < 0 && d.width == 0 {
			return m.describe(arg), nil
		}
		return fmt.Sprintf(directive{flags: strings.Trim(d.flags, "+ #0"), width: d.width, precision: d.precision}.spec("s"), m.describe(arg)), nil
	}
	if d.verb == 'q' {
		if k := m.kind(arg); k != isString {
			return "", fmt.Errorf("%s is for a string, not for %s", d.text, k.article())
		}
		return quoteLua(m.text(arg)), nil
	}
	f, ok := m.number(arg), m.kind(arg) == isNumber
	if m.kind(arg) == isString {
		f, ok = parseNumber(m.text(arg))
	}
	if !ok {
		return "", fmt.Errorf("%s is for a number, not for %s", d.text, m.kind(arg).article())
	}
	return formatDirective(d, f)
}

// formatDirective prints a number as C does.
func formatDirective(d directive, f float64) (string, error) {
	const exact = 1 << 63
	switch d.verb {
	case 'e', 'E', 'f', 'g', 'G':
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Sprintf(directive{flags: strings.Trim(d.flags, "#0"), width: d.width, precision: -1}.spec("s"), formatNumber(f)), nil
		}
		if d.precision < 0 {
			d.precision = 6
		}
		if (d.verb == 'g' || d.verb == 'G') && d.precision == 0 {
			d.precision = 1
		}
		return fmt.Sprintf(d.spec(string(d.verb)), f), nil
	case 'd', 'i':
		if !(math.Abs(f) < exact) {
			return "", fmt.Errorf("%s is no integer that %s prints", formatNumber(f), d.text)
		}
		return fmt.Sprintf(d.spec("d"), int64(f)), nil
	case 'u', 'x', 'X', 'o', 'c':
		if !(f >= 0 && f < 2*exact) {
			return "", fmt.Errorf("%s is no positive integer that %s prints", formatNumber(f), d.text)
		}
		switch d.verb {
		case 'u':
			return fmt.Sprintf(d.spec("d"), uint64(f)), nil
		case 'c':
			return fmt.Sprintf(directive{flags: strings.Trim(d.flags, "+ #0"), width: d.width, precision: -1}.spec("s"), string([]byte{byte(uint64(f))})), nil
		}
		return fmt.Sprintf(d.spec(string(d.verb)), uint64(f)), nil
	}
	return "", cured("use %d, %f, %g or %s", "there is no format %s", d.text)
}

// quoteLua writes a string so that Lua reads it back, as %q does.
func quoteLua(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\' || c == '\n':
			b.WriteByte('\\')
			b.WriteByte(c)
		case (c < ' ' || c == 0x7f) && i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '9':
			fmt.Fprintf(&b, "\\%03d", c)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, "\\%d", c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
