package script

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestPrograms compares what programs give, and what is known of them before
// they run, with a file.
func TestPrograms(t *testing.T) {
	t.Parallel()
	const file, mark = "testdata/programs.txt", "= "
	heading, blocks := readBlocks(t, file, mark)
	for i, b := range blocks {
		got := account(t, b.source)
		if update {
			blocks[i].want = got
			continue
		}
		if !slices.Equal(got, b.want) {
			t.Errorf("%s\ngives\n%s\nnot\n%s", b.source, strings.Join(got, "\n"), strings.Join(b.want, "\n"))
		}
	}
	if update {
		writeBlocks(t, file, mark, heading, blocks)
	}
}

// account says what a program gives and what is known of it.
func account(t *testing.T, source string) []string {
	t.Helper()
	p, err := Compile(source, Options{Name: "test", Clock: testClock})
	if err != nil {
		return append([]string{"refused"}, strings.Split(err.Error(), "\n")...)
	}
	v, err := checkWants(t, p, gateway())
	out := []string{formatAll(v)}
	if err != nil {
		out = []string{"error: " + err.Error()}
	}
	known := p.ResultKind().String()
	if p.Quantiles() {
		known += " of percentiles"
	}
	for _, w := range p.Wants() {
		s := selector{Selector: w}
		known += ", " + s.String()
		if w.Range > 0 {
			known += "[" + formatDuration(w.Range) + "]"
		}
		if w.Offset > 0 {
			known += " offset " + formatDuration(w.Offset)
		}
		if line, column := p.Position(&w); line == 0 || column == 0 {
			t.Errorf("%s: the position of %s is not known", source, w.String())
		}
	}
	for _, h := range p.History() {
		known += fmt.Sprintf(", history %q[%s]", h.Metric, formatDuration(h.Range))
	}
	if p.FullWindow() > 0 {
		known += ", filled " + formatDuration(p.FullWindow())
	}
	out = append(out, known)
	for _, w := range p.Warnings() {
		out = append(out, "warning: "+w.Error())
	}
	return out
}
