package exposition

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

const (
	promText    = "text/plain; version=0.0.4; charset=utf-8"
	openMetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8"
)

// TestText reads what real gateways send in the text formats, and what is wrong.
func TestText(t *testing.T) {
	t.Parallel()
	f := func(contentType, body string, want map[string]float64, bad ...string) {
		t.Helper()
		got, stats := parseOnce(t, Options{}, body, contentType)
		if diff := cmp.Diff(want, got, cmp.Comparer(sameFloat)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", body, diff)
		}
		var lines []string
		for _, b := range stats.BadLines {
			lines = append(lines, b.String())
		}
		if diff := cmp.Diff(bad, lines); diff != "" || stats.Dropped != len(bad) {
			t.Errorf("%q: %d dropped (-want +got):\n%s", body, stats.Dropped, diff)
		}
	}
	type m = map[string]float64
	one := m{`{__name__="a", x="1"}`: 1}
	two := m{`{__name__="a"}`: 1, `{__name__="b"}`: 2}

	// Line ends, blanks, braces.
	f(promText, "", m{})
	f(promText, "\n \n# nothing\n", m{})
	f(promText, "a 1\nb 2", two)
	f(promText, "a 1\r\n\r\nb 2\r\n", two)
	f(promText, "# TYPE a counter\r\na 1\r\n# HELP b words\r\nb 2\r", two)
	f(promText, "\ufeffa 1\n\t b \t 2 \n", two)
	f(promText, `a{x="1"} 1`, one)
	f(promText, `a{x="1",} 1`, one)
	f(promText, `a{ x = "1" , } 1`, one)
	f(promText, `a {x="1"} 1`, one)
	f(promText, "a{} 1\nb{ } 2", two)
	f(promText, `  a{x="1"} 1`, one)
	f(promText, `a{x="1",y=""} 1`, one)
	f(promText, `a{x="p, q|r \"s\" \\ \n{}"} 1`, m{`{__name__="a", x="p, q|r \"s\" \\ \n{}"}`: 1})
	f(promText, `a{y="2", x="1"} 1`, m{`{__name__="a", x="1", y="2"}`: 1})

	// Values.
	f(promText, "a 1.372014592e+010\nb 9223372036854775794", m{`{__name__="a"}`: 1.372014592e10, `{__name__="b"}`: 1 << 63})
	f(promText, "a NaN\nb nan", m{`{__name__="a"}`: math.NaN(), `{__name__="b"}`: math.NaN()})
	f(promText, "a +Inf\nb -inf", m{`{__name__="a"}`: math.Inf(1), `{__name__="b"}`: math.Inf(-1)})
	f(promText, "a 1 1395066363000\nb 2 0", two)

	// Types: none, twice, of a family that comes in pieces.
	f(promText, "# TYPE a gauge\n# TYPE a gauge\na 1\nb 2", two)
	f(promText, "# TYPE a gauge\na{x=\"1\"} 1\n# TYPE b gauge\nb 2\na{x=\"2\"} 3",
		m{`{__name__="a", x="1"}`: 1, `{__name__="b"}`: 2, `{__name__="a", x="2"}`: 3})
	f(promText, "# TYPE a histogram\na_bucket{le=\"00001.0\"} 1\na_bucket{le=\"2\"} 2",
		m{`{__name__="a_bucket", le="1.0"}`: 1, `{__name__="a_bucket", le="2.0"}`: 2})
	f(promText, "a_bucket{le=\"1\"} 1", m{`{__name__="a_bucket", le="1"}`: 1})

	// Names that are not of the classic character set.
	f(promText, `vllm:num_requests_waiting 1`, m{`{__name__="vllm:num_requests_waiting"}`: 1})
	f("text/plain; version=1.0.0; escaping=allow-utf-8", `{"http.server.duration","a b"="c"} 1`,
		m{`{__name__="http.server.duration", "a b"="c"}`: 1})
	f(promText+"; escaping=underscores", `http_server_duration 1`, m{`{__name__="http_server_duration"}`: 1})
	f(openMetrics, "{\"http.server.duration\",x=\"y\"} 1\n# EOF\n", m{`{__name__="http.server.duration", x="y"}`: 1})

	// OpenMetrics: end mark, exemplars, creation times, units, fractional timestamps.
	f(openMetrics, "# EOF", m{})
	f(openMetrics, "a 1\nb 2\n# EOF", two)
	f(openMetrics, "a 1\r\nb 2\r\n# EOF\r\n\r\n", two)
	f(openMetrics, "# TYPE a counter\n# UNIT a_seconds seconds\na_total 1 1.5 # {trace_id=\"x\"} 0.5 2.5\na_created 3\n# EOF\n",
		m{`{__name__="a_total"}`: 1, `{__name__="a_created"}`: 3})
	f(openMetrics, "# TYPE a gauge\na 1\n# TYPE a counter\na_total 2\n# EOF\n", m{`{__name__="a"}`: 1, `{__name__="a_total"}`: 2})
	f(openMetrics, "# TYPE a summary\na{quantile=\"1\"} NaN\n# EOF\n", m{`{__name__="a", quantile="1.0"}`: math.NaN()})
	f(openMetrics, "a 1\n\n\nb 2\n# EOF\n", two)

	// Bad lines: dropped, the rest is read.
	f(promText, "a 1\nb\nb 2", two, `line 2, "b": expected value after metric, got "\n" ("INVALID")`)
	f(promText, "!\n\na 1\n\n\nb two\nb 2\n", two,
		`line 1, "!": expected a valid start token, got "!" ("INVALID")`,
		`line 6, "b two": strconv.ParseFloat: parsing "two": invalid syntax`)
	f(promText, "a 1\nx{y=\"unclosed} 1\nb 2\nz{y=\"1\"} 3", m{`{__name__="a"}`: 1, `{__name__="b"}`: 2, `{__name__="z", y="1"}`: 3},
		`line 2, "x{y=\"unclosed} 1": expected label name, got "1" ("INVALID")`)
	f(promText, "a 1\nx{y=\"1\",y=\"2\"} 1\nb 2", two, `line 2, "x{y=\"1\",y=\"2\"} 1": the label "y" is given twice`)
	f(promText, "a 1\n{\"\"} 1\nb 2", two, `line 2, "{\"\"} 1": a name is empty, or not UTF-8`)
	f(promText, "a 1\nx{y=\"\xff\"} 1\nb 2", two, `line 2, "x{y=\"\xff\"} 1": invalid UTF-8 label value: "\"\xff\""`)
	f(promText, "a 1\n\x00\nb 2", two, `line 2, "\x00": a NUL byte or an end mark amid the body`)
	f(promText, "a 1\n# TYPE b stateset\nb 2", two, `line 2, "# TYPE b stateset": invalid metric type "stateset"`)
	f(promText, "a 1\nc 0x1\nd 1_0\ne 1e999\nb 2", two,
		`line 2, "c 0x1": strconv.ParseFloat: parsing "0x1": invalid syntax`,
		`line 3, "d 1_0": unsupported character in float`,
		`line 4, "e 1e999": strconv.ParseFloat: parsing "1e999": value out of range`)
	f(openMetrics, "a 1\n# EOF\nb 2\n# EOF\n", two, `line 2, "# EOF": unexpected data after # EOF`)
	f(openMetrics, "a 1\nx{y=\"1\", z=\"2\"} 1\nb 2\n# EOF\n", two,
		`line 2, "x{y=\"1\", z=\"2\"} 1": expected label name, got " " ("INVALID")`)
	f(promText, "a 1\nx "+strings.Repeat("y", maxLine)+"\nb 2", two,
		`line 2, "x `+strings.Repeat("y", maxQuote-2)+`...": longer than 1048576 bytes`)

	// A bad line does not change how the rest of its family is read.
	f(promText, "# TYPE a histogram\na_bucket{le=\"1\"} 1\na_bucket\na_bucket{le=\"2\"} 2\na_sum 3",
		m{`{__name__="a_bucket", le="1.0"}`: 1, `{__name__="a_bucket", le="2.0"}`: 2, `{__name__="a_sum"}`: 3},
		`line 3, "a_bucket": expected value after metric, got "\n" ("INVALID")`)
	f(promText, "# TYPE a summary\na\na{quantile=\"1\"} 1\n# TYPE x gauge\nx{quantile=\"1\"} 2",
		m{`{__name__="a", quantile="1.0"}`: 1, `{__name__="x", quantile="1"}`: 2},
		`line 2, "a": expected value after metric, got "\n" ("INVALID")`)
	f(promText, "# TYPE x histogram\n# TYPE a bad\na{le=\"1\"} 1", m{`{__name__="a", le="1"}`: 1},
		`line 2, "# TYPE a bad": invalid metric type "bad"`)
}

