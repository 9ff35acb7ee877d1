package demo

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// historyLength is how many syncs the spark lines show.
const historyLength = 40

// Escape sequences of ANSI terminals.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l" // another page, no cursor
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	homeCursor  = "\x1b[H"
	clearLine   = "\x1b[K"
	clearBelow  = "\x1b[J"
	bold        = "\x1b[1m"
	faint       = "\x1b[2m"
	green       = "\x1b[32m"
	yellow      = "\x1b[33m"
	reset       = "\x1b[0m"
)

// A Screen draws frames over each other on an ANSI terminal.
type Screen struct {
	Scenario Scenario
	Access   Access
	// Color switches colours on.
	Color bool
	// Duration is how long the demo takes; 0 for no end.
	Duration time.Duration

	gauges   [][]float64 // by metric: the last values, NaN where there is none
	replicas []float64
}

// Enter returns what switches to a page of its own, to be written first.
func (s *Screen) Enter() string { return enterScreen }

// Leave returns what switches back, to be written last.
func (s *Screen) Leave() string { return leaveScreen }

// Draw returns what replaces the page's content by this frame.
func (s *Screen) Draw(f Frame) string {
	s.remember(f)
	page := fmt.Sprintf("%s\n  try: %s\n", s.page(f), s.Access.Command(s.Scenario.Metrics[0].Name))
	return homeCursor + strings.ReplaceAll(page, "\n", clearLine+"\n") + clearBelow
}

// Last returns a frame that was drawn as it remains when the demo is over.
func (s *Screen) Last(f Frame) string { return s.page(f) }

func (s *Screen) remember(f Frame) {
	if s.gauges == nil {
		s.gauges = make([][]float64, len(f.Gauges))
	}
	for i, g := range f.Gauges {
		v := math.NaN()
		if g.Err == nil {
			v = float64(g.Milli)
		}
		s.gauges[i] = push(s.gauges[i], v)
	}
	s.replicas = push(s.replicas, float64(f.Decision.Desired))
}

// push appends v and forgets what the spark lines no longer show.
func push(values []float64, v float64) []float64 {
	values = append(values, v)
	return values[max(len(values)-historyLength, 0):]
}

// page lays a frame out. Colours go around whole cells, so that columns stay
// where they are without them.
func (s *Screen) page(f Frame) string {
	var b strings.Builder
	elapsed := f.Elapsed.Round(time.Second).String()
	if s.Duration > 0 {
		elapsed += " of " + s.Duration.String()
	}
	fmt.Fprintf(&b, "%s\n%s\n%s\n\n", s.paint(bold, title), s.paint(faint, elapsed), s.paint(faint, s.Scenario.settings()))

	const columns = "  %s %s  %s %s  %s\n"
	fmt.Fprintf(&b, columns, s.paint(faint, fmt.Sprintf("%-12s", "METRIC")), s.paint(faint, fmt.Sprintf("%9s", "VALUE")),
		s.paint(faint, fmt.Sprintf("%-9s", "TARGET")), s.paint(faint, fmt.Sprintf("%8s", "DESIRED")), s.paint(faint, fmt.Sprintf("last %d", historyLength)))
	outcome := 0
	for i, g := range f.Gauges {
		target, proposes, color := "-", "-", ""
		if g.Target != nil {
			target = g.Target.String()
			if outcome < len(f.Decision.Outcomes) && g.Err == nil {
				proposes = strconv.Itoa(int(f.Decision.Outcomes[outcome].Proposal.Replicas))
			}
			if outcome == f.Decision.Deciding {
				color = green
			}
			outcome++
		}
		fmt.Fprintf(&b, columns, s.paint(color, fmt.Sprintf("%-12s", g.Label)), s.paint(color, fmt.Sprintf("%9s", g.value())),
			fmt.Sprintf("%-9s", target), s.paint(color, fmt.Sprintf("%8s", proposes)), s.paint(color, spark(s.gauges[i])))
	}

	color := ""
	if f.Decision.Desired != f.Replicas.Spec {
		color = yellow
	}
	fmt.Fprintf(&b, "\n  %-12s %9d  %-9s %s  %s\n\n", "replicas", f.Replicas.Status, fmt.Sprintf("%d ready", f.Replicas.Ready),
		s.paint(color, fmt.Sprintf("%8d", f.Decision.Desired)), s.paint(color, spark(s.replicas)))
	for _, line := range explain(f.Decision) {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	return b.String()
}

// paint wraps text in a colour; the empty colour is none.
func (s *Screen) paint(color, text string) string {
	if !s.Color || color == "" {
		return text
	}
	return color + text + reset
}

// spark draws values as bars from 0 to their maximum; NaN leaves a gap, and
// what is not above 0 is the lowest bar.
func spark(values []float64) string {
	bars := []rune("▁▂▃▄▅▆▇█")
	highest := 0.0
	for _, v := range values {
		if v > highest { // never for NaN
			highest = v
		}
	}
	var b strings.Builder
	for _, v := range values {
		switch {
		case math.IsNaN(v):
			b.WriteByte(' ')
		case v <= 0:
			b.WriteRune(bars[0])
		default:
			b.WriteRune(bars[int(math.Round(v/highest*float64(len(bars)-1)))])
		}
	}
	return b.String()
}
