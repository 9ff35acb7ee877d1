package exposition

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

const (
	// maxJSONDepth is how deep lists and objects may lie in each other.
	maxJSONDepth = 100
	// maxJSONValues is how many values a document may have, lists and objects
	// among them. Each takes 24 bytes while it is read.
	maxJSONValues = 4 << 20
	// maxJSONVisits is how many values all paths together may look at, so that no
	// rule takes for ever.
	maxJSONVisits = 64 << 20
)

type jsonKind uint8

const (
	jsonNull jsonKind = iota
	jsonBool
	jsonNumber
	jsonString
	jsonList
	jsonObject
)

func (k jsonKind) String() string {
	return [...]string{"null", "a boolean", "a number", "a string", "a list", "an object"}[k]
}

// A jsonValue is a value of a document. Those in a list or object follow it.
type jsonValue struct {
	text     [2]uint32 // where it is in the body, of strings without the quotes
	key      uint32    // where its key is in the body; its index in a list
	keyEnd   uint32    // 0 in a list
	next     uint32    // the number of the value after it and all that is in it
	kind     jsonKind
	verbatim bool // the text of a string is UTF-8 without escapes
}

// A jsonDocument is a body as a tree. Value 0 is the whole.
type jsonDocument struct {
	body   []byte
	values []jsonValue
	visits int
}

// parse reads a body. It refers to it from then on.
func (d *jsonDocument) parse(body []byte) error {
	d.body, d.values, d.visits = body, d.values[:0], 0
	if uint64(len(body)) > math.MaxUint32 {
		return fmt.Errorf("a JSON of %d bytes is not read: let the gateway show less", len(body))
	}
	if !json.Valid(body) {
		return d.syntax(json.Unmarshal(body, &checked{}))
	}
	_, err := d.value(d.blank(0), 0, 0, 0)
	return err
}

// checked takes any JSON. It is there for the error alone.
type checked struct{}

// UnmarshalJSON implements json.Unmarshaler.
func (*checked) UnmarshalJSON([]byte) error { return nil }

// syntax returns the error of what is not JSON: where it ceases to be so.
func (d *jsonDocument) syntax(err error) error {
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return fmt.Errorf("this is not JSON: %w", err)
	}
	at := min(max(int(syntax.Offset)-1, 0), len(d.body))
	if syntax.Error() == "unexpected end of JSON input" {
		return fmt.Errorf("the JSON is truncated, it ends amid a value after %d bytes: see what breaks the answer off, the gateway or a proxy before it", len(d.body))
	}
	return fmt.Errorf("this is not JSON: %w, in line %d at %q: is the path right?",
		err, 1+bytes.Count(d.body[:at], []byte("\n")), quote(string(d.body[at:min(len(d.body), at+maxQuote+1)])))
}

// value appends the value that begins at pos, and what is in it. It returns where
// it ends. That the body is JSON is known.
func (d *jsonDocument) value(pos int, key, keyEnd uint32, depth int) (int, error) {
	if len(d.values) >= maxJSONValues {
		return 0, fmt.Errorf("the JSON has more than %d values: let the gateway show less, as by its query", maxJSONValues)
	}
	n := len(d.values)
	v := jsonValue{key: key, keyEnd: keyEnd}
	d.values = append(d.values, v)
	end, err := pos, error(nil)
	switch c := d.body[pos]; c {
	case '{', '[':
		if depth == maxJSONDepth {
			return 0, fmt.Errorf("the JSON is nested deeper than %d levels", maxJSONDepth)
		}
		v.kind = jsonList
		if c == '{' {
			v.kind = jsonObject
		}
		if end, err = d.members(pos+1, v.kind, depth+1); err != nil {
			return 0, err
		}
		v.text = [2]uint32{uint32(pos), uint32(end)}
	case '"':
		v.kind = jsonString
		end, v.verbatim = d.str(pos)
		v.text = [2]uint32{uint32(pos + 1), uint32(end - 1)}
	default:
		switch c {
		case 'n':
			v.kind = jsonNull
		case 't', 'f':
			v.kind = jsonBool
		default:
			v.kind = jsonNumber
		}
		for end < len(d.body) && bytes.IndexByte([]byte(",]} \t\r\n"), d.body[end]) < 0 {
			end++
		}
		v.text = [2]uint32{uint32(pos), uint32(end)}
	}
	v.next = uint32(len(d.values))
	d.values[n] = v
	return end, nil
}

