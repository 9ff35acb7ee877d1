package preset

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gaugeway/gaugeway/pkg/config"
	"github.com/gaugeway/gaugeway/pkg/script"
)

// A presetFile is the text of a preset and what is wrong with it.
type presetFile struct {
	path     string
	findings []config.Finding
}

// parse reads the text, or finds what is wrong with it.
func (f *presetFile) parse(text string) *script.Module {
	m, err := script.ParseModule(text)
	if err == nil {
		return m
	}
	var mistakes script.Errors
	if !errors.As(err, &mistakes) {
		f.findings = append(f.findings, config.Finding{File: f.path, Message: err.Error()})
		return nil
	}
	for _, e := range mistakes {
		f.findings = append(f.findings, config.Finding{File: f.path, Line: e.Line, Column: e.Column, Message: e.Message, Cure: e.Cure})
	}
	return nil
}

// A constant is a value of preset.lua and the name of its field.
type constant struct {
	*script.Constant
	file *presetFile
	// name is the last part of path, such as metrics.error_ratio.labels. Both are empty for
	// the whole.
	name, path string
}

// add adds a finding about the constant.
func (c constant) add(message, cure string) {
	c.file.findings = append(c.file.findings, config.Finding{File: c.file.path, Line: c.Line, Column: c.Column, Field: c.path, Message: message, Cure: cure})
}

// describe names what a constant is, for a message.
func (c constant) describe() string {
	switch c.Kind {
	case script.ConstantString:
		return fmt.Sprintf("the string %q", c.Text)
	case script.ConstantNumber:
		return fmt.Sprintf("the number %v", c.Number)
	case script.ConstantBoolean:
		return fmt.Sprintf("the boolean %v", c.Boolean)
	}
	return "a " + string(c.Kind)
}

func (c constant) isTable() bool { return c.Kind == script.ConstantTable }

// members returns the named fields of a table, in their order.
func (c constant) members(cure string) []constant {
	if !c.isTable() || len(c.List) > 0 {
		c.add("expected a table of names, found "+c.describe(), cure)
		return nil
	}
	var out []constant
	for i := range c.Fields {
		f := &c.Fields[i]
		v := f.Value
		v.Line, v.Column = f.Line, f.Column
		out = append(out, constant{Constant: &v, file: c.file, name: f.Name, path: strings.TrimPrefix(c.path+"."+f.Name, ".")})
	}
	return out
}

// member returns a named field, or the table itself where it has none.
func (c constant) member(name string) constant {
	for _, m := range c.members("") {
		if m.name == name {
			return m
		}
	}
	return c
}

// elements returns the elements of a list.
func (c constant) elements(cure string) []constant {
	if !c.isTable() || len(c.Fields) > 0 {
		c.add("expected a list, found "+c.describe(), cure)
		return nil
	}
	var out []constant
	for i := range c.List {
		out = append(out, constant{Constant: &c.List[i], file: c.file, name: c.name, path: fmt.Sprintf("%s[%d]", c.path, i+1)})
	}
	return out
}

// text returns a string that is not empty.
func (c constant) text(cure string) string {
	switch {
	case c.Kind != script.ConstantString:
		c.add("expected a string, found "+c.describe(), cure)
	case strings.TrimSpace(c.Text) == "":
		c.add("empty", cure)
	}
	return c.Text
}

// texts returns a list of strings that are not empty, and not none.
func (c constant) texts(cure string) []string {
	var out []string
	for _, e := range c.elements(cure) {
		out = append(out, e.text(cure))
	}
	if c.isTable() && len(c.List)+len(c.Fields) == 0 {
		c.add("an empty list", cure)
	}
	return out
}

// unknown adds a finding about a name that means nothing here.
func (c constant) unknown(names []string) {
	cure := "the names here are " + strings.Join(names, ", ")
	if near := config.Nearest(c.name, names); near != "" {
		cure = "did you mean " + near + "?"
	}
	c.add("unknown name", cure)
}
