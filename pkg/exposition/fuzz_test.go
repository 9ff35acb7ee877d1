package exposition

import (
	"bytes"
	"errors"
	"io"
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	dto "github.com/prometheus/prometheus/prompb/io/prometheus/client"
)

// FuzzParse feeds any body to the parser in each format. Whatever it is, a
// second parse gives the same as the first, batches are well formed, and what
// textparse reads without an error has the same samples.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"haproxy.prom", "redis.prom", "stub_status.txt"} {
		body, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body[:min(len(body), 1024)], byte(0))
		f.Add(body[:min(len(body), 1024)], byte(3))
	}
	for _, text := range []string{
		"# HELP a words \\n more\n# TYPE a histogram\na_bucket{le=\"1\",x=\"y\"} 1 12\r\na_sum NaN\n\n!\na_count 1e+010",
		"# TYPE a counter\n# UNIT a_seconds seconds\na_total{x=\"\"} 1 1.5 # {t=\"x\"} 0.5 2.5\na_created 3\n# EOF\n",
		"{\"a.b\",x=\"y\"} 1\n  b{} +Inf\n# c \x00\n\x00\na{x=\"\\\"\n\"} 2\n",
		"a 1\n# EOF\nb 2\n\n\n# EOF\n\n",
		"<html>", "{\"a\": 1}",
	} {
		f.Add([]byte(text), byte(0))
		f.Add([]byte(text), byte(1))
	}
	f.Add(families(f,
		&dto.MetricFamily{Name: "c", Type: dto.MetricType_COUNTER, Metric: []dto.Metric{{Label: label("x", "y"), Counter: &dto.Counter{Value: 1}}}},
		&dto.MetricFamily{Name: "s", Type: dto.MetricType_SUMMARY, Metric: []dto.Metric{{Summary: &dto.Summary{SampleCount: 1, Quantile: []dto.Quantile{{Quantile: 1, Value: 1}}}}}},
		&dto.MetricFamily{Name: "h", Type: dto.MetricType_HISTOGRAM, Metric: []dto.Metric{{Histogram: &dto.Histogram{SampleCount: 2, ZeroThreshold: 1,
			Bucket:       []dto.Bucket{{UpperBound: 1, CumulativeCount: 2}},
			PositiveSpan: []dto.BucketSpan{{Offset: -3, Length: 2}}, PositiveDelta: []int64{1, 0}}}}},
	), byte(2))

	f.Fuzz(func(t *testing.T, body []byte, kind byte) {
		format, contentType := Auto, [...]string{promText, openMetrics, protobuf, ""}[kind%4]
		if contentType == "" {
			format = StubStatus
		}
		p := NewParser(Options{Format: format})
		cold, coldStats, coldErr := p.Parse(bytes.Clone(body), contentType, 1)
		warm, warmStats, warmErr := p.Parse(bytes.Clone(body), contentType, 1)
		if (coldErr == nil) != (warmErr == nil) || coldErr != nil && coldErr.Error() != warmErr.Error() {
			t.Fatalf("cold %v, warm %v", coldErr, warmErr)
		}
		if !reflect.DeepEqual(coldStats, warmStats) {
			t.Fatalf("cold %+v, warm %+v", coldStats, warmStats)
		}
		if coldErr == nil {
			checkBatch(t, cold, coldStats)
			sameHistogram := func(a, b *histogram.FloatHistogram) bool { return a == b || a != nil && b != nil && a.Equals(b) }
			if !slices.Equal(cold.IDs, warm.IDs) || !slices.EqualFunc(cold.Values, warm.Values, sameFloat) ||
				!slices.EqualFunc(cold.Histograms, warm.Histograms, sameHistogram) {
				t.Fatalf("cold %+v, warm %+v", cold, warm)
			}
		}
		if format == Auto && contentType != protobuf {
			compareToTextparse(t, body, contentType)
		}
	})
}

// TestWholeBodiesLikeTextparse compares recorded bodies.
func TestWholeBodiesLikeTextparse(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"haproxy.prom", "redis.prom"} {
		body, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if !compareToTextparse(t, body, promText) {
			t.Errorf("%s: textparse does not read it whole", name)
		}
	}
	if !compareToTextparse(t, []byte("# TYPE a histogram\na_bucket{le=\"1\"} 1 # {x=\"y\"} 1\na_sum 2\n# EOF\n"), openMetrics) {
		t.Error("textparse does not read OpenMetrics whole")
	}
}

// compareToTextparse compares the samples of a body that textparse reads to its
// end with those of a Parser, series by series text. It returns false for other
// bodies, and for those that a Parser changes before it reads them, or of which
// textparse leaves out a part without an error.
func compareToTextparse(t *testing.T, body []byte, contentType string) bool {
	t.Helper()
	if len(body) > maxLine || bytes.ContainsAny(body, "\r\x00") || bytes.HasPrefix(body, []byte("\ufeff")) || isMarkup(body) {
		return false
	}
	var texts []string
	var values []float64
	p, err := textparse.New(bytes.Clone(body), contentType, labels.NewSymbolTable(), textparse.ParserOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for {
		entry, err := p.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return false
		}
		if entry != textparse.EntrySeries {
			continue
		}
		text, _, v := p.Series()
		texts, values = append(texts, string(text)), append(values, v)
	}

	parser := NewParser(Options{})
	batch, stats, err := parser.Parse(bytes.Clone(body), contentType, 1)
	if err != nil && stats.Dropped == 0 {
		t.Fatalf("textparse reads %d samples, the parser none: %v", len(texts), err)
	}
	if stats.Samples+stats.Dropped != len(texts) {
		t.Fatalf("textparse reads %d samples, the parser %+v", len(texts), stats)
	}
	if err != nil {
		return true // each sample is of a series with invalid labels
	}
	first := map[uint32]float64{} // by number: several texts may stand for one series
	for i, text := range texts {
		if id, ok := idOf(parser, text); ok {
			if _, ok := first[id]; !ok {
				first[id] = values[i]
			}
		}
	}
	for i, id := range batch.IDs {
		if !sameFloat(batch.Values[i], first[id]) {
			t.Fatalf("%s is %v, textparse reads %v", batch.Table.Series[id], batch.Values[i], first[id])
		}
	}
	return true
}

// idOf returns the number of the series that a text stands for, whatever its
// class.
func idOf(p *Parser, text string) (uint32, bool) {
	for _, w := range p.layout.words {
		if w.text == text {
			return w.id, true
		}
	}
	return 0, false
}
