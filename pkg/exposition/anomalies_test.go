package exposition

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// anomalies are what is odd in a body, each with how often it is there.
type anomalies map[string]int

// String lists them by name.
func (a anomalies) String() string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if n := a[name]; n > 0 {
			list = append(list, fmt.Sprintf("%s: %d", name, n))
		}
	}
	return strings.Join(list, "; ")
}

// inLines adds what any text of lines can have.
func (a anomalies) inLines(body []byte) {
	a["CRLF"] = bytes.Count(body, []byte("\r\n"))
	if !bytes.HasSuffix(body, []byte("\n")) {
		a["no final newline"]++
	}
}

var (
	scannedName  = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*`)
	scannedLabel = regexp.MustCompile(`^,? *([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"`)
)

// A scannedLine is a sample as scan reads it.
type scannedLine struct {
	name, value, after string
	labels             [][2]string
	braces             bool
}

// scan reads the line of a sample. It is written for these tests, without a look at
// any parser of the format, and stricter than those: what it cannot read it refuses.
func scan(line string) (s scannedLine, err error) {
	name := scannedName.FindString(line)
	rest := line[len(name):]
	s.name = name
	if name == "" {
		return s, fmt.Errorf("no name in %q", line)
	}
	if strings.HasPrefix(rest, "{") {
		s.braces = true
		if s.labels, rest, err = scanLabels(rest[1:]); err != nil {
			return s, fmt.Errorf("%w in %q", err, line)
		}
	}
	fields := strings.SplitN(strings.TrimSpace(rest), " ", 2)
	s.value = fields[0]
	if len(fields) > 1 {
		s.after = fields[1]
	}
	if _, err := strconv.ParseFloat(s.value, 64); err != nil {
		return s, fmt.Errorf("no number in %q", line)
	}
	return s, nil
}

// scanLabels reads labels up to the closing brace, and returns what follows it.
func scanLabels(rest string) (list [][2]string, after string, err error) {
	for {
		if m := scannedLabel.FindStringSubmatch(rest); m != nil {
			list, rest = append(list, [2]string{m[1], m[2]}), rest[len(m[0]):]
			continue
		}
		after, ok := strings.CutPrefix(strings.TrimLeft(rest, " ,"), "}")
		if !ok {
			return nil, "", fmt.Errorf("labels do not end")
		}
		return list, after, nil
	}
}

// oddInText returns what is odd in an exposition, and how many samples it has.
func oddInText(t *testing.T, body []byte) (samples int, a anomalies) {
	t.Helper()
	a = anomalies{}
	a.inLines(body)
	s := &textScan{anomalies: a, types: map[string]string{}, left: map[string]bool{}, seen: map[string]bool{}, bare: map[string]bool{}}
	for line := range strings.Lines(string(body)) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.TrimSpace(line) == "":
			a["blank line"]++
		case strings.HasPrefix(line, "#"):
			s.comment(line)
		default:
			samples++
			sample, err := scan(line)
			if err != nil {
				t.Error(err)
				continue
			}
			s.sample(sample, line)
		}
	}
	s.end()
	return samples, a
}

// A textScan goes through the lines of an exposition.
type textScan struct {
	anomalies
	types  map[string]string // by family
	last   string            // family of the last sample
	left   map[string]bool   // families whose samples other families followed
	seen   map[string]bool   // series
	bare   map[string]bool   // families without a type
	bounds map[string]bool   // whether a histogram's series has the bucket +Inf
}

func (s *textScan) comment(line string) {
	words := strings.Fields(line)
	switch {
	case len(words) == 4 && words[1] == "TYPE":
		name, kind := words[2], words[3]
		if _, ok := s.types[name]; ok {
			s.anomalies["repeated TYPE"]++
		}
		s.types[name] = kind
		if kind == "gauge" && strings.HasSuffix(name, "_total") {
			s.anomalies["gauge named _total"]++
		}
		if kind == "gauge" && strings.HasSuffix(name, "_created") {
			s.anomalies["gauge named _created"]++
		}
		if kind == "untyped" || kind == "unknown" {
			s.anomalies["type untyped"]++
		}
	case len(words) < 3 || words[1] != "HELP" && words[1] != "TYPE":
		s.anomalies["other comment"]++
	}
}

// family returns the family of a sample: that of its histogram or summary, if it
// is part of one.
func (s *textScan) family(name string) string {
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		base, ok := strings.CutSuffix(name, suffix)
		if kind := s.types[base]; ok && (kind == "histogram" || kind == "summary") {
			return base
		}
	}
	return name
}

func (s *textScan) sample(l scannedLine, line string) {
	family := s.family(l.name)
	if s.types[family] == "" {
		s.bare[family] = true
	}
	if family != s.last {
		if s.left[family] {
			s.anomalies["family goes on after others"]++
		}
		s.left[s.last], s.last = true, family
	}
	s.labels(l, family)
	s.value(l)
	if strings.Contains(l.name, ":") {
		s.anomalies["colon in a name"]++
	}
	if strings.HasPrefix(line, " ") {
		s.anomalies["blank before a name"]++
	}
}

