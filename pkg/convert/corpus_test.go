package convert_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/util/almost"

	"github.com/gaugeway/gaugeway/pkg/convert"
	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/script"
)

var update = flag.Bool("update", false, "rewrite testdata/corpus.golden")

// TestCorpus runs the instant queries of Prometheus's own corpus, translated to
// Lua, over the samples that its files load, and expects what the files expect.
// What is left out is counted by reason; the counts are golden, so that they
// cannot change unnoticed.
func TestCorpus(t *testing.T) {
	engines := corpusEngines{oracle: newOracle(t), delayed: newDelayedEngine(t)}
	report := newReport()
	for _, path := range corpusFiles(t) {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		segments, err := parseCorpus(string(content))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		file := filepath.Base(path)
		t.Run(file, func(t *testing.T) {
			for _, s := range segments {
				s.run(t, engines, file, report)
			}
		})
	}
	report.check(t)
}

// corpusFiles returns the files of the corpus, which come with the module.
func corpusFiles(t *testing.T) []string {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/prometheus/prometheus").Output()
	if err != nil {
		t.Fatalf("finding the module of Prometheus: %v", err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "promql/promqltest/testdata/*.test"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus found: %v", err)
	}
	return files
}

// A segment is what a file evaluates after it has loaded samples: all loads
// since it last cleared, and the queries up to the next load.
type segment struct {
	loads string
	cases []corpusCase
}

// A corpusCase is an instant query and what a file expects of it.
type corpusCase struct {
	line   int
	expr   string
	at     int64 // milliseconds
	fails  bool
	scalar bool
	want   []expectation
}

// An expectation is an element of the result.
type expectation struct {
	labels labels.Labels
	value  parser.SequenceValue
}

var evalPattern = regexp.MustCompile(`^eval(?:_(fail|warn|ordered|info))?\s+instant\s+(?:at\s+(.+?))?\s+(.+)$`)

// parseCorpus reads a file. Commands end at an empty line; comments are empty.
func parseCorpus(text string) ([]segment, error) {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if lines[i] = strings.TrimSpace(line); strings.HasPrefix(lines[i], "#") {
			lines[i] = ""
		}
	}
	var (
		segments []segment
		loads    strings.Builder
		current  *segment
	)
	for i := 0; i < len(lines); i++ {
		if lines[i] == "" {
			continue
		}
		first, block := i, []string{lines[i]}
		command, _, _ := strings.Cut(lines[i], " ")
		switch {
		case command == "clear":
			loads.Reset()
			current = nil
			continue
		case strings.HasPrefix(command, "load"):
			for ; i+1 < len(lines) && lines[i+1] != ""; i++ {
				block = append(block, lines[i+1])
			}
			loads.WriteString(strings.Join(block, "\n") + "\n\n")
			current = nil
		case strings.HasPrefix(command, "eval"):
			for ; i+1 < len(lines) && lines[i+1] != "" && !strings.HasPrefix(lines[i+1], "eval"); i++ {
				block = append(block, lines[i+1])
			}
			c, ok, err := parseCase(first+1, block)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", first+1, err)
			}
			if !ok {
				continue
			}
			if current == nil {
				segments = append(segments, segment{loads: loads.String()})
				current = &segments[len(segments)-1]
			}
			current.cases = append(current.cases, c)
		default:
			return nil, fmt.Errorf("line %d: unknown command %q", first+1, command)
		}
	}
	return segments, nil
}

// parseCase reads an instant query; others are not ok.
func parseCase(line int, block []string) (c corpusCase, ok bool, err error) {
	parts := evalPattern.FindStringSubmatch(block[0])
	if parts == nil {
		return c, false, nil
	}
	c = corpusCase{line: line, expr: parts[3], fails: parts[1] == "fail"}
	if parts[2] != "" {
		at, err := model.ParseDuration(parts[2])
		if err != nil {
			return c, false, err
		}
		c.at = int64(at) / 1e6
	}
	p := newParser()
	for _, text := range block[1:] {
		word, _, _ := strings.Cut(text, " ")
		switch {
		case strings.HasPrefix(text, "expect fail"):
			c.fails = true
		case word == "expect" || strings.HasPrefix(word, "expected_"):
			// Annotations, order and messages are not compared.
		default:
			if f, err := strconv.ParseFloat(text, 64); err == nil {
				c.scalar = true
				c.want = []expectation{{value: parser.SequenceValue{Value: f}}}
				return c, true, nil
			}
			lset, values, err := p.ParseSeriesDesc(text)
			if err != nil {
				return c, false, err
			}
			c.want = append(c.want, expectation{lset, values[0]})
		}
	}
	return c, true, nil
}

type corpusEngines struct {
	*oracle
	delayed *promql.Engine // with delayed name removal, as the corpus has it
}

func newDelayedEngine(t *testing.T) *promql.Engine {
	t.Helper()
	return promqltest.NewTestEngine(t, false, lookback*1e6, 1_000_000)
}

