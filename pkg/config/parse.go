package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
)

const apiVersion = v1alpha1.GroupName + "/" + v1alpha1.Version

// A parser adds the objects of one file after the other.
type parser struct {
	objects *Objects
	presets Presets                     // nil for none
	first   map[string]*Origin          // of each object, to find the second
	content func(*document, *yaml.Node) // takes what a document holds
}

// newParser returns a parser that adds configuration objects.
func newParser(objects *Objects, presets Presets) parser {
	return parser{objects: objects, presets: presets, first: map[string]*Origin{}, content: (*document).object}
}

// file adds the objects of one file. Documents are split before they are
// parsed, so that a syntax error costs one document: a line that begins with
// --- begins a document, whatever stands around it (YAML 1.2, rule 206).
func (p *parser) file(file string, data []byte) {
	lines := strings.SplitAfter(string(data), "\n")
	begin := 0
	for i := 1; i <= len(lines); i++ {
		if i == len(lines) || isMarker(lines[i]) {
			d := &document{parser: p, file: file, lines: lines, above: begin}
			d.parse(strings.Join(lines[begin:i], ""))
			begin = i
		}
	}
}

// isMarker reports whether a line begins a document.
func isMarker(line string) bool {
	rest, found := strings.CutPrefix(line, "---")
	return found && (rest == "" || strings.ContainsRune(" \t\r\n", rune(rest[0])))
}

// A document is one YAML document of a file.
type document struct {
	*parser
	file  string
	lines []string // of the whole file, with their ends
	above int      // lines of the file before the document
}

func (d *document) place(n *yaml.Node) place { return place{n.Line + d.above, n.Column} }

func (d *document) add(f Finding) { d.objects.Findings = append(d.objects.Findings, f) }

// at adds a finding about a node that belongs to no known object.
func (d *document) at(n *yaml.Node, fieldPath, message, cure string) {
	at := d.place(n)
	d.add(Finding{File: d.file, Line: at.line, Column: at.column, Field: fieldPath, Message: message, Cure: cure})
}

func (d *document) parse(text string) {
	decoder := yaml.NewDecoder(strings.NewReader(text))
	for { // to the end: what follows on ... must not go unnoticed
		var root yaml.Node
		err := decoder.Decode(&root)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			d.syntaxError(err, strings.Count(strings.TrimRight(text, "\n"), "\n")+1)
			return
		}
		// Decoding refuses what nodes do not: an alias within its own anchor, and
		// aliases that grow without end. Other errors are found below, with a place.
		var discarded any
		if err := root.Decode(&discarded); err != nil && isAliasError(err) {
			d.at(&root, "", strings.TrimPrefix(err.Error(), "yaml: "), "write the values out")
			continue
		}
		d.content(d, root.Content[0])
	}
}

func isAliasError(err error) bool {
	return strings.Contains(err.Error(), "contains itself") || strings.Contains(err.Error(), "excessive aliasing")
}

// yamlError splits "yaml: line 3: message"; the parser leaves the line out where it is the first.
var yamlError = regexp.MustCompile(`^yaml: (?:line (\d+): )?([^\n]*)`)

func (d *document) syntaxError(err error, last int) {
	line, message := 1, err.Error()
	if m := yamlError.FindStringSubmatch(message); m != nil {
		message = m[2]
		if n, err := strconv.Atoi(m[1]); err == nil {
			line = min(n, last)
		}
	}
	line += d.above
	cure := "correct the syntax here or just below"
	if text := d.lines[line-1]; strings.Contains(text[:len(text)-len(strings.TrimLeft(text, " \t"))], "\t") {
		cure = "indent with spaces, not with tabs"
	}
	d.add(Finding{File: d.file, Line: line, Message: "not YAML: " + message, Cure: cure})
}

// object adds the object that a node holds, or those of a List.
func (d *document) object(n *yaml.Node) {
	n = resolve(n)
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		d.at(n, "", "expected an object, found "+describe(n), "begin with apiVersion: "+apiVersion+" and kind")
		return
	}
	kind, version := text(child(n, "kind")), text(child(n, "apiVersion"))
	switch {
	case kind == "List" && version == "v1":
		d.list(n)
	case kind == "" && version == "" && child(n, "tests") != nil:
		// Tests of the metrics may lie beside them: gaugeway test reads those.
	case strings.HasPrefix(version, "kustomize.config.k8s.io/"):
		// It says how to apply the objects beside it, and is none itself.
	case kind == "HorizontalPodAutoscaler":
		d.autoscaler(n)
	case kind == "":
		d.at(n, "kind", "missing", "write kind: "+v1alpha1.KindGatewaySource+" or kind: "+v1alpha1.KindGatewayMetric)
	case kind != v1alpha1.KindGatewaySource && kind != v1alpha1.KindGatewayMetric:
		cure := "gaugeway reads " + v1alpha1.KindGatewaySource + " and " + v1alpha1.KindGatewayMetric + "; keep other objects in another folder"
		if near := Nearest(kind, []string{v1alpha1.KindGatewaySource, v1alpha1.KindGatewayMetric}); near != "" {
			cure = "did you mean " + near + "?"
		}
		d.at(child(n, "kind"), "kind", fmt.Sprintf("unknown kind %q", kind), cure)
	case version == "":
		d.at(n, "apiVersion", "missing", "write apiVersion: "+apiVersion)
	case version != apiVersion:
		d.at(child(n, "apiVersion"), "apiVersion", fmt.Sprintf("unknown version %q", version), "write apiVersion: "+apiVersion)
	default:
		d.identified(n, kind)
	}
}