func (s *textScan) labels(l scannedLine, family string) {
	if l.braces && len(l.labels) == 0 {
		s.anomalies["empty braces"]++
	}
	key := []string{l.name}
	for _, label := range l.labels {
		name, v := label[0], label[1]
		if v == "" {
			s.anomalies["empty label"]++
			continue
		}
		if name == "le" && s.types[family] == "histogram" {
			bound, err := strconv.ParseFloat(v, 64)
			if err != nil || strings.HasPrefix(v, "0") && !strings.HasPrefix(v, "0.") && bound != 0 {
				s.anomalies["bound with leading zeros"]++
			}
			v = fmt.Sprint(bound)
		}
		if strings.ContainsAny(v, ",|{}\\") {
			s.anomalies["punctuation in a label"]++
		}
		key = append(key, name+"="+v)
	}
	slices.Sort(key[1:])
	text := strings.Join(key, "\x00")
	if s.seen[text] {
		s.anomalies["duplicate series"]++
	}
	s.seen[text] = true
	s.buckets(l, family)
}

// buckets notes which histograms have their last bucket.
func (s *textScan) buckets(l scannedLine, family string) {
	if s.types[family] != "histogram" || !strings.HasSuffix(l.name, "_bucket") {
		return
	}
	key, bound := []string{family}, ""
	for _, label := range l.labels {
		if label[0] == "le" {
			bound = label[1]
		} else {
			key = append(key, label[0]+"="+label[1])
		}
	}
	if s.bounds == nil {
		s.bounds = map[string]bool{}
	}
	text := strings.Join(key, "\x00")
	s.bounds[text] = s.bounds[text] || bound == "+Inf"
}

func (s *textScan) value(l scannedLine) {
	v, _ := strconv.ParseFloat(l.value, 64)
	switch {
	case v != v:
		s.anomalies["NaN"]++
	case math.IsInf(v, 0):
		s.anomalies["infinite"]++
	case v >= 1<<63-64 && v < 1<<63+4096:
		s.anomalies["about 2^63"]++
	case v < 0:
		s.anomalies["negative"]++
	}
	if _, exponent, ok := strings.Cut(l.value, "e"); ok && len(exponent) > 3 {
		s.anomalies["exponent of three digits"]++
	}
	switch {
	case strings.Contains(l.after, "#"):
		s.anomalies["exemplar"]++
	case l.after != "":
		s.anomalies["timestamp"]++
	}
}

func (s *textScan) end() {
	s.anomalies["family without TYPE"] = len(s.bare)
	for _, complete := range s.bounds {
		if !complete {
			s.anomalies["histogram without +Inf"]++
		}
	}
	used := map[string]bool{s.last: true}
	maps.Copy(used, s.left)
	for name := range s.types {
		if !used[name] {
			s.anomalies["TYPE without samples"]++
		}
	}
}

// everyNumber are rules that take each number, wherever it is.
const everyNumber = `[{"each": {"path": "..", "key": "key"}, "metrics": {"number": ".*"}}]`

// oddInJSON returns what is odd in a JSON, and how many numbers it has: those that
// are strings, and booleans, count too.
func oddInJSON(t *testing.T, body []byte) (samples int, a anomalies) {
	t.Helper()
	a = anomalies{}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var data any
	if err := decoder.Decode(&data); err != nil {
		t.Error(err)
	}
	var walk func(any)
	walk = func(data any) {
		switch v := data.(type) {
		case map[string]any:
			if len(v) == 0 {
				a["empty object"]++
			}
			for key, item := range v {
				if strings.ContainsAny(key, ".*") {
					a["key with . or *"]++
				}
				walk(item)
			}
		case []any:
			if len(v) == 0 {
				a["empty list"]++
			}
			for _, item := range v {
				walk(item)
			}
		case json.Number:
			samples++
			if f, _ := v.Float64(); f > 1<<53 {
				a["number above 2^53"]++
			}
		case string:
			if f, err := strconv.ParseFloat(v, 64); err == nil {
				samples++
				a["number in a string"]++
				if math.IsInf(f, 0) {
					a["infinite"]++
				}
			}
			if v == "" {
				a["empty string"]++
			}
		case bool:
			samples++
		case nil:
			a["null"]++
		}
	}
	walk(data)
	return samples, a
}

// oddInCSV returns what is odd in HAProxy's CSV, and how many samples it has.
func oddInCSV(t *testing.T, body []byte) (samples int, a anomalies) {
	t.Helper()
	a = anomalies{}
	a.inLines(body)
	rows, err := csv.NewReader(bytes.NewReader(body)).ReadAll()
	if err != nil {
		t.Error(err)
	}
	a["quoted field"] = bytes.Count(body, []byte(`"`)) / 2
	for i, name := range rows[0] {
		for _, row := range rows[1:] {
			_, err := strconv.ParseFloat(row[i], 64)
			switch {
			case name == "status" && strings.Contains(row[i], " "):
				a["status of several words"]++
			case name == "check_status" && err == nil:
				a["number in a column of texts"]++
			}
		}
		if name == "-" {
			a["column that is a separator"]++
		}
	}
	return countCSV(string(body)), a
}

// oddInStubStatus returns what is odd in a stub_status, and how many samples it has.
func oddInStubStatus(body []byte) (samples int, a anomalies) {
	a = anomalies{}
	a.inLines(body)
	return len(regexp.MustCompile(`[0-9]+`).FindAll(body, -1)), a
}