// TestTraps: what gateways show that misleads, and is left to presets to tell.
func TestTraps(t *testing.T) {
	t.Parallel()
	f := func(body string, want map[string]float64) {
		t.Helper()
		got, stats := parseOnce(t, Options{}, body, promText)
		if diff := cmp.Diff(want, got); diff != "" || stats.Dropped != 0 {
			t.Errorf("%q: %+v (-want +got):\n%s", body, stats, diff)
		}
	}
	type m = map[string]float64
	// A gauge named _total, a counter not named so.
	f("# TYPE apisix_http_requests_total gauge\napisix_http_requests_total 5\n# TYPE apisix_http_status counter\napisix_http_status 4\n",
		m{`{__name__="apisix_http_requests_total"}`: 5, `{__name__="apisix_http_status"}`: 4})
	// The sum of all hosts beside each of them.
	f("nginx_vts_server_requests_total{host=\"*\"} 5\nnginx_vts_server_requests_total{host=\"a\"} 5\n",
		m{`{__name__="nginx_vts_server_requests_total", host="*"}`: 5, `{__name__="nginx_vts_server_requests_total", host="a"}`: 5})
	// What DCGM writes where it has no value. It is no float64, and 2^63 is the nearest.
	f("# TYPE DCGM_FI_DEV_GPU_UTIL gauge\nDCGM_FI_DEV_GPU_UTIL{gpu=\"0\"} 9223372036854775794\nDCGM_FI_DEV_GPU_UTIL{gpu=\"1\"} 40\n",
		m{`{__name__="DCGM_FI_DEV_GPU_UTIL", gpu="0"}`: 1 << 63, `{__name__="DCGM_FI_DEV_GPU_UTIL", gpu="1"}`: 40})
	// Types after the samples, and all types before all samples.
	f("a 1\n# TYPE a counter\nb 2\n# TYPE b counter\n", m{`{__name__="a"}`: 1, `{__name__="b"}`: 2})
	f("# TYPE a histogram\n# TYPE b counter\nb 2\na_sum 3\na_bucket{le=\"1\"} 1\n", m{`{__name__="b"}`: 2, `{__name__="a_sum"}`: 3, `{__name__="a_bucket", le="1"}`: 1})
	// Two addresses in a label, after a retry.
	f("a{upstream=\"10.0.0.1:80, 10.0.0.2:80\"} 1\n", m{`{__name__="a", upstream="10.0.0.1:80, 10.0.0.2:80"}`: 1})
}

