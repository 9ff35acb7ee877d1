package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// A Report is what was found.
type Report struct {
	// Checks in the order in which a request travels: the API, the installation,
	// the access, the objects, the autoscalers; objects by namespace and name.
	Checks []Check
	// Comparison with another adapter, where it was asked for.
	Comparison *Comparison
}

// Count returns how many checks have a level.
func (r *Report) Count(level Level) int {
	n := 0
	for _, c := range r.Checks {
		if c.Level == level {
			n++
		}
	}
	return n
}

// Looked reports whether any check could be carried out.
func (r *Report) Looked() bool { return r.Count(Skipped) < len(r.Checks) }

// Print prints a line for each check, below it the cure where there is one, and
// the sums of the levels.
func (r *Report) Print(out io.Writer) error {
	var b strings.Builder
	for _, c := range r.Checks {
		fmt.Fprintf(&b, "%-8s %s: %s\n", c.Level, c.Object, oneLine(c.Message))
		if c.Cure != "" {
			fmt.Fprintf(&b, "%8s cure: %s\n", "", oneLine(c.Cure))
		}
	}
	if r.Comparison != nil {
		b.WriteString("\n")
		r.Comparison.print(&b)
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "ok: %d, warnings: %d, errors: %d, skipped: %d\n", r.Count(OK), r.Count(Warning), r.Count(Error), r.Count(Skipped))
	_, err := io.WriteString(out, b.String())
	return err
}

// oneLine keeps messages that others wrote from spreading over several lines.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// PrintJSON prints one object: checks, summary, and comparison where there is one.
func (r *Report) PrintJSON(out io.Writer) error {
	checks := r.Checks
	if checks == nil {
		checks = []Check{}
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(struct {
		Checks     []Check        `json:"checks"`
		Summary    map[string]int `json:"summary"`
		Comparison *Comparison    `json:"comparison,omitempty"`
	}{
		Checks: checks,
		Summary: map[string]int{
			"ok": r.Count(OK), "warnings": r.Count(Warning), "errors": r.Count(Error), "skipped": r.Count(Skipped),
		},
		Comparison: r.Comparison,
	})
}
