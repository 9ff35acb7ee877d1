package script

import (
	"slices"
	"strings"
)

// kinds is a set of the kinds of values that an expression may have.
type kinds uint16

const (
	isNil kinds = 1 << iota
	isFalse
	isTrue
	isNumber
	isString
	isTable
	isFunction
	isSelector // an instant vector that was not read yet
	isRange
	isVector
	isMatcher  // re"...", neq"...", nre"..."
	isGrouping // by(...), without(...)
	isMatching // on(...), ignoring(...), group_left(...), group_right(...)
	isLabels   // the second argument of callbacks

	isBoolean = isFalse | isTrue
	vectorish = isSelector | isVector
	// Values that Lua's own comparisons and conditions get wrong.
	opaque = vectorish | isRange | isMatcher | isGrouping | isMatching | isLabels
)

var kindNames = [...]string{
	"nil", "boolean", "boolean", "number", "string", "table", "function",
	"vector", "range", "vector", "matcher", "grouping", "matching", "labels",
}

// String returns the names of the kinds: "number, vector or nil".
func (k kinds) String() string {
	if k|isNil == anything {
		return "any value"
	}
	var names []string
	for i, name := range kindNames {
		if i > 0 && k&(1<<i) != 0 && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if k.has(isNil) {
		names = append(names, "nil")
	}
	switch n := len(names); n {
	case 0:
		return "nothing"
	case 1:
		return names[0]
	default:
		return strings.Join(names[:n-1], ", ") + " or " + names[n-1]
	}
}

// article returns the names with an article: "a number or nil".
func (k kinds) article() string {
	switch s := k.String(); {
	case k == isNil || k == isLabels || s == "nothing" || k|isNil == anything:
		return s
	default:
		return "a " + s
	}
}

// has reports whether the sets have a kind in common.
func (k kinds) has(o kinds) bool { return k&o != 0 }

// only reports whether the set is not empty and within another.
func (k kinds) only(o kinds) bool { return k != 0 && k&^o == 0 }
