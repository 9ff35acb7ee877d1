package config

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// luaStart returns the line of the file on which the Lua text begins and the
// columns before it, or zeros where lines of the text are not lines of the file.
// What the YAML says about the scalar's style is compared with the file itself,
// so that a place is right or not given.
func luaStart(d *document, n *yaml.Node) (line, indent int) {
	if n == nil {
		return 0, 0
	}
	at := d.place(n)
	if at.line > len(d.lines) {
		return 0, 0 // YAML breaks lines at more characters than \n
	}
	if n.Style&yaml.LiteralStyle != 0 {
		return blockStart(d.lines[at.line:], n.Value, at.line+1)
	}
	begin := at.column - 1
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
		begin++
	}
	source := []rune(d.lines[at.line-1])
	if begin <= len(source) && strings.HasPrefix(string(source[begin:]), n.Value) {
		return at.line, begin
	}
	return 0, 0
}

// blockStart is luaStart for a literal block: the lines of the file after the
// one with the |, of which the first is line.
func blockStart(lines []string, value string, line int) (_, indent int) {
	for i, text := range strings.Split(strings.TrimRight(value, "\n"), "\n") {
		if i >= len(lines) {
			return 0, 0
		}
		if strings.TrimSpace(text) == "" {
			continue
		}
		source := strings.TrimRight(lines[i], "\r\n")
		if indent == 0 {
			indent = max(0, len(source)-len(text))
		}
		if source != strings.Repeat(" ", indent)+text {
			return 0, 0
		}
	}
	return line, indent
}
