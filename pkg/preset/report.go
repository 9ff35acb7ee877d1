package preset

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/prometheus/common/model"
)

// WriteText prints a line for each result, below it what differs, and at the
// end how many there were:
//
//	ok    shop_test.yaml  p95 of checkout
//	FAIL  shop_test.yaml:12  p95 of cart
//	      at 30s, line 24:
//	        - {} 12.5
//	        + {} 13.25
//	1 passed, 1 failed
func WriteText(out io.Writer, results []Result) error {
	var b strings.Builder
	passed := 0
	for i := range results {
		r := &results[i]
		if r.Passed() {
			passed++
			fmt.Fprintf(&b, "ok    %s  %s\n", r.Case.Path, r.Case.Name)
			continue
		}
		fmt.Fprintf(&b, "FAIL  %s:%d  %s\n", r.Case.Path, r.Case.Line, r.Case.Name)
		for _, line := range r.explain() {
			b.WriteString("      " + line + "\n")
		}
	}
	fmt.Fprintf(&b, "%d passed, %d failed\n", passed, len(results)-passed)
	_, err := io.WriteString(out, b.String())
	return err
}

// explain returns lines that say why a case failed.
func (r *Result) explain() []string {
	if r.Err != nil {
		return strings.Split(r.Err.Error(), "\n")
	}
	var lines []string
	for _, e := range r.Evaluations {
		if e.Diff == nil {
			continue
		}
		lines = append(lines, fmt.Sprintf("at %s, line %d:", model.Duration(e.At), e.Line))
		for _, d := range e.Diff {
			lines = append(lines, "  "+d)
		}
		for _, n := range e.Notes {
			lines = append(lines, "  note: "+n)
		}
	}
	return lines
}

type jsonReport struct {
	Passed int        `json:"passed"`
	Failed int        `json:"failed"`
	Tests  []jsonTest `json:"tests"`
}

type jsonTest struct {
	File     string        `json:"file"`
	Line     int           `json:"line"`
	Name     string        `json:"name"`
	Passed   bool          `json:"passed"`
	Error    string        `json:"error,omitempty"`
	Failures []jsonFailure `json:"failures,omitempty"`
}

type jsonFailure struct {
	At    string   `json:"at"`
	Line  int      `json:"line"`
	Diff  []string `json:"diff"`
	Notes []string `json:"notes,omitempty"`
}

// WriteJSON prints the results as one indented JSON object: how many passed and
// failed, and of each test its file, line and name, whether it passed, and why not.
func WriteJSON(out io.Writer, results []Result) error {
	report := jsonReport{Tests: []jsonTest{}}
	for i := range results {
		r := &results[i]
		t := jsonTest{File: r.Case.Path, Line: r.Case.Line, Name: r.Case.Name, Passed: r.Passed()}
		if t.Passed {
			report.Passed++
		} else {
			report.Failed++
		}
		if r.Err != nil {
			t.Error = r.Err.Error()
		}
		for _, e := range r.Evaluations {
			if e.Diff != nil {
				t.Failures = append(t.Failures, jsonFailure{At: model.Duration(e.At).String(), Line: e.Line, Diff: e.Diff, Notes: e.Notes})
			}
		}
		report.Tests = append(report.Tests, t)
	}
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(report)
}

type junitReport struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	File    string        `xml:"file,attr"`
	Line    int           `xml:"line,attr"`
	Failure *junitFailure `xml:"failure"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// WriteJUnit prints the results as the XML that CI systems read: a testsuite
// for each file, in the order of the results. There are no times in it.
func WriteJUnit(out io.Writer, results []Result) error {
	report := junitReport{Tests: len(results)}
	for i := range results {
		r := &results[i]
		if n := len(report.Suites); n == 0 || report.Suites[n-1].Name != r.Case.Path {
			report.Suites = append(report.Suites, junitSuite{Name: r.Case.Path})
		}
		suite := &report.Suites[len(report.Suites)-1]
		c := junitCase{Class: r.Case.Path, Name: r.Case.Name, File: r.Case.Path, Line: r.Case.Line}
		if !r.Passed() {
			lines := r.explain()
			c.Failure = &junitFailure{Message: lines[0], Text: strings.Join(lines, "\n")}
			suite.Failures++
			report.Failures++
		}
		suite.Tests++
		suite.Cases = append(suite.Cases, c)
	}
	e := xml.NewEncoder(out)
	e.Indent("", "  ")
	if _, err := io.WriteString(out, xml.Header); err != nil {
		return err
	}
	if err := e.Encode(report); err != nil {
		return err
	}
	_, err := io.WriteString(out, "\n")
	return err
}
