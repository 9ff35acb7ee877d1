package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gaugeway/gaugeway/pkg/preset"
	"github.com/gaugeway/gaugeway/pkg/script"
)

// luaGuide precedes the reference of functions. Its block of yaml is the data
// that all examples run over; those in its blocks of lua are separated by empty
// lines.
//
//go:embed lua.md
var luaGuide string

func newDocsCommand() *cobra.Command {
	dir := ""
	cmd := &cobra.Command{
		Use:   "docs",
		Short: "Print the reference of expressions as Markdown",
		Long: `Print docs/lua.md: how expressions are written, and every function with an example
and what it gives. With --presets, print the pages of the presets of that folder
instead: which metrics they offer and by which labels, and what they read.`,
		Args: noArguments("it prints all functions"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" {
				return writeReference(cmd.OutOrStdout())
			}
			return writePresets(cmd.OutOrStdout(), cmd.ErrOrStderr(), dir)
		},
	}
	addPresetsFlag(cmd.Flags(), &dir)
	return cmd
}

// writePresets prints the pages of a user's presets.
func writePresets(out, errOut io.Writer, dir string) error {
	set, findings, err := loadPresets(dir)
	if err != nil {
		return err
	}
	wrong := printFindings(errOut, findings)
	separator := ""
	for _, name := range set.Own() {
		if _, err := io.WriteString(out, separator+set.Get(name).Readme()); err != nil {
			return err
		}
		separator = "\n"
	}
	if wrong > 0 {
		return exitError{code: exitFindings}
	}
	return nil
}

// writeReference prints the guide and the reference.
func writeReference(out io.Writer) error {
	data, err := exampleData(luaGuide)
	if err != nil {
		return err
	}
	d := &reference{data: data}
	d.guide(luaGuide)
	d.limits(script.DefaultLimits())
	d.functions(script.Reference())
	_, err = io.WriteString(out, d.text.String())
	return err
}

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// exampleData returns the data that a page's examples run over.
func exampleData(page string) (*preset.Case, error) {
	block := yamlBlock.FindStringSubmatch(page)
	if block == nil {
		return nil, errors.New("the guide has no block of yaml with the data of its examples")
	}
	file, findings := preset.Parse("lua.md", []byte(block[1]), nil)
	if len(findings) > 0 {
		return nil, errors.New(findings[0].String())
	}
	if len(file.Cases) != 1 {
		return nil, fmt.Errorf("the guide's data are %d tests, and one is due", len(file.Cases))
	}
	return file.Cases[0], nil
}

// A reference is the page in the making.
type reference struct {
	text strings.Builder
	data *preset.Case
}

var luaBlock = regexp.MustCompile("(?s)```lua\n(.*?)```")

// guide adds the guide, with what its examples give.
func (d *reference) guide(page string) {
	for {
		at := luaBlock.FindStringSubmatchIndex(page)
		if at == nil {
			d.text.WriteString(page)
			return
		}
		d.text.WriteString(page[:at[0]])
		d.examples(strings.Split(strings.TrimSpace(page[at[2]:at[3]]), "\n\n")...)
		page = page[at[1]:]
	}
}

// examples adds a block of programs and what they give.
func (d *reference) examples(programs ...string) {
	d.text.WriteString("```lua\n")
	for i, p := range programs {
		if i > 0 {
			d.text.WriteString("\n")
		}
		d.text.WriteString(p + "\n")
		for _, line := range d.run(p) {
			d.text.WriteString("--> " + line + "\n")
		}
	}
	d.text.WriteString("```")
}

// run returns what a program gives, an item a line.
func (d *reference) run(program string) []string {
	v, err := d.data.Eval(program)
	switch {
	case err != nil:
		return []string{"error: " + strings.ReplaceAll(err.Error(), "\n", "\n--> error: ")}
	case len(v.Items) == 0:
		return []string{"no data"}
	}
	var lines []string
	for _, item := range v.Items {
		line := formatResult(item.Value)
		if v.Kind == script.Vector {
			line = item.Labels.String() + " " + line
		}
		lines = append(lines, line)
	}
	return lines
}

// limits adds the budgets of a program.
func (d *reference) limits(l script.Limits) {
	fmt.Fprintf(&d.text, `## Budgets

A program that exceeds one has no answer, and the error names the flag that raises it.

| of each evaluation | default | flag |
|---|---|---|
| steps of the interpreter, and of functions in proportion to their work | %d | `+"`--lua-max-steps`"+` |
| memory of vectors and strings | %d MiB | `+"`--lua-max-memory`"+` |
| depth of calls | %d | `+"`--lua-max-depth`"+` |
| entries stored in tables | %d | `+"`--lua-max-table-entries`"+` |
| length of a string | %d bytes | `+"`--lua-max-string-bytes`"+` |
| items of the result | %d | `+"`--lua-max-items`"+` |
| time, a backstop | %s | `+"`--lua-max-time`"+` |
| length of the program | %d bytes | `+"`--lua-max-source-bytes`"+` |

`, l.Steps, l.Memory>>20, l.Depth, l.TableEntries, l.StringBytes, l.Items, l.WallTime, l.SourceBytes)
}

// functions adds the reference, family by family: Lua's own functions as
// tables, the others at length.
func (d *reference) functions(functions []script.Function) {
	d.text.WriteString("## Functions\n\nParameters in brackets may be left out.\n")
	family := ""
	for _, f := range functions {
		brief := strings.HasPrefix(f.Family, "Lua: ")
		if f.Family != family {
			family = f.Family
			fmt.Fprintf(&d.text, "\n### %s\n", family)
			if brief {
				d.text.WriteString("\n| function | | example | gives |\n|---|---|---|---|\n")
			}
		}
		if brief {
			example := strings.ReplaceAll(f.Example, "\n", " ")
			gives := strings.Join(d.run(example), ", ")
			fmt.Fprintf(&d.text, "| `%s` | %s | `%s` | %s |\n", f.Signature, f.Doc, example, gives)
			continue
		}
		fmt.Fprintf(&d.text, "\n**`%s`**\n\n%s\n\n", f.Signature, f.Doc)
		d.examples(f.Example)
		d.text.WriteString("\n")
	}
}

// formatResult prints integers in full and other numbers in six digits, which
// are the same on all machines.
func formatResult(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', 6, 64)
}
