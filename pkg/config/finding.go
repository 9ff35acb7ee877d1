package config

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
)

// A Finding is a problem of the configuration, for a person to correct.
type Finding struct {
	// File is the path of the file, the folder's path included. Line and Column
	// count from 1; 0 is unknown.
	File         string
	Line, Column int
	// Object is kind/namespace/name; empty where the document does not tell.
	Object string
	// Field is the path of the field, such as spec.static.urls[0]; it may be empty.
	Field string
	// Message says what is wrong and Cure what to do about it, both in lower case
	// and without a full stop. Cure may be empty.
	Message, Cure string
	// Reason is the reason of the status condition that the finding becomes, one
	// of v1alpha1.Reason*; empty for a warning.
	Reason string
	// Warning: the object is used all the same.
	Warning bool
	// Kept: the object's last good version stays in use.
	Kept bool
}

// String returns "file:line:column: field: message; cure", without the parts
// that are empty, and says so where the finding is a warning or where the
// object's last good version stays in use.
func (f Finding) String() string {
	var b strings.Builder
	b.WriteString(cmp.Or(f.File, f.Object))
	if f.Line > 0 {
		b.WriteString(":" + strconv.Itoa(f.Line))
		if f.Column > 0 {
			b.WriteString(":" + strconv.Itoa(f.Column))
		}
	}
	b.WriteString(": ")
	if f.Warning {
		b.WriteString("warning: ")
	}
	if f.Field != "" {
		b.WriteString(f.Field + ": ")
	}
	b.WriteString(f.Message)
	if f.Cure != "" {
		b.WriteString("; " + f.Cure)
	}
	if f.Kept {
		b.WriteString(" (the last good version stays in use)")
	}
	return b.String()
}

// sortFindings sorts by place, and drops what was found twice.
func sortFindings(findings []Finding) []Finding {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(
			strings.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column),
			strings.Compare(a.Object, b.Object),
			strings.Compare(a.Field, b.Field),
			strings.Compare(a.Message, b.Message),
		)
	})
	return slices.Compact(findings)
}

// An Origin is the place in a file where an object stands. It is zero for an
// object of the cluster.
type Origin struct {
	// File is the path of the file, the folder's path included.
	File string
	// Line is where the object begins, from 1.
	Line int

	places map[string]place // of each field that is given, by path
}

type place struct{ line, column int }

// finding returns a finding at the place of a field or, where it is absent, of
// the closest parent that is given.
func (o *Origin) finding(object, field, message, cure string) Finding {
	f := Finding{File: o.File, Line: o.Line, Object: object, Field: field, Message: message, Cure: cure}
	for path := field; path != ""; path = path[:max(0, strings.LastIndexAny(path, ".["))] {
		if at, given := o.places[path]; given {
			f.Line, f.Column = at.line, at.column
			break
		}
	}
	return f
}

// position returns file:line.
func (o *Origin) position() string { return o.File + ":" + strconv.Itoa(o.Line) }

// at returns " at file:line", or nothing for an object of the cluster.
func (o *Origin) at() string {
	if o.File == "" {
		return ""
	}
	return " at " + o.position()
}

// fromFieldError translates an error of validation, whose detail is
// "message; cure".
func (o *Origin) fromFieldError(object string, err *field.Error) Finding {
	e := *err
	message, cure, _ := strings.Cut(e.Detail, "; ")
	if e.Type == field.ErrorTypeNotSupported {
		message, cure = "", e.Detail
	}
	e.Detail = message
	f := o.finding(object, e.Field, lowerFirst(e.ErrorBody()), cure)
	f.Reason = v1alpha1.ReasonInvalid
	return f
}

// because returns the finding with a reason.
func (f Finding) because(reason string) Finding {
	f.Reason = reason
	return f
}

func lowerFirst(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToLower(r)) + s[n:]
}
