package script

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// update rewrites the expectations in testdata.
var update = os.Getenv("UPDATE_GOLDEN") != ""

// A block is a program with what is expected of it, each line of which begins
// with a mark.
type block struct {
	source string
	want   []string
}

// readBlocks reads blocks that are separated by empty lines; the first is a
// heading.
func readBlocks(t *testing.T, file, mark string) (heading string, blocks []block) {
	t.Helper()
	parts := strings.Split(strings.TrimSpace(read(t, file)), "\n\n")
	for _, part := range parts[1:] {
		var b block
		var lines []string
		for _, line := range strings.Split(part, "\n") {
			if want, ok := strings.CutPrefix(line, mark); ok {
				b.want = append(b.want, want)
			} else {
				lines = append(lines, line)
			}
		}
		b.source = strings.Join(lines, "\n")
		blocks = append(blocks, b)
	}
	return parts[0], blocks
}

func writeBlocks(t *testing.T, file, mark, heading string, blocks []block) {
	t.Helper()
	var b strings.Builder
	b.WriteString(heading + "\n")
	for _, block := range blocks {
		b.WriteString("\n" + block.source + "\n")
		for _, want := range block.want {
			b.WriteString(mark + want + "\n")
		}
	}
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	const file, mark = "testdata/refusals.txt", "! "
	heading, blocks := readBlocks(t, file, mark)
	for i, b := range blocks {
		got := refusal(t, b.source)
		if len(got) == 0 {
			t.Errorf("%s\nis accepted", b.source)
		}
		if update {
			blocks[i].want = got
			continue
		}
		if strings.Join(got, "\n") != strings.Join(b.want, "\n") {
			t.Errorf("%s\nis refused with\n%s\nnot\n%s", b.source, strings.Join(got, "\n"), strings.Join(b.want, "\n"))
		}
	}
	if update {
		writeBlocks(t, file, mark, heading, blocks)
	}
}

// refusal returns what Compile says about a program, with columns.
func refusal(t *testing.T, source string) []string {
	t.Helper()
	_, err := Compile(source, Options{Name: "test", Clock: testClock})
	var all Errors
	if err != nil && !errors.As(err, &all) {
		t.Errorf("Compile gives %T, not Errors", err)
	}
	return printed(all)
}

// printed returns mistakes with line and column.
func printed(errs Errors) []string {
	var out []string
	for _, e := range errs {
		bare := *e
		bare.Line = 0
		out = append(out, fmt.Sprintf("%d:%d %s", e.Line, e.Column, bare.Error()))
	}
	return out
}