// members appends the values of a list or object, whose first byte is at pos - 1.
func (d *jsonDocument) members(pos int, of jsonKind, depth int) (int, error) {
	for index := uint32(0); ; index++ {
		pos = d.blank(pos)
		if c := d.body[pos]; c == ']' || c == '}' {
			return pos + 1, nil
		}
		if d.body[pos] == ',' {
			pos = d.blank(pos + 1)
		}
		key, keyEnd := index, uint32(0)
		if of == jsonObject {
			end, _ := d.str(pos)
			key, keyEnd = uint32(pos+1), uint32(end-1)
			pos = d.blank(d.blank(end) + 1) // behind the colon
		}
		var err error
		if pos, err = d.value(pos, key, keyEnd, depth); err != nil {
			return 0, err
		}
	}
}

// blank returns the place of the first byte at pos or behind it that is no blank.
func (d *jsonDocument) blank(pos int) int {
	for d.body[pos] == ' ' || d.body[pos] == '\n' || d.body[pos] == '\r' || d.body[pos] == '\t' {
		pos++
	}
	return pos
}

// str returns where the string that begins at pos ends, behind its quote, and
// whether it is UTF-8 without escapes.
func (d *jsonDocument) str(pos int) (end int, verbatim bool) {
	verbatim = true
	for end = pos + 1; d.body[end] != '"'; end++ {
		if d.body[end] == '\\' {
			verbatim = false
			end++
		}
	}
	return end + 1, verbatim && utf8.Valid(d.body[pos:end])
}

// unescaped returns what a string or key stands for, which lies between its
// quotes in the body.
func (d *jsonDocument) unescaped(begin, end uint32) []byte {
	raw := d.body[begin:end]
	if bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
		return raw
	}
	var s string
	if err := json.Unmarshal(d.body[begin-1:end+1], &s); err != nil {
		return raw // never: the body is JSON
	}
	return []byte(s)
}

// appendKey appends the key under which a value lies, or its index in a list.
func (d *jsonDocument) appendKey(b []byte, at uint32) []byte {
	v := &d.values[at]
	switch {
	case at == 0:
		return b
	case v.keyEnd == 0:
		return strconv.AppendUint(b, uint64(v.key), 10)
	}
	return append(b, d.unescaped(v.key, v.keyEnd)...)
}

// raw returns a value as it is written, a string without quotes.
func (d *jsonDocument) raw(at uint32) []byte {
	v := &d.values[at]
	return d.body[v.text[0]:v.text[1]]
}

// text returns a string, number or boolean as text. Numbers keep their digits.
func (d *jsonDocument) text(at uint32) ([]byte, error) {
	switch v := &d.values[at]; v.kind {
	case jsonList, jsonObject:
		return nil, fmt.Errorf("it is %v, not a text: name a field of it", v.kind)
	case jsonString:
		if !v.verbatim {
			return d.unescaped(v.text[0], v.text[1]), nil
		}
	}
	return d.raw(at), nil
}

// absent reports whether a value is as good as not there: null, or an empty
// string.
func (d *jsonDocument) absent(at uint32) bool {
	v := &d.values[at]
	return v.kind == jsonNull || v.kind == jsonString && v.text[0] == v.text[1]
}

// number returns the number that a value is: itself, a string of digits, or 1
// and 0 for true and false.
func (d *jsonDocument) number(at uint32) (float64, error) {
	kind := d.values[at].kind
	text, err := d.text(at)
	switch {
	case err != nil:
		return 0, fmt.Errorf("it is %v, not a number: name a field of it", kind)
	case kind == jsonBool:
		if text[0] == 't' {
			return 1, nil
		}
		return 0, nil
	}
	v, ok := parseFloat(bytes.TrimSpace(text))
	if !ok {
		return 0, fmt.Errorf("%q is not a number", quote(string(text)))
	}
	return v, nil
}

// scalar returns a value for comparison, and false for lists, objects and null.
func (d *jsonDocument) scalar(at uint32) (scalar, bool) {
	kind := d.values[at].kind
	switch kind {
	case jsonNull, jsonList, jsonObject:
		return scalar{}, false
	case jsonNumber:
		v, err := d.number(at)
		return scalar{kind: kind, number: v}, err == nil
	}
	text, err := d.text(at)
	return scalar{kind: kind, text: string(text)}, err == nil
}

// find calls found with each value that the steps lead to from a value, in the
// order of the document.
func (d *jsonDocument) find(steps []pathStep, at uint32, found func(uint32)) {
	for i := range steps {
		step := &steps[i]
		if step.kind != stepField && step.kind != stepIndex {
			d.branch(step, at, func(at uint32) { d.find(steps[i+1:], at, found) })
			return
		}
		var ok bool
		if at, ok = d.single(step, at); !ok {
			return
		}
	}
	found(at)
}

