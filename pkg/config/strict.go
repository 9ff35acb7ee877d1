package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// A walker compares a document with the Go type that it is to be decoded into.
// It finds all that decoding would stumble over one by one and without a place,
// and notes the place of each field.
type walker struct {
	*document
	kind   string
	object string // kind/namespace/name, empty without a name
	origin Origin
}

// found adds a finding about a field, at a node.
func (w *walker) found(n *yaml.Node, path, message, cure string) {
	at := w.place(n)
	w.add(Finding{File: w.file, Line: at.line, Column: at.column, Object: w.object, Field: path, Message: message, Cure: cure})
}

var (
	unmarshalerType = reflect.TypeFor[json.Unmarshaler]()
	durationType    = reflect.TypeFor[metav1.Duration]()
	quantityType    = reflect.TypeFor[resource.Quantity]()
	portType        = reflect.TypeFor[intstr.IntOrString]()
)

// quantitySyntax is what is parsed as a quantity. The parser itself takes a lone
// sign for 0, and computes for hours on an exponent of many digits.
var quantitySyntax = regexp.MustCompile(`^[+-]?[0-9.]{1,30}([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,2})?$`)

// The cure of a quantity that cannot be read.
const quantityCure = `write a number, if need be with a suffix, such as "10", 500m or 64Mi`

// walk checks that a node fits a type. A null fits every type: it is an absent field.
func (w *walker) walk(n *yaml.Node, t reflect.Type, path string) {
	n = resolve(n)
	if isNull(n) {
		return
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case !slices.Contains([]string{"!!map", "!!seq", "!!str", "!!int", "!!float", "!!bool", "!!timestamp"}, n.ShortTag()):
		w.found(n, path, "the tag "+n.ShortTag()+" is not supported", "write the value without a tag")
	case reflect.PointerTo(t).Implements(unmarshalerType):
		w.leaf(n, t, path)
	case t.Kind() == reflect.Struct:
		w.fields(n, t, path)
	case t.Kind() == reflect.Map:
		w.entries(n, t, path)
	case t.Kind() == reflect.Slice:
		w.elements(n, t, path)
	default:
		w.scalar(n, t, path)
	}
}

// leaf checks a value of a type that decodes itself, such as a duration.
func (w *walker) leaf(n *yaml.Node, t reflect.Type, path string) {
	value := reflect.New(t).Interface().(json.Unmarshaler)
	data, err := json.Marshal(plain(n))
	switch {
	case err != nil:
	case t == quantityType && n.Kind == yaml.ScalarNode && !quantitySyntax.MatchString(n.Value):
		err = resource.ErrFormatWrong
	default:
		err = value.UnmarshalJSON(data)
	}
	if err == nil {
		return
	}
	given := describe(n)
	if n.Kind == yaml.ScalarNode {
		given = strconv.Quote(n.Value)
	}
	switch t {
	case durationType:
		w.found(n, path, "bad duration "+given, "write a number and a unit (ms, s, m, h), such as 30s or 1m30s")
	case quantityType:
		w.found(n, path, "bad quantity "+given, quantityCure)
	case portType:
		w.found(n, path, "bad port "+given, "write its number or its name, such as metrics")
	default:
		cure := "write it as Kubernetes prints it"
		if c, ok := value.(interface{ Cure() string }); ok {
			cure = c.Cure()
		}
		w.found(n, path, "bad value "+given, cure)
	}
}

// fields checks a mapping against the fields of a struct.
func (w *walker) fields(n *yaml.Node, t reflect.Type, path string) {
	known := map[string]reflect.Type{}
	names := jsonFields(t, known, nil)
	cure := "write its fields below it, name: value, one a line"
	if len(names) <= 4 {
		cure = "write {" + strings.Join(names, ": ..., ") + ": ...}"
	}
	w.pairs(n, path, cure, func(key, value *yaml.Node) {
		at := strings.TrimPrefix(path+"."+key.Value, ".")
		if t, ok := known[key.Value]; ok {
			w.note(at, key, value)
			w.walk(value, t, at)
			return
		}
		w.found(key, at, "unknown field", unknownFieldCure(w.kind, at, key.Value, names))
	})
}

// entries checks a mapping against a map with strings as keys.
func (w *walker) entries(n *yaml.Node, t reflect.Type, path string) {
	w.pairs(n, path, "write {name: value}", func(key, value *yaml.Node) {
		at := path + "[" + key.Value + "]"
		w.note(at, key, value)
		if isNull(resolve(value)) && t.Elem().Kind() == reflect.String {
			w.found(value, at, "expected a string, found nothing", `write "" for an empty one`)
			return
		}
		w.walk(value, t.Elem(), at)
	})
}

