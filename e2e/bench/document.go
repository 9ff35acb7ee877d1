package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// The markers in the document between which the results stand, and the heading
// of the second table.
const (
	beginMark  = "<!-- make bench-docs writes from here -->\n"
	endMark    = "<!-- to here -->\n"
	originHead = "| line | reproduced by | gaugeway | Prometheus | machine | cores taken by others | measured |\n|---|---|---|---|---|---|---|\n"
)

// An origin says where the rows of a line come from.
type origin struct {
	line       string
	command    string
	commit     string
	prometheus string
	machine    string
	others     float64 // cores
	at         time.Time
}

// String returns the origin in Markdown.
func (o origin) String() string {
	return fmt.Sprintf("| %s | `%s` | %s | %s | %s | %.2f | %s |\n", o.line, o.command, o.commit, o.prometheus, o.machine, o.others, o.at.UTC().Format(time.DateOnly))
}

// results are what a run has measured.
type results struct {
	rows    []row
	origins []origin
}

// String returns both tables in Markdown.
func (r results) String() string {
	var b strings.Builder
	b.WriteString(tableHead)
	for _, row := range r.rows {
		b.WriteString(row.String())
	}
	b.WriteString("\n" + originHead)
	for _, o := range r.origins {
		b.WriteString(o.String())
	}
	return b.String()
}

// merge replaces the lines of a document that the results have, and keeps its
// others. Lines are in the order of their numbers.
func merge(document string, r results) (string, error) {
	before, rest, ok1 := strings.Cut(document, beginMark)
	old, after, ok2 := strings.Cut(rest, endMark)
	if !ok1 || !ok2 {
		return "", fmt.Errorf("the document lacks the markers %q and %q", beginMark, endMark)
	}
	measured := map[string]bool{}
	for _, o := range r.origins {
		measured[o.line] = true
	}
	oldRows, oldOrigins, _ := strings.Cut(old, originHead)
	rows, origins := kept(oldRows, measured), kept(oldOrigins, measured)
	for _, row := range r.rows {
		rows[row.line] += row.String()
	}
	for _, o := range r.origins {
		origins[o.line] += o.String()
	}
	var b strings.Builder
	b.WriteString(before + beginMark + tableHead)
	for _, l := range allLines() {
		b.WriteString(rows[l.number])
	}
	b.WriteString("\n" + originHead)
	for _, l := range allLines() {
		b.WriteString(origins[l.number])
	}
	b.WriteString(endMark + after)
	return b.String(), nil
}

// kept returns the rows of a table by the line that they belong to, but for
// those of lines that have been measured anew.
func kept(table string, measured map[string]bool) map[string]string {
	rows := map[string]string{}
	for text := range strings.Lines(table) {
		number, _, ok := strings.Cut(strings.TrimPrefix(text, "| "), " |")
		if ok && !measured[number] && !strings.HasPrefix(text, "|--") && number != "line" {
			rows[number] += text
		}
	}
	return rows
}

// write merges results into the document in a file.
func write(path string, r results) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	merged, err := merge(string(old), r)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(merged), 0o644)
}
