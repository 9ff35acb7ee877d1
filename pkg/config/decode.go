package config

import (
	"cmp"

	"go.yaml.in/yaml/v3"
)

// A Document knows where the fields of a file stand that Decode has read.
type Document struct {
	origin Origin
}

// Decode reads a file that holds one YAML document into v, a pointer to a
// struct with JSON tags, as strictly as Read reads objects: bad syntax, unknown
// fields, values of another type, names given twice and a second document are
// findings, sorted by place, and v is then not to be used. A type that decodes
// itself may say in a method Cure() string what is to be written. A file without
// content leaves v as it is.
//
// The Document is never nil; of what could not be read it knows no place.
func Decode(file string, data []byte, v any) (*Document, []Finding) {
	d := &Document{origin: Origin{File: file, places: map[string]place{}}}
	objects := &Objects{}
	seen := false
	p := parser{objects: objects, content: func(doc *document, n *yaml.Node) {
		switch n = resolve(n); {
		case isNull(n):
		case seen:
			doc.at(n, "", "a second document", "put all into one document, without --- before it")
		default:
			seen = true
			d.origin.Line = doc.place(n).line
			w := walker{document: doc, origin: d.origin}
			w.decode(n, v)
		}
	}}
	p.file(file, data)
	return d, sortFindings(objects.Findings)
}

// Finding returns a finding about a field, such as tests[0].name, at the field's
// place; an absent field is shown at its parent.
func (d *Document) Finding(field, message, cure string) Finding {
	return d.origin.finding("", field, message, cure)
}

// Line returns the line of a field or, where it is absent, of its parent; 1
// where the file has no content.
func (d *Document) Line(field string) int {
	return cmp.Or(d.Finding(field, "", "").Line, 1)
}