// pairs calls f for each key of a mapping, each once; keys are strings. The cure
// is that of a node which is no mapping.
func (w *walker) pairs(n *yaml.Node, path, cure string, f func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		w.found(n, path, "expected fields, found "+describe(n), cure)
		return
	}
	first := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := resolve(n.Content[i]), n.Content[i+1]
		switch {
		case key.ShortTag() == "!!merge":
			w.found(key, path, "merge keys (<<) are not supported", "write the fields out")
		case key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str":
			w.found(key, path, "expected a name, found "+describe(key), "put it in quotes if it is meant as a name")
		case first[key.Value] != nil:
			at := strings.TrimPrefix(path+"."+key.Value, ".")
			w.found(key, at, "given twice, first on line "+strconv.Itoa(w.place(first[key.Value]).line), "remove one")
		default:
			first[key.Value] = key
			f(key, value)
		}
	}
}

func (w *walker) elements(n *yaml.Node, t reflect.Type, path string) {
	if n.Kind != yaml.SequenceNode {
		w.found(n, path, "expected a list, found "+describe(n), "write - before each element, or put it in [ ]")
		return
	}
	for i, element := range n.Content {
		at := path + "[" + strconv.Itoa(i) + "]"
		w.note(at, element, element)
		if isNull(resolve(element)) {
			w.found(element, at, "an empty element", "give it a value or remove it")
			continue
		}
		w.walk(element, t.Elem(), at)
	}
}

// scalar checks a value against a string, a boolean or an integer.
func (w *walker) scalar(n *yaml.Node, t reflect.Type, path string) {
	switch t.Kind() {
	case reflect.String:
		switch tag := n.ShortTag(); {
		case n.Kind != yaml.ScalarNode:
			w.found(n, path, "expected a string, found "+describe(n), "write one value")
		case tag != "!!str" && tag != "!!timestamp":
			w.found(n, path, "expected a string, found "+describe(n), "put it in quotes: "+strconv.Quote(n.Value))
		case n.Style == 0 && isOldBoolean(n.Value):
			w.found(n, path, "expected a string, found "+n.Value+", which kubectl reads as a boolean", "put it in quotes: "+strconv.Quote(n.Value))
		}
	case reflect.Bool:
		if n.ShortTag() != "!!bool" {
			w.found(n, path, "expected true or false, found "+describe(n), "write true or false, without quotes")
		}
	default:
		if n.ShortTag() != "!!int" || n.Decode(reflect.New(t).Interface()) != nil {
			w.found(n, path, "expected a whole number, found "+describe(n), "write digits only, without quotes")
		}
	}
}

// note remembers the place of a field: its value if that is on one line, else its name.
func (w *walker) note(path string, key, value *yaml.Node) {
	if value.Kind == yaml.ScalarNode && value.Value != "" {
		key = value
	}
	w.origin.places[path] = w.place(key)
}

// jsonFields adds the fields of a struct by their JSON names, those of inlined
// structs included, and returns the names in order.
func jsonFields(t reflect.Type, known map[string]reflect.Type, names []string) []string {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case name == "" && (f.Anonymous || options == "inline"):
			names = jsonFields(f.Type, known, names)
		default:
			known[name] = f.Type
			names = append(names, name)
		}
	}
	return names
}

// resolve follows an alias.
func resolve(n *yaml.Node) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// child returns the value of a mapping's key, or nil.
func child(n *yaml.Node, name string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return resolve(n.Content[i+1])
		}
	}
	return nil
}

// without returns a mapping without one of its keys.
func without(n *yaml.Node, name string) *yaml.Node {
	rest := *n
	rest.Content = nil
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != name {
			rest.Content = append(rest.Content, n.Content[i], n.Content[i+1])
		}
	}
	return &rest
}

// text returns the text of a scalar; empty for all else.
func text(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode || isNull(n) {
		return ""
	}
	return n.Value
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// isOldBoolean reports whether YAML 1.1 reads a word as a boolean where YAML 1.2 reads a string.
func isOldBoolean(s string) bool {
	return slices.Contains([]string{"y", "n", "yes", "no", "on", "off"}, strings.ToLower(s))
}

// plain returns a node as encoding/json takes it.
func plain(n *yaml.Node) any {
	n = resolve(n)
	switch n.Kind {
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[resolve(n.Content[i]).Value] = plain(n.Content[i+1])
		}
		return m
	case yaml.SequenceNode:
		s := make([]any, len(n.Content))
		for i, element := range n.Content {
			s[i] = plain(element)
		}
		return s
	}
	switch n.ShortTag() {
	case "!!int", "!!float", "!!bool", "!!null":
		var v any
		if n.Decode(&v) == nil {
			return v
		}
	}
	return n.Value
}

// describe names what a node holds, for a message.
func describe(n *yaml.Node) string {
	switch {
	case n == nil || isNull(n):
		return "nothing"
	case n.Kind == yaml.MappingNode:
		return "fields"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!int", "!!float":
		return "the number " + n.Value
	case "!!bool":
		return "the boolean " + n.Value
	}
	return fmt.Sprintf("the string %q", n.Value)
}
