package promath_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/promath"
)

// The tables of this package write series and vectors as text.

// step is the time between two rows of seriesOf, in milliseconds.
const step = 10_000

// seriesOf reads series, one a line: labels and the rows' values, the first at
// time 0. _ is a row marked absent, ? one marked unknown, h5 a native histogram
// of 5 observations and c5 one with custom buckets. Series share their times.
func seriesOf(t testing.TB, text string) []metric.Series {
	t.Helper()
	var out []metric.Series
	var times []int64
	for _, line := range lines(text) {
		name, values := splitLine(t, line)
		s := metric.Series{Labels: parseLabels(t, name)}
		s.H = make([]*histogram.FloatHistogram, len(values))
		histograms := false
		for i, v := range values {
			f := metric.Absent
			switch {
			case v == "_":
			case v == "?":
				f = metric.Unknown
			case v[0] == 'h' || v[0] == 'c':
				s.H[i], histograms = histogramOf(t, v), true
			default:
				f = parseFloat(t, v)
			}
			s.F = append(s.F, f)
		}
		if !histograms {
			s.H = nil
		}
		for len(times) < len(values) {
			times = append(times, int64(len(times))*step)
		}
		out = append(out, s)
	}
	for i := range out {
		out[i].T = times[:len(out[i].F)]
	}
	return out
}

// histogramOf returns a histogram of n observations between 1 and 2, whose sum
// is n: with exponential buckets for hn, with the custom bounds 1 and 2 for cn.
func histogramOf(t testing.TB, text string) *histogram.FloatHistogram {
	t.Helper()
	n := parseFloat(t, text[1:])
	h := &histogram.FloatHistogram{
		Count: n, Sum: n,
		PositiveSpans:   []histogram.Span{{Offset: 1, Length: 1}},
		PositiveBuckets: []float64{n},
	}
	if text[0] == 'c' {
		h.Schema, h.CustomValues = histogram.CustomBucketsSchema, []float64{1, 2}
	}
	return h
}

// vectorOf reads a vector, one element a line.
func vectorOf(t testing.TB, text string) promath.Vector {
	t.Helper()
	var out promath.Vector
	for _, line := range lines(text) {
		name, values := splitLine(t, line)
		s := promath.Sample{Labels: parseLabels(t, name)}
		if v := values[0]; v[0] == 'h' || v[0] == 'c' {
			s.H = histogramOf(t, v)
		} else {
			s.F = parseFloat(t, v)
		}
		out = append(out, s)
	}
	return out
}

// lines returns the lines of text that are not blank; a semicolon ends one, too.
func lines(text string) []string {
	var out []string
	for _, line := range strings.Split(strings.ReplaceAll(text, "; ", "\n"), "\n") {
		if line = strings.Trim(line, " \t;"); line != "" {
			out = append(out, line)
		}
	}
	return out
}

func splitLine(t testing.TB, line string) (name string, values []string) {
	t.Helper()
	end := strings.IndexByte(line, ' ')
	if brace := strings.LastIndexByte(line, '}'); brace >= 0 {
		end = brace + 1
	}
	if end < 0 || len(strings.Fields(line[end:])) == 0 {
		t.Fatalf("no values in %q", line)
	}
	return line[:end], strings.Fields(line[end:])
}

func parseLabels(t testing.TB, name string) labels.Labels {
	t.Helper()
	l, err := parser.NewParser(parser.Options{}).ParseMetric(name)
	if err != nil {
		t.Fatalf("%q: %v", name, err)
	}
	return l
}

func parseFloat(t testing.TB, text string) float64 {
	t.Helper()
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// text writes a vector, or an error.
func text(v promath.Vector, err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	var b strings.Builder
	for _, s := range v {
		b.WriteString(s.Labels.String() + " ")
		switch {
		case s.H != nil && s.H.UsesCustomBuckets():
			b.WriteString("c" + strconv.FormatFloat(s.H.Count, 'g', -1, 64))
		case s.H != nil:
			b.WriteString("h" + strconv.FormatFloat(s.H.Count, 'g', -1, 64))
		default:
			b.WriteString(strconv.FormatFloat(s.F, 'g', -1, 64))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// check compares a result with what it should be, line by line.
func check(t testing.TB, got, want string) {
	t.Helper()
	if g, w := strings.Join(lines(got), "\n"), strings.Join(lines(want), "\n"); g != w {
		t.Errorf("got\n%s\nwant\n%s", g, w)
	}
}

// rangeOf lays a window over series: from start to end, in rows.
func rangeOf(t testing.TB, start, end float64, series string) promath.Range {
	t.Helper()
	e := int64(end * step)
	return promath.Range{Series: seriesOf(t, series), Start: int64(start * step), End: e, Now: e}
}