// TestLateBuckets: buckets that are absent until something falls into them get
// numbers of their own when they come, and the others keep theirs.
func TestLateBuckets(t *testing.T) {
	t.Parallel()
	p := NewParser(Options{})
	parse := func(body string) metric.Batch {
		t.Helper()
		batch, _, err := p.Parse([]byte(body), promText, 1)
		if err != nil {
			t.Fatal(err)
		}
		return batch
	}
	const first, late, last = "a_bucket{le=\"1\"} 0\n", "a_bucket{le=\"2\"} 3\n", "a_bucket{le=\"+Inf\"} 4\n"
	before := parse("# TYPE a histogram\n" + first + last)
	for range 2 {
		after := parse("# TYPE a histogram\n" + first + late + last)
		if diff := cmp.Diff([]uint32{0, 2, 1}, after.IDs); diff != "" || after.Table != before.Table {
			t.Errorf("numbers (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]float64{0, 3, 4}, after.Values); diff != "" {
			t.Errorf("values (-want +got):\n%s", diff)
		}
	}
	if got := parse("# TYPE a histogram\n" + first + last).IDs; !cmp.Equal(got, before.IDs) {
		t.Errorf("without the late bucket: %v, before %v", got, before.IDs)
	}
}

// TestErrors: bodies of which nothing is taken.
func TestErrors(t *testing.T) {
	t.Parallel()
	f := func(o Options, contentType, body, want string) {
		t.Helper()
		batch, _, err := NewParser(o).Parse([]byte(body), contentType, 1)
		if err == nil || err.Error() != want {
			t.Errorf("%q as %q:\n got %v\nwant %v", body, contentType, err, want)
		}
		if batch.Table != nil || batch.IDs != nil {
			t.Errorf("%q as %q: a batch beside the error", body, contentType)
		}
	}
	const (
		page      = "this is an HTML page: is the path right?"
		json      = "this is JSON, not an exposition: is the path right?"
		truncated = `the OpenMetrics body is truncated, it does not end with "# EOF": see what breaks the answer off, the gateway or a proxy before it`
		delimited = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
	)
	var auto Options
	f(auto, "text/html; charset=utf-8", "a 1\n", page)
	f(auto, "text/plain", "\n <!DOCTYPE html>\n<pre>\na 1\n", page)
	f(auto, "", "<HTML>", page)
	f(auto, openMetrics, "<html>", page)
	f(auto, "application/json", `{"a": 1}`, json)
	f(auto, "text/plain", "{\n  \"a\": 1\n}\n", json)
	f(auto, "text/plain", `[1, 2]`, json)
	f(auto, promText, "Active connections: 1 \nserver accepts handled requests\n 1 1 1 \nReading: 0 Writing: 1 Waiting: 0 \n", "this is nginx's stub_status: choose the format StubStatus")
	f(auto, promText, "a\nb\n", `none of 2 lines can be read (the first is line 1, "a": expected value after metric, got "\n" ("INVALID")): is the path right?`)
	f(auto, promText, "\x7fELF\x02\x01", `none of 1 lines can be read (the first is line 1, "\x7fELF\x02\x01": expected a valid start token, got "\x7f" ("INVALID")): is the path right?`)
	f(auto, promText, "\x1f\x8b\x08", "this is gzip that the server did not declare as such: let it set Content-Encoding")
	f(auto, "text/plain; charset=UTF-16", "a 1\n", `the charset "utf-16" is not read: let the gateway send UTF-8`)
	f(auto, openMetrics, "a 1\n", truncated)
	f(auto, openMetrics, "", truncated)
	f(auto, openMetrics, "a 1\n# EOF x\n", truncated)
	f(auto, openMetrics, "a 1 # EOF\n", truncated)
	f(auto, "application/openmetrics-text; version=2.0.0", "# EOF\n", "OpenMetrics 2.0.0 is not read: only versions up to 1.x are")
	f(auto, delimited, "\x7f\x01\x02", "the protobuf body is truncated or corrupt in its metric family 1, 3 bytes before its end")
	f(auto, "application/vnd.google.protobuf; encoding=text", "a", `the protobuf message "" in encoding "text" is not read: only io.prometheus.client.MetricFamily, delimited, is`)
	f(Options{Format: "XML"}, promText, "a 1\n", `format "XML" is not known: use one of [Auto StubStatus Csv Json]`)
	f(Options{Format: StubStatus}, "text/html", "<html>", page)
}

// TestFlood: a body of nothing but bad lines is given up.
func TestFlood(t *testing.T) {
	t.Parallel()
	_, stats, err := NewParser(Options{}).Parse([]byte("a 1\n"+strings.Repeat("!\n", 2*maxDropped)), promText, 0)
	const want = `more than 100000 lines cannot be read (the first is line 2, "!": expected a valid start token, got "!" ("INVALID")): is this an exposition?`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if stats.Dropped != maxDropped+1 || len(stats.BadLines) != maxBadLines {
		t.Errorf("%d dropped, %d described", stats.Dropped, len(stats.BadLines))
	}
}

// TestContentTypes: what is read as Prometheus text, and what as OpenMetrics.
func TestContentTypes(t *testing.T) {
	t.Parallel()
	f := func(contentType string, want content) {
		t.Helper()
		m := mediumOf(contentType)
		got, err := m.content([]byte("a 1\n"))
		if err != nil || got != want {
			t.Errorf("%q: got %v, %v; want %v", contentType, got, err, want)
		}
	}
	for _, ct := range []string{
		"", "text/plain", "text/plain;", "text/plain; version=0.0.4", "text/plain; charset=UTF-8", "TEXT/PLAIN; Charset=\"us-ascii\"",
		"text/plain; version=1.0.0; escaping=allow-utf-8", "text/plain; version=0.0.4; charset=utf-8; escaping=values",
		"text/plain; charset", "text/plain, text/plain", "text", ";", "application/octet-stream",
	} {
		f(ct, contentText)
	}
	for _, ct := range []string{
		"application/openmetrics-text", "Application/OpenMetrics-Text; version=0.0.1", "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores",
		"application/openmetrics-text; charset",
	} {
		f(ct, contentOpenMetrics)
	}
	f("application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping=dots", contentProtobuf)
}

// TestPieces: a body of several pieces is read like one of one piece, to the
// type of a family that goes on in the next piece.
func TestPieces(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("# TYPE a histogram\n")
	n := 0
	for ; b.Len() < 2*maxLine+maxLine/2; n++ {
		fmt.Fprintf(&b, "a_bucket{le=\"1\",n=\"%07d\"} %d\n", n, n)
	}
	for _, body := range []string{b.String(), b.String() + "# EOF\n"} {
		contentType := promText
		if strings.HasSuffix(body, "# EOF\n") {
			contentType = openMetrics
		}
		batch, stats, err := NewParser(Options{}).Parse([]byte(body), contentType, 1)
		if err != nil {
			t.Fatal(err)
		}
		if stats.Samples != n || stats.Kept != n || stats.Dropped != 0 {
			t.Fatalf("%s: %d samples, got %+v", contentType, n, stats)
		}
		want := fmt.Sprintf(`{__name__="a_bucket", le="1.0", n="%07d"}`, n-1)
		if got := batch.Table.Series[batch.IDs[n-1]].String(); got != want || batch.Values[n-1] != float64(n-1) {
			t.Errorf("%s: the last sample is of %s with %v, want %s", contentType, got, batch.Values[n-1], want)
		}
	}
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	const body = "a{x=\"1\",y=\"2\"} 1\n" + "a{x=\"1\",y=\"2\"} 2\n" + "a{y=\"2\",x=\"1\"} 3\n" + "a{x=\"1\",y=\"2\",z=\"\"} 4\n" + "b 5\nb 6\n"
	p := NewParser(Options{Want: named("a")})
	for range 3 {
		batch, stats, err := p.Parse([]byte(body), promText, 7)
		if err != nil {
			t.Fatal(err)
		}
		want := Stats{Samples: 6, Kept: 1, Duplicates: 3}
		if diff := cmp.Diff(want, stats); diff != "" {
			t.Errorf("stats (-want +got):\n%s", diff)
		}
		if len(batch.Values) != 1 || batch.Values[0] != 1 || batch.Time != 7 {
			t.Errorf("batch %+v", batch)
		}
		checkBatch(t, batch, stats)
	}
}

// TestWant: the question is asked once for each text, and series keep their
// numbers.
func TestWant(t *testing.T) {
	t.Parallel()
	asked := map[string]int{}
	p := NewParser(Options{Want: func(l labels.Labels) bool {
		asked[l.String()]++
		return l.Get("x") == "1"
	}})
	var table *metric.Table
	for i, body := range []string{"a{x=\"1\"} 1\na{x=\"2\"} 2\n", "a{x=\"2\"} 2\nb{x=\"1\"} 3\na{x=\"1\"} 1\n", "b{x=\"1\"} 3\n"} {
		batch, stats, err := p.Parse([]byte(body), promText, int64(i))
		if err != nil {
			t.Fatal(err)
		}
		if table == nil {
			table = batch.Table
		}
		if batch.Table != table {
			t.Error("another table")
		}
		checkBatch(t, batch, stats)
		for i, id := range batch.IDs {
			if name := table.Series[id].Get(labels.MetricName); (name == "a") != (batch.Values[i] == 1) {
				t.Errorf("%s has the value %v", name, batch.Values[i])
			}
		}
	}
	want := map[string]int{`{__name__="a", x="1"}`: 1, `{__name__="a", x="2"}`: 1, `{__name__="b", x="1"}`: 1}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("questions (-want +got):\n%s", diff)
	}
	if len(table.Series) != 2 {
		t.Errorf("%d series in the table, want those that are kept", len(table.Series))
	}
}

