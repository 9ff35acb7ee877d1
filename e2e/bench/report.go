package main

import (
	"fmt"
	"strings"
)

// A row is one line of the table.
type row struct {
	line     string // number of the line that it belongs to
	what     string
	wanted   string
	measured string
	ratio    string // and to what
	verdict  verdict
}

// A verdict says whether a row has what was wanted.
type verdict string

// The verdicts; rows without anything wanted have none.
const (
	met    verdict = "met"
	notMet verdict = "**not met**"
	none   verdict = ""
)

// judge returns the verdict of a condition.
func judge(ok bool) verdict {
	if ok {
		return met
	}
	return notMet
}

// tableHead begins the table.
const tableHead = "| line | what | wanted | measured | ratio | verdict |\n|---|---|---|---|---|---|\n"

// String returns the row in Markdown.
func (r row) String() string {
	cells := []string{r.line, r.what, r.wanted, r.measured, r.ratio, string(r.verdict)}
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(c, "|", `\|`)
	}
	return "| " + strings.Join(cells, " | ") + " |\n"
}

// megabytes prints bytes in units of 10^6.
func megabytes(bytes float64) string { return fmt.Sprintf("%.0f MB", bytes/1e6) }

// milliseconds prints a time that is given in milliseconds.
func milliseconds(ms float64) string {
	if ms < 10 {
		return fmt.Sprintf("%.2f ms", ms)
	}
	return fmt.Sprintf("%.0f ms", ms)
}

// times prints a ratio.
func times(ratio float64, reference string) string {
	switch {
	case ratio >= 10:
		return fmt.Sprintf("%.0f x %s", ratio, reference)
	case ratio >= 0.1:
		return fmt.Sprintf("%.2f x %s", ratio, reference)
	}
	return fmt.Sprintf("%.3f x %s", ratio, reference)
}
