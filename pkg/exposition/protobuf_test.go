package exposition

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/value"
	dto "github.com/prometheus/prometheus/prompb/io/prometheus/client"
)

const protobuf = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"

func TestProtobuf(t *testing.T) {
	t.Parallel()
	classic := &dto.Histogram{
		SampleCount: 3,
		SampleSum:   1.5,
		Bucket:      []dto.Bucket{{UpperBound: 1, CumulativeCount: 2}},
	}
	native := &dto.Histogram{
		SampleCount:   3,
		SampleSum:     math.Float64frombits(value.StaleNaN),
		Schema:        3,
		ZeroThreshold: 1e-6,
		ZeroCount:     1,
		PositiveSpan:  []dto.BucketSpan{{Offset: 2, Length: 1}},
		PositiveDelta: []int64{2},
		Bucket:        []dto.Bucket{{UpperBound: 1, CumulativeCount: 2}},
	}
	floats := &dto.Histogram{
		SampleCountFloat: 2.5,
		SampleSum:        1,
		ZeroCountFloat:   0.5,
		PositiveSpan:     []dto.BucketSpan{{Length: 1}},
		PositiveCount:    []float64{2},
	}
	body := families(t,
		&dto.MetricFamily{Name: "c_total", Type: dto.MetricType_COUNTER, Metric: []dto.Metric{
			{Label: label("x", "1"), Counter: &dto.Counter{Value: 1}},
			{Label: label("x", "2"), Counter: &dto.Counter{Value: math.Float64frombits(value.StaleNaN)}, TimestampMs: 5},
			{Label: label("x", "1"), Counter: &dto.Counter{Value: 3}},
		}},
		&dto.MetricFamily{Name: "nothing", Type: dto.MetricType_GAUGE},
		&dto.MetricFamily{Name: "h", Type: dto.MetricType_HISTOGRAM, Metric: []dto.Metric{{Histogram: classic}}},
		&dto.MetricFamily{Name: "n", Type: dto.MetricType_HISTOGRAM, Metric: []dto.Metric{{Histogram: native}}},
		&dto.MetricFamily{Name: "f", Type: dto.MetricType_HISTOGRAM, Metric: []dto.Metric{{Histogram: floats}}},
		&dto.MetricFamily{Name: "utf.8", Type: dto.MetricType_GAUGE, Metric: []dto.Metric{{Label: label("y", ""), Gauge: &dto.Gauge{Value: 4}}}},
	)

	p := NewParser(Options{})
	for range 2 {
		batch, stats, err := p.Parse(body, protobuf, 1)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(Stats{Samples: 14, Kept: 13, Duplicates: 1}, stats); diff != "" {
			t.Errorf("stats (-want +got):\n%s", diff)
		}
		checkBatch(t, batch, stats)

		gotFloats, gotHistograms := map[string]float64{}, map[string]*histogram.FloatHistogram{}
		for i, id := range batch.IDs {
			if name := batch.Table.Series[id].String(); batch.Histograms[i] != nil {
				gotHistograms[name] = batch.Histograms[i]
			} else {
				gotFloats[name] = batch.Values[i]
			}
		}
		wantFloats := map[string]float64{
			`{__name__="c_total", x="1"}`:      1,
			`{__name__="c_total", x="2"}`:      math.NaN(),
			`{__name__="h_bucket", le="1.0"}`:  2,
			`{__name__="h_bucket", le="+Inf"}`: 3,
			`{__name__="h_sum"}`:               1.5,
			`{__name__="h_count"}`:             3,
			`{__name__="n_bucket", le="1.0"}`:  2,
			`{__name__="n_bucket", le="+Inf"}`: 3,
			`{__name__="n_sum"}`:               math.NaN(),
			`{__name__="n_count"}`:             3,
			`{__name__="utf.8"}`:               4,
		}
		if diff := cmp.Diff(wantFloats, gotFloats, cmp.Comparer(sameFloat)); diff != "" {
			t.Errorf("floats (-want +got):\n%s", diff)
		}
		wantHistograms := map[string]*histogram.FloatHistogram{
			`{__name__="n"}`: {Schema: 3, Count: 3, Sum: math.NaN(), ZeroThreshold: 1e-6, ZeroCount: 1,
				PositiveSpans: []histogram.Span{{Offset: 2, Length: 1}}, PositiveBuckets: []float64{2}},
			`{__name__="f"}`: {Count: 2.5, Sum: 1, ZeroCount: 0.5,
				PositiveSpans: []histogram.Span{{Length: 1}}, PositiveBuckets: []float64{2}},
		}
		opts := []cmp.Option{cmp.Comparer(sameFloat), cmpopts.EquateEmpty()}
		if diff := cmp.Diff(wantHistograms, gotHistograms, opts...); diff != "" {
			t.Errorf("histograms (-want +got):\n%s", diff)
		}
		if h := gotHistograms[`{__name__="n"}`]; h != nil && math.Float64bits(h.Sum) != value.NormalNaN {
			t.Errorf("the sum is a marker: %x", math.Float64bits(h.Sum))
		}
	}
}

