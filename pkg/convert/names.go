package convert

import (
	"strings"
	"sync"

	"github.com/gaugeway/gaugeway/pkg/script"
)

// metricName prints the name of a metric as Lua that means it. Braces says
// that braces must follow even where there are no matchers.
func metricName(name string) (lua string, braces bool) {
	base, record, colon := strings.Cut(name, ":")
	switch {
	case colon && isName(base) && isName(record):
		return name, true
	case isName(name) && !isTaken(name):
		return name, false
	}
	return "series" + quote(name), true
}

// isName reports whether s is a name in Lua.
func isName(s string) bool {
	if s == "" || isKeyword(s) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		letter := c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// isKeyword reports whether s is a word of Lua 5.2.
func isKeyword(s string) bool {
	switch s {
	case "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in",
		"local", "nil", "not", "or", "repeat", "return", "then", "true", "until", "while":
		return true
	}
	return false
}

// isTaken reports whether a name means something else than a metric in a
// program.
func isTaken(name string) bool {
	switch name {
	case mappedName, "null",
		"_G", "_ENV", "_VERSION", "collectgarbage", "coroutine", "debug", "dofile", "getmetatable", "io", "load",
		"loadfile", "loadstring", "module", "next", "os", "package", "print", "rawequal", "rawget", "rawlen",
		"rawset", "require", "setmetatable", "unpack", "xpcall":
		return true
	}
	reserved := len(name) > 1 && name[0] == '_' && 'A' <= name[1] && name[1] <= 'Z'
	return reserved || functionNames()[name]
}

// functionNames holds the names of script's functions and their libraries.
var functionNames = sync.OnceValue(func() map[string]bool {
	names := map[string]bool{}
	for _, f := range script.Reference() {
		name, _, _ := strings.Cut(f.Name, ".")
		names[name] = true
	}
	return names
})