// TestStaleTable: a target whose series all change gets a new table in time, and
// one whose series are away for a while does not.
func TestStaleTable(t *testing.T) {
	t.Parallel()
	p := NewParser(Options{})
	parse := func(from, n int) *metric.Table {
		t.Helper()
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "a{pod=\"%d\"} 1\n", from+i)
		}
		batch, stats, err := p.Parse([]byte(b.String()), promText, 0)
		if err != nil {
			t.Fatal(err)
		}
		checkBatch(t, batch, stats)
		return batch.Table
	}

	first := parse(0, 100)
	for range staleScrapes - 1 {
		parse(0, 10)
	}
	if parse(0, 100) != first {
		t.Error("a new table, though all series are there again")
	}
	for range staleScrapes {
		if parse(0, 10) != first {
			t.Error("a new table too early")
		}
	}
	second := parse(0, 10)
	if second == first || len(second.Series) != 10 {
		t.Error("no new table, though 90 of 100 series are long gone")
	}

	// Other series at each scrape: memory stays bounded.
	largest := 0
	for i := range 10 * staleScrapes {
		largest = max(largest, len(parse(1000*(i+1), 100).Series))
	}
	if limit := 100 * (2*staleScrapes + 2); largest > limit {
		t.Errorf("the table grew to %d series, want at most %d", largest, limit)
	}
}