// autoscaler adds a HorizontalPodAutoscaler, which is no configuration of
// gaugeway's, as it is: gaugeway check holds it against the metrics.
func (d *document) autoscaler(n *yaml.Node) {
	data, err := json.Marshal(plain(n))
	if err != nil {
		d.at(n, "", err.Error(), "correct the object")
		return
	}
	d.objects.Autoscalers = append(d.objects.Autoscalers, Autoscaler{File: d.file, Line: d.place(n).line, JSON: data})
}

func (d *document) list(n *yaml.Node) {
	items := child(n, "items")
	for i := 0; i+1 < len(n.Content); i += 2 {
		switch key := n.Content[i]; key.Value {
		case "apiVersion", "kind", "metadata", "items":
		default:
			d.at(key, key.Value, "unknown field", "a List has items only")
		}
	}
	if items == nil || items.Kind != yaml.SequenceNode {
		d.at(n, "items", "expected a list of objects, found "+describe(items), "write items: [...]")
		return
	}
	for _, item := range items.Content {
		if resolve(item).Kind == yaml.MappingNode && text(child(resolve(item), "kind")) == "List" {
			d.at(item, "items", "a List within a List", "list the objects in one")
			continue
		}
		d.object(item)
	}
}

// identified adds an object of a known kind: it checks the fields, decodes,
// sets the defaults and validates.
func (d *document) identified(n *yaml.Node, kind string) {
	meta := child(n, "metadata")
	name, namespace := text(child(meta, "name")), text(child(meta, "namespace"))
	if namespace == "" {
		namespace = DefaultNamespace
	}
	w := walker{document: d, kind: kind, origin: Origin{
		File: d.file, Line: d.place(n).line, places: map[string]place{},
	}}
	if name != "" {
		w.origin.places["metadata.name"] = d.place(child(meta, "name"))
		w.object = objectName(kind, namespace, name)
		if first, twice := d.first[w.object]; twice {
			d.add(w.origin.finding(w.object, "metadata.name",
				fmt.Sprintf("%s %s/%s is already defined at %s", kind, namespace, name, first.position()), "remove or rename one of them"))
			return
		}
		d.first[w.object] = &w.origin
	}
	n = without(n, "status") // written by gaugeway; it may stand in what kubectl printed
	var errs field.ErrorList
	switch kind {
	case v1alpha1.KindGatewaySource:
		s := &v1alpha1.GatewaySource{}
		if !w.decode(n, s) {
			return
		}
		s.Namespace = namespace
		if errs = complete(s, d.presets); len(errs) == 0 {
			resolveFiles(s, filepath.Dir(d.file))
			d.objects.Sources = append(d.objects.Sources, &Source{GatewaySource: s, Origin: w.origin})
		}
	case v1alpha1.KindGatewayMetric:
		m := &v1alpha1.GatewayMetric{}
		if !w.decode(n, m) {
			return
		}
		m.Namespace = namespace
		m.SetDefaults()
		if errs = m.Validate(); len(errs) == 0 {
			line, indent := luaStart(d, child(child(n, "spec"), "lua"))
			d.objects.Metrics = append(d.objects.Metrics, &Metric{GatewayMetric: m, Origin: w.origin, LuaLine: line, luaIndent: indent})
		}
	}
	for _, err := range errs {
		d.add(w.origin.fromFieldError(w.object, err))
	}
}

// decode checks the fields of an object and, where all are known and of their
// type, decodes it. It reports whether it did.
func (w *walker) decode(n *yaml.Node, object any) bool {
	before := len(w.objects.Findings)
	w.walk(n, reflect.TypeOf(object).Elem(), "")
	if len(w.objects.Findings) > before {
		return false
	}
	data, err := json.Marshal(plain(n))
	if err == nil {
		var strict []error
		strict, err = kjson.UnmarshalStrict(data, object)
		err = errors.Join(append(strict, err)...)
	}
	if err != nil {
		w.add(w.origin.finding(w.object, "", strings.ReplaceAll(err.Error(), "\n", ", "), "correct the object"))
		return false
	}
	return true
}

// resolveFiles makes the paths of files absolute; relative ones begin at dir.
func resolveFiles(s *v1alpha1.GatewaySource, dir string) {
	var paths []*string
	if tls := s.Spec.TLSConfig; tls != nil {
		paths = append(paths, &tls.CAFile, &tls.CertFile, &tls.KeyFile)
	}
	if auth := s.Spec.Authorization; auth != nil {
		paths = append(paths, &auth.CredentialsFile)
	}
	if basic := s.Spec.BasicAuth; basic != nil {
		paths = append(paths, &basic.PasswordFile)
	}
	for _, path := range paths {
		if *path == "" {
			continue
		}
		if !filepath.IsAbs(*path) {
			*path = filepath.Join(dir, *path)
		}
		if abs, err := filepath.Abs(*path); err == nil {
			*path = abs
		}
	}
}
