package exposition

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite docs/captures.md")

// reportFile is the captures report.
const reportFile = "../../docs/captures.md"

// A captured is a line of the report.
type captured struct {
	file, format string
	samples      int
	anomalies    anomalies
	refused      string // why it is not read
}

// TestCapturesReport reads every recorded body in the format that it has, and
// compares the number of samples with an independent count. What is odd in the
// bodies is found independently, too, and must be what docs/captures.md lists: no
// more and no less. Run with -v it prints the report.
func TestCapturesReport(t *testing.T) {
	t.Parallel()
	captureNames(t)
	var all []captured
	err := filepath.WalkDir(captures, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(path, ".source") || filepath.Base(path) == "reference.json" {
			return err
		}
		name, err := filepath.Rel(captures, path)
		all = append(all, capture(t, filepath.ToSlash(name)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	report := reportOf(t, all)
	t.Log("\n" + report)
	if *update {
		if err := os.WriteFile(reportFile, []byte(report), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	listed, err := os.ReadFile(reportFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(listed), report); diff != "" {
		t.Errorf("%s is not what the captures hold: look at each difference, then run with -update (-file +captures):\n%s", reportFile, diff)
	}
}

// capture reads a recorded body by a parser, and independently.
func capture(t *testing.T, name string) captured {
	t.Helper()
	body := readCapture(t, name)
	c := captured{file: name}
	o := Options{}
	whole := true // nothing is dropped
	switch {
	case strings.HasSuffix(name, ".prom"):
		c.format = "Prometheus text"
		c.samples, c.anomalies = oddInText(t, body)
	case strings.HasSuffix(name, ".csv.txt"):
		o.Format, c.format = Csv, string(Csv)
		c.samples, c.anomalies = oddInCSV(t, body)
	case strings.HasSuffix(name, ".json"):
		o.Format, o.JSON, c.format = Json, jsonRules(t, everyNumber), string(Json)
		c.samples, c.anomalies = oddInJSON(t, body)
		whole = false // texts, lists and objects are no numbers
	case strings.HasPrefix(name, "nginx-stub-status/"):
		o.Format, c.format = StubStatus, string(StubStatus)
		c.samples, c.anomalies = oddInStubStatus(body)
	default:
		c.format, c.anomalies = "none", anomalies{}
		_, _, err := NewParser(o).Parse(body, "", 1)
		if err == nil {
			t.Errorf("%s is of no format, but read", name)
		}
		c.refused, _, _ = strings.Cut(fmt.Sprint(err), " (")
		return c
	}
	_, stats, err := NewParser(o).Parse(bytes.Clone(body), "", 1)
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	if stats.Samples != c.samples || whole && stats.Dropped != 0 {
		t.Errorf("%s: %+v, counted independently: %d", name, stats, c.samples)
	}
	if whole && stats.Duplicates != c.anomalies["duplicate series"] {
		t.Errorf("%s: %d duplicates, counted independently: %d", name, stats.Duplicates, c.anomalies["duplicate series"])
	}
	return c
}

// reportOf returns the report as Markdown.
func reportOf(t *testing.T, all []captured) string {
	t.Helper()
	var b strings.Builder
	samples, odd := 0, map[string]int{}
	for _, c := range all {
		samples += c.samples
		for name, n := range c.anomalies {
			if n > 0 {
				odd[name]++
			}
		}
	}
	fmt.Fprintf(&b, `# Captures

What gateways really show, recorded, and how gaugeway reads it. A test reads each file in its format and counts its samples a
second time, by a scanner of its own that shares no code with the parsers; the two counts are equal in every file. The same scanner looks for
what is odd in the files. All of it is listed here, and the test fails when it finds more or less:

    go test -run TestCapturesReport -v ./pkg/exposition

Of JSON, whose samples depend on rules, every number counts, with numbers in strings and booleans. In a histogram or summary each line counts.

%d files, %d samples.

| gateway | file | format | samples | odd (how often) |
| --- | --- | --- | ---: | --- |
`, len(all), samples)
	for _, c := range all {
		gateway, file, _ := strings.Cut(c.file, "/")
		note := c.anomalies.String()
		if c.refused != "" {
			note = "refused: " + c.refused
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %d | %s |\n", gateway, file, c.format, c.samples, note)
	}
	b.WriteString("\n## What becomes of what is odd\n\n| odd | files | what gaugeway does |\n| --- | ---: | --- |\n")
	for _, c := range cures {
		fmt.Fprintf(&b, "| %s | %d | %s |\n", c.odd, odd[c.odd], c.cure)
		delete(odd, c.odd)
	}
	for name := range odd {
		t.Errorf("what becomes of %q is not said", name)
	}
	return b.String()
}

// cures say what becomes of each anomaly. The test fails where one is found that
// is not here.
var cures = []struct{ odd, cure string }{
	{"CRLF", "read like a newline"},
	{"no final newline", "the last line is read all the same; OpenMetrics must end with its mark"},
	{"blank line", "skipped"},
	{"other comment", "skipped"},
	{"blank before a name", "skipped"},
	{"repeated TYPE", "the last one before a sample counts"},
	{"type untyped", "read like any other: expressions say what a series is"},
	{"TYPE without samples", "no series"},
	{"family without TYPE", "read like any other"},
	{"family goes on after others", "read like any other: each line stands for itself"},
	{"gauge named _total", "kept as named: what may be read as a rate is for expressions to say, not for TYPE"},
	{"gauge named _created", "kept as named: a time of creation, never to be summed with the rest"},
	{"duplicate series", "the first sample counts, the others are counted as duplicates"},
	{"empty braces", "the series without labels"},
	{"empty label", "as if it were not there"},
	{"punctuation in a label", "kept"},
	{"colon in a name", "kept"},
	{"bound with leading zeros", "00001.0 is 1.0, where a TYPE says that it is a histogram"},
	{"histogram without +Inf", "kept as it is; a quantile needs that bucket"},
	{"exponent of three digits", "e+010 is 10"},
	{"NaN", "a value, which is never mistaken for the absence of one"},
	{"infinite", "a value"},
	{"negative", "a value"},
	{"about 2^63", "a value. DCGM says so that it has none (2^63-14 and its neighbours, which are 2^63 as float64), Go that there is no limit: presets tell by comparing"},
	{"exemplar", "skipped"},
	{"timestamp", "skipped: a sample is of the time of its scrape"},
	{"null", "no sample"},
	{"empty string", "no sample"},
	{"empty list", "no samples; the lists after it are read"},
	{"empty object", "no samples"},
	{"key with . or *", "read; a path writes it with a backslash before the character"},
	{"number in a string", "a number"},
	{"number above 2^53", "the nearest number that a float64 can be"},
	{"quoted field", "unquoted"},
	{"status of several words", "the first word is the state"},
	{"number in a column of texts", "no sample"},
	{"column that is a separator", "no sample"},
}

// TestPartial: a batch says whether its body was read whole.
func TestPartial(t *testing.T) {
	t.Parallel()
	const csv = "# pxname,svname,type,stot,\nweb,FRONTEND,0,1,\n"
	tests := []struct {
		name        string
		format      Format
		contentType string
		body        string
		want        bool
	}{
		{"text", Auto, promText, "a 1\nb 2\n", false},
		{"text with carriage returns", Auto, promText, "a 1\r\nb 2\r\n", false},
		{"empty", Auto, promText, "", false},
		{"amid a line", Auto, promText, "a 1\nb{x=", true},
		{"amid a number, or not", Auto, promText, "a 1\nb 2", true},
		{"with a bad line", Auto, promText, "a 1\n!\nb 2\n", true},
		{"OpenMetrics", Auto, openMetrics, "a 1\n# EOF", false},
		{"OpenMetrics with a bad line", Auto, openMetrics, "a 1\n!\n# EOF\n", true},
		{"CSV", Csv, "", csv, false},
		{"CSV amid a number, or not", Csv, "", csv + "web,BACKEND,1,2,", true},
		{"CSV amid a row", Csv, "", csv + "web,BACK", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := NewParser(Options{Format: tt.format})
			for range 2 {
				batch, _, err := p.Parse([]byte(tt.body), tt.contentType, 0)
				if err != nil {
					t.Fatal(err)
				}
				if batch.Partial != tt.want {
					t.Errorf("partial: %v, want %v", batch.Partial, tt.want)
				}
			}
		})
	}
}