// TestOwnership: neither the batch nor the table refers to the body, and a batch
// stays as it is when the next one is read.
func TestOwnership(t *testing.T) {
	t.Parallel()
	p := NewParser(Options{})
	body := []byte("a{x=\"1\"} 1\nb 2\n!\n")
	first, stats, err := p.Parse(body, promText, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range body {
		body[i] = '#'
	}
	if _, _, err := p.Parse([]byte("b 3\na{x=\"1\"} 4\n"), promText, 2); err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{`{__name__="a", x="1"}`: 1, `{__name__="b"}`: 2}
	if diff := cmp.Diff(want, values(first)); diff != "" {
		t.Errorf("the first batch (-want +got):\n%s", diff)
	}
	if stats.BadLines[0].Text != "!" {
		t.Errorf("bad line %q", stats.BadLines[0].Text)
	}
}

// TestWarmParseDoesNotAllocatePerLine compares bodies of 10 and of 1000 lines.
func TestWarmParseDoesNotAllocatePerLine(t *testing.T) {
	allocs := func(lines int) float64 {
		var b strings.Builder
		for i := range lines {
			fmt.Fprintf(&b, "a{n=\"%d\"} 1\n", i)
		}
		body := []byte(b.String())
		p := NewParser(Options{})
		return testing.AllocsPerRun(10, func() {
			if _, _, err := p.Parse(body, promText, 0); err != nil {
				t.Error(err)
			}
		})
	}
	// The race detector lets a pool lose what is put back, now and then.
	if few, many := allocs(10), allocs(1000); many > few+10 {
		t.Errorf("%v allocations for 10 lines, %v for 1000", few, many)
	}
}

// parseOnce returns the samples of a body by their labels. The body is parsed
// twice: the second time, with all series known, must give the same.
func parseOnce(t *testing.T, o Options, body, contentType string) (map[string]float64, Stats) {
	t.Helper()
	p := NewParser(o)
	cold, coldStats, err := p.Parse([]byte(body), contentType, 1)
	if err != nil {
		t.Fatalf("%q: %v", body[:min(len(body), 200)], err)
	}
	checkBatch(t, cold, coldStats)
	warm, warmStats, err := p.Parse([]byte(body), contentType, 1)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(cold, warm, cmp.Comparer(sameFloat), cmp.Comparer(labels.Equal)); diff != "" {
		t.Errorf("%q: cold and warm differ:\n%s", body, diff)
	}
	if diff := cmp.Diff(coldStats, warmStats); diff != "" {
		t.Errorf("%q: stats cold and warm differ:\n%s", body, diff)
	}
	return values(cold), coldStats
}

// values returns the floats of a batch by their labels.
func values(b metric.Batch) map[string]float64 {
	got := map[string]float64{}
	for i, id := range b.IDs {
		got[b.Table.Series[id].String()] = b.Values[i]
	}
	return got
}

// checkBatch checks what is true of every batch.
func checkBatch(t *testing.T, b metric.Batch, s Stats) {
	t.Helper()
	if len(b.IDs) != s.Kept || len(b.Values) != s.Kept || b.Histograms != nil && len(b.Histograms) != s.Kept {
		t.Errorf("%d ids, %d values and %d histograms for %d kept samples", len(b.IDs), len(b.Values), len(b.Histograms), s.Kept)
	}
	if s.Samples < s.Kept+s.Duplicates {
		t.Errorf("impossible: %+v", s)
	}
	seen := map[uint32]bool{}
	for i, id := range b.IDs {
		if seen[id] || int(id) >= len(b.Table.Series) {
			t.Errorf("id %d of %d comes twice or is out of range", id, len(b.Table.Series))
		}
		seen[id] = true
		if !metric.IsSample(b.Values[i]) {
			t.Errorf("value %d is a marker", i)
		}
	}
}

// named wants the series of one name.
func named(name string) func(labels.Labels) bool {
	return func(l labels.Labels) bool { return l.Get(labels.MetricName) == name }
}

// sameFloat reports whether two numbers are equal, NaN being equal to itself.
func sameFloat(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b) || a == b || a != a && b != b
}