func (s *segment) run(t *testing.T, engines corpusEngines, file string, report *report) {
	t.Helper()
	// A storage of its own does to the samples what Prometheus's does: above
	// all, it gives histograms their hints about resets.
	t.Run(fmt.Sprintf("line%d", s.cases[0].line), func(t *testing.T) {
		loaded := promqltest.LoadedStorage(t, s.loads)
		data, err := readAll(loaded)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range s.cases {
			where := fmt.Sprintf("%s:%d", file, c.line)
			_, err := engines.compare(data, c.expr, c.at)
			var reason *convert.Unsupported
			switch {
			case errors.As(err, &reason):
				report.leave(summary(reason))
				continue
			case err != nil:
				t.Errorf("%s: %v", where, err)
				continue
			}
			err = c.holds(data)
			switch {
			case err == nil:
				report.passed++
			case c.holdsFor(engines.delayed, data):
				report.leave("what is expected needs delayed name removal")
			case strings.Contains(s.loads, "@st "):
				report.leave("what is expected needs start timestamps")
			default:
				t.Errorf("%s: %s: %v", where, c.expr, err)
			}
		}
	})
}

// holds returns nil if the translated query gives what the file expects.
func (c *corpusCase) holds(data seriesSet) error {
	evaluate := func(expr string) (answer, error) {
		lua, err := convert.FromPromQL(expr)
		if err != nil {
			return answer{}, err
		}
		return runLua(lua, data.with(c.expectedSeries()), c.at)
	}
	return c.check(evaluate)
}

// holdsFor reports whether an engine gives what the file expects.
func (c *corpusCase) holdsFor(engine *promql.Engine, data seriesSet) bool {
	return c.check(func(expr string) (answer, error) {
		v, err := ask(engine, data.with(c.expectedSeries()), expr, c.at)
		if err != nil {
			return answer{}, err
		}
		return answerOf(v)
	}) == nil
}

// expectedName is the name of the series with the expected histograms.
const expectedName = "expected_result"

// expectedSeries are the expected elements, as samples at the time of the query.
func (c *corpusCase) expectedSeries() seriesSet {
	var out seriesSet
	for _, w := range c.want {
		lset := labels.NewBuilder(w.labels).Set(labels.MetricName, expectedName).Labels()
		s := metric.Series{Labels: lset}
		appendRow(&s, c.at, w.value.Value, w.value.Histogram)
		out = append(out, s)
	}
	return out
}

func (set seriesSet) with(more seriesSet) seriesSet {
	out := slices.Concat(set, more)
	out.sort()
	return out
}

// check holds a result against what is expected. Histograms are compared by
// probing them and the expected ones, which are among the series.
func (c *corpusCase) check(evaluate func(expr string) (answer, error)) error {
	histograms := slices.ContainsFunc(c.want, func(w expectation) bool { return w.value.Histogram != nil })
	if histograms {
		for _, probe := range probes {
			want, err := evaluate(fmt.Sprintf(probe, expectedName))
			if err != nil {
				return err
			}
			got, err := evaluate(fmt.Sprintf(probe, c.expr))
			if err != nil {
				return err
			}
			if err := nearly(want, got); err != nil {
				return err
			}
		}
		return nil
	}
	got, err := evaluate(c.expr)
	if c.fails || err != nil {
		if c.fails && err != nil {
			return nil
		}
		return fmt.Errorf("error %w, should fail: %v", err, c.fails)
	}
	var want answer
	for _, w := range c.want {
		want.items = append(want.items, metric.Item{Labels: withoutName(w.labels), Value: w.value.Value})
	}
	slices.SortFunc(want.items, func(a, b metric.Item) int { return labels.Compare(a.Labels, b.Labels) })
	return nearly(want, got)
}

// nearly compares as promqltest does.
func nearly(want, got answer) error {
	const epsilon = 0.000001
	if len(want.items) != len(got.items) {
		return fmt.Errorf("%s, not %s", describe(got, nil), describe(want, nil))
	}
	for i, w := range want.items {
		g := got.items[i]
		if !labels.Equal(w.Labels, g.Labels) || !almost.Equal(w.Value, g.Value, epsilon) && !(math.IsNaN(w.Value) && math.IsNaN(g.Value)) {
			return fmt.Errorf("%s, not %s", describe(got, nil), describe(want, nil))
		}
	}
	return nil
}

// A report counts what passed and what was left out, by reason.
type report struct {
	passed  int
	reasons map[string]int
}

func newReport() *report { return &report{reasons: map[string]int{}} }

// leave counts a case that was left out.
func (r *report) leave(reason string) { r.reasons[reason]++ }

// summary returns what is not supported, without the cure.
func summary(u *convert.Unsupported) string {
	var refused *script.Error
	if errors.As(u.Refused, &refused) {
		return "refused in Lua, too: " + refused.Message
	}
	reason, _, _ := strings.Cut(u.Reason, ":")
	return reason
}

func (r *report) String() string {
	left := 0
	for _, n := range r.reasons {
		left += n
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Instant queries of Prometheus's corpus; go test ./pkg/convert -run TestCorpus -update rewrites this.\n")
	fmt.Fprintf(&b, "%5d passed\n%5d left out\n\n", r.passed, left)
	byCount := slices.SortedFunc(maps.Keys(r.reasons), func(a, b string) int {
		if d := r.reasons[b] - r.reasons[a]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	for _, reason := range byCount {
		fmt.Fprintf(&b, "%5d %s\n", r.reasons[reason], reason)
	}
	return b.String()
}

// check compares the report with the golden one.
func (r *report) check(t *testing.T) {
	t.Helper()
	const golden = "testdata/corpus.golden"
	text := r.String()
	t.Log("\n" + text)
	if *update {
		if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("the corpus fares differently (-want +got):\n%s", diff)
	}
}
