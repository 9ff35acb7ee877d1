package preset

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gaugeway/gaugeway/pkg/config"
	"github.com/gaugeway/gaugeway/pkg/script/syntax"
)

// maxPresetString is the longest string of a preset, in bytes.
const maxPresetString = 4096

// A constant is a value of preset.lua: a string, a number, a boolean, a table
// or a function. Nothing of it is executed.
type constant struct {
	at syntax.Pos
	// path of the field, such as metrics.error_ratio.labels; empty for the whole.
	path  string
	value syntax.Expr
	file  *presetFile
}

// A presetFile is the text of a preset and what is wrong with it.
type presetFile struct {
	path     string
	findings []config.Finding
}

// parsePreset returns the table that the file returns, or nil with findings.
func (f *presetFile) parse(text string) *constant {
	tree, err := syntax.Parse(text, maxPresetString)
	if err != nil {
		var at *syntax.Error
		if errors.As(err, &at) {
			f.add(syntax.Pos{Line: at.Line, Column: at.Column}, "", at.Message, at.Cure)
		} else {
			f.add(syntax.Pos{Line: 1}, "", err.Error(), "")
		}
		return nil
	}
	const cure = `write return { name = "...", ... } and nothing else`
	last := tree.Body[len(tree.Body)-1]
	if len(tree.Body) > 1 {
		f.add(tree.Body[0].At(), "", "a preset is one table that is returned", cure)
		return nil
	}
	r, ok := last.(*syntax.Return)
	if !ok || len(r.Exprs) != 1 {
		f.add(last.At(), "", "a preset is one table that is returned", cure)
		return nil
	}
	c := &constant{at: syntax.Start(r.Exprs[0]), value: syntax.Strip(r.Exprs[0]), file: f}
	if _, ok := c.value.(*syntax.Table); !ok {
		c.add("a preset is one table that is returned, found "+c.kind(), cure)
		return nil
	}
	return c
}

func (f *presetFile) add(at syntax.Pos, field, message, cure string) {
	f.findings = append(f.findings, config.Finding{File: f.path, Line: at.Line, Column: at.Column, Field: field, Message: message, Cure: cure})
}

// add adds a finding about the constant.
func (c *constant) add(message, cure string) { c.file.add(c.at, c.path, message, cure) }

// kind names what a constant is, for a message.
func (c *constant) kind() string {
	switch x := c.value.(type) {
	case *syntax.String:
		return fmt.Sprintf("the string %q", x.Value)
	case *syntax.Number:
		return fmt.Sprintf("the number %v", x.Value)
	case *syntax.Bool:
		return fmt.Sprintf("the boolean %v", x.Value)
	case *syntax.Table:
		return "a table"
	case *syntax.Function:
		return "a function"
	case *syntax.Nil:
		return "nil"
	}
	return "an expression"
}

// A member is a field of a table.
type member struct {
	name string
	constant
}

// members returns the named fields of a table, in their order. What has no name
// that is a constant, or one that was given before, is a finding.
func (c *constant) members(cure string) []member {
	t, ok := c.value.(*syntax.Table)
	if !ok {
		c.add("expected a table, found "+c.kind(), cure)
		return nil
	}
	var out []member
	first := map[string]int{}
	for _, f := range t.Fields {
		key, ok := f.Key.(*syntax.String)
		if !ok {
			c.file.add(f.At(), c.path, "expected name = value", cure)
			continue
		}
		m := member{name: key.Value, constant: constant{at: key.At(), path: strings.TrimPrefix(c.path+"."+key.Value, "."), value: syntax.Strip(f.Value), file: c.file}}
		if m.at.Line == 0 {
			m.at = f.At()
		}
		if line, twice := first[m.name]; twice {
			m.add(fmt.Sprintf("given twice, first on line %d", line), "remove one")
			continue
		}
		first[m.name] = m.at.Line
		out = append(out, m)
	}
	return out
}

// elements returns the elements of a list.
func (c *constant) elements(cure string) []constant {
	t, ok := c.value.(*syntax.Table)
	if !ok {
		c.add("expected a list, found "+c.kind(), cure)
		return nil
	}
	var out []constant
	for i, f := range t.Fields {
		if f.Key != nil {
			c.file.add(f.At(), c.path, "expected a list, found a name in it", cure)
			continue
		}
		out = append(out, constant{at: f.Value.At(), path: fmt.Sprintf("%s[%d]", c.path, i+1), value: syntax.Strip(f.Value), file: c.file})
	}
	return out
}

// text returns a string that is not empty.
func (c *constant) text(cure string) string {
	s, ok := c.value.(*syntax.String)
	switch {
	case !ok:
		c.add("expected a string, found "+c.kind(), cure)
		return ""
	case strings.TrimSpace(s.Value) == "":
		c.add("empty", cure)
	}
	return s.Value
}

// texts returns a list of strings that are not empty.
func (c *constant) texts(cure string) []string {
	var out []string
	for _, e := range c.elements(cure) {
		out = append(out, e.text(cure))
	}
	if len(out) == 0 && c.isTable() {
		c.add("an empty list", cure)
	}
	return out
}

func (c *constant) isTable() bool {
	_, ok := c.value.(*syntax.Table)
	return ok
}

// plain returns the constant as data: map[string]any, []any, string, float64 or
// bool. A table without names is a list, one without fields an empty map. What is
// no data is a finding.
func (c *constant) plain() any {
	switch x := c.value.(type) {
	case *syntax.String:
		return x.Value
	case *syntax.Number:
		return x.Value
	case *syntax.Bool:
		return x.Value
	case *syntax.Unary:
		if n, ok := syntax.Strip(x.Operand).(*syntax.Number); ok && x.Op == "-" {
			return -n.Value
		}
	case *syntax.Table:
		if len(x.Fields) > 0 && x.Fields[0].Key == nil {
			var list []any
			for _, e := range c.elements("write { value, value } or { name = value }, not both in one table") {
				list = append(list, e.plain())
			}
			return list
		}
		data := map[string]any{}
		for _, m := range c.members("write { value, value } or { name = value }, not both in one table") {
			data[m.name] = m.plain()
		}
		return data
	}
	c.add("expected constant data, found "+c.kind(), "write strings, numbers, true, false and tables of them")
	return nil
}