// TestProtobufBadFamilies: what is bad is dropped, the rest is read.
func TestProtobufBadFamilies(t *testing.T) {
	t.Parallel()
	gauge := func(name string, l ...dto.LabelPair) *dto.MetricFamily {
		return &dto.MetricFamily{Name: name, Type: dto.MetricType_GAUGE, Metric: []dto.Metric{{Label: l, Gauge: &dto.Gauge{Value: 1}}}}
	}
	body := families(t,
		gauge("a"),
		gauge(""),
		gauge("twice", append(label("x", "1"), label("x", "2")...)...),
		&dto.MetricFamily{Name: "spans", Type: dto.MetricType_HISTOGRAM, Metric: []dto.Metric{
			{Histogram: &dto.Histogram{SampleCount: 1, PositiveSpan: []dto.BucketSpan{{Length: 7}}}}}},
		&dto.MetricFamily{Name: "count", Type: dto.MetricType_HISTOGRAM, Metric: []dto.Metric{
			{Histogram: &dto.Histogram{SampleCount: 9, PositiveSpan: []dto.BucketSpan{{Length: 1}}, PositiveDelta: []int64{1}}}}},
	)
	body = append(body, 2, 0xff, 0xff) // two bytes that are no message
	body = append(body, families(t, gauge("b"))...)

	batch, stats, err := NewParser(Options{}).Parse(body, protobuf, 1)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{`{__name__="a"}`: 1, `{__name__="b"}`: 1}
	if diff := cmp.Diff(want, values(batch)); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	wantBad := []string{
		"metric family 2: invalid metric name: ",
		`metric family 3: the label "x" is given twice`,
		`metric family 4: histogram "spans": positive side: spans require 7 buckets, have 0`,
		"metric family 5: 1 observations found in buckets, but the Count field is 9: histogram's observation count should equal the number of observations found in the buckets (in absenc...",
		"metric family 6: unexpected EOF",
	}
	var gotBad []string
	for _, b := range stats.BadLines {
		gotBad = append(gotBad, b.String())
	}
	if diff := cmp.Diff(wantBad, gotBad); diff != "" || stats.Dropped != 5 {
		t.Errorf("%d dropped (-want +got):\n%s", stats.Dropped, diff)
	}
}

func label(name, value string) []dto.LabelPair {
	return []dto.LabelPair{{Name: name, Value: value}}
}

// families returns a body of these messages.
func families(tb testing.TB, all ...*dto.MetricFamily) []byte {
	tb.Helper()
	var body []byte
	for _, f := range all {
		message, err := f.Marshal()
		if err != nil {
			tb.Fatal(err)
		}
		body = binary.AppendUvarint(body, uint64(len(message)))
		body = append(body, message...)
	}
	return body
}