// first returns the first value that the steps lead to. It allocates nothing
// where there is no more than one.
func (d *jsonDocument) first(steps []pathStep, at uint32) (uint32, bool) {
	for i := range steps {
		step := &steps[i]
		if step.kind != stepField && step.kind != stepIndex {
			result, ok := uint32(0), false
			d.find(steps[i:], at, func(at uint32) {
				if !ok {
					result, ok = at, true
				}
			})
			return result, ok
		}
		var ok bool
		if at, ok = d.single(step, at); !ok {
			return 0, false
		}
	}
	return at, true
}

// single follows a step that leads to one value at most. Of several fields of a
// name the first counts.
func (d *jsonDocument) single(step *pathStep, at uint32) (uint32, bool) {
	d.visits++
	of := d.values[at].kind
	end := d.values[at].next
	if step.kind == stepIndex {
		if of != jsonList {
			return 0, false
		}
		from := step.from
		if from < 0 {
			from += d.length(at)
		}
		for child := at + 1; child < end && from >= 0; child = d.values[child].next {
			d.visits++
			if from == 0 {
				return child, true
			}
			from--
		}
		return 0, false
	}
	if of != jsonObject {
		return 0, false
	}
	for child := at + 1; child < end; child = d.values[child].next {
		d.visits++
		v := &d.values[child]
		key := d.body[v.key:v.keyEnd]
		if string(key) == step.name || !utf8Plain(key) && string(d.unescaped(v.key, v.keyEnd)) == step.name {
			return child, true
		}
	}
	return 0, false
}

// utf8Plain reports whether a key is what it is written as, which is certain of
// ASCII without escapes.
func utf8Plain(key []byte) bool {
	for _, c := range key {
		if c == '\\' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// length returns how many elements a list has.
func (d *jsonDocument) length(at uint32) int {
	n := 0
	for child := at + 1; child < d.values[at].next; child = d.values[child].next {
		n++
	}
	d.visits += n
	return n
}

// branch follows a step that may lead to many values. It stops where all paths
// together visit too many.
func (d *jsonDocument) branch(step *pathStep, at uint32, found func(uint32)) {
	if step.kind == stepUnion {
		for _, steps := range step.branches {
			d.find(steps, at, found)
		}
		return
	}
	kind := d.values[at].kind
	if kind != jsonList && kind != jsonObject || step.kind == stepSlice && kind != jsonList {
		return
	}
	if step.kind == stepDescend {
		for end := d.values[at].next; at < end && d.visits <= maxJSONVisits; at++ {
			d.visits++
			if k := d.values[at].kind; k == jsonList || k == jsonObject {
				found(at)
			}
		}
		return
	}
	from, to, by := 0, math.MaxInt, 1
	if step.kind == stepSlice {
		from, to, by = step.from, step.to, step.by
		if from < 0 || to < 0 {
			from, to = step.bounds(d.length(at))
		}
	}
	end := d.values[at].next
	index := 0
	for child := at + 1; child < end && index < to && d.visits <= maxJSONVisits; child = d.values[child].next {
		d.visits++
		if index >= from && (index-from)%by == 0 && (step.kind != stepFilter || d.passes(step.filter, child)) {
			found(child)
		}
		index++
	}
}

// bounds returns the bounds of a slice in a list of n elements.
func (s *pathStep) bounds(n int) (from, to int) {
	from, to = s.from, s.to
	if from < 0 {
		from = max(0, from+n)
	}
	if to < 0 {
		to += n
	}
	return from, to
}

// passes reports whether a filter keeps a value.
func (d *jsonDocument) passes(f *pathFilter, at uint32) bool {
	if f.operator == "" {
		_, ok := d.first(f.left.steps, at)
		return ok
	}
	left, ok := d.operand(f.left, at)
	if !ok {
		return false
	}
	right, ok := d.operand(f.right, at)
	return ok && compare(left, f.operator, right)
}

func (d *jsonDocument) operand(o operand, at uint32) (scalar, bool) {
	if o.constant != nil {
		return *o.constant, true
	}
	at, ok := d.first(o.steps, at)
	if !ok {
		return scalar{}, false
	}
	return d.scalar(at)
}

// place returns the path to a value, for messages.
func (d *jsonDocument) place(at uint32) string {
	var b []byte
	for of := uint32(0); of != at; {
		child := of + 1
		for d.values[child].next <= at {
			child = d.values[child].next
		}
		if d.values[of].kind == jsonList {
			b = append(d.appendKey(append(b, '['), child), ']')
		} else {
			b = d.appendKey(append(b, '.'), child)
		}
		of = child
	}
	if len(b) == 0 {
		return "."
	}
	return string(b)
}
