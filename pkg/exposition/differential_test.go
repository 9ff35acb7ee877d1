package exposition

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
)

// FuzzPrediction lets parsers read a body that changes from scrape to scrape as
// the script says. Whatever they remember, they give what textparse gives for
// that body alone.
func FuzzPrediction(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for i, body := range fuzzBodies(f) {
		for kind := range byte(4) {
			f.Add(body, script(r, 20+i), kind)
		}
	}
	f.Fuzz(func(t *testing.T, body, script []byte, kind byte) {
		if len(body) > 1<<12 || len(script) > 100 {
			return
		}
		checkPrediction(t, body, script, kind)
	})
}

// TestPredictionOfMutatedBodies is the same with captures and with chosen bodies.
func TestPredictionOfMutatedBodies(t *testing.T) {
	t.Parallel()
	bodies := fuzzBodies(t)
	rounds := 4
	if testing.Short() {
		rounds = 1
	}
	for i, body := range bodies {
		h := fnv.New64a()
		h.Write(body)
		r := rand.New(rand.NewPCG(h.Sum64(), uint64(i)))
		for round := range rounds {
			checkPrediction(t, body, script(r, 40), byte(round))
			if t.Failed() {
				t.Fatalf("body %d, round %d", i, round)
			}
		}
	}
}

// TestPredictionOverPieces: bodies of several pieces, with carriage returns,
// long lines and series that go over line ends.
func TestPredictionOverPieces(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("# TYPE a histogram\n")
	for n := 0; b.Len() < maxLine+maxLine/16; n++ {
		fmt.Fprintf(&b, "a_bucket{le=\"1\",n=\"%07d\n,\n,\"} %d\n", n, n)
		if n%5000 == 4999 {
			b.WriteString("a{n=\"" + strings.Repeat("x\n", 100) + "\"} 1\n# HELP a " + strings.Repeat("y", 300) + "\n")
		}
	}
	checkPrediction(t, []byte(b.String()), []byte{7, 1, 2, 3, 200, 200}, 2)
	long := "a 1\n" + "b{x=\"" + strings.Repeat("\r\n", maxLine*2/3) + "\"} 1\nc 1\n" + "d{x=\"" + strings.Repeat("y", maxLine) + "\"} 1\ne 2\n"
	for kind := range byte(4) {
		checkPrediction(t, []byte(long), []byte{7, 0, 0, 1, 0, 0}, kind)
	}
}

// checkPrediction changes a body step by step. Bit 0 of kind is for OpenMetrics,
// bit 1 for a Want that leaves half of the names out.
func checkPrediction(t *testing.T, body, script []byte, kind byte) {
	t.Helper()
	open := kind&1 != 0
	contentType := promText
	if open {
		contentType = openMetrics
		body = append(bytes.Clone(body), "# EOF\n"...)
	}
	var want func(labels.Labels) bool
	if kind&2 != 0 {
		want = func(l labels.Labels) bool { return len(l.Get(labels.MetricName))%2 == 0 }
	}
	shared := &Layouts{}
	first, second := NewParser(Options{Want: want, Layouts: shared}), NewParser(Options{Want: want, Layouts: shared})
	alone := NewParser(Options{Want: want})
	for step := 0; ; step++ {
		ref := readReference(body, open, want)
		for twice := range 2 {
			parsers := []*Parser{alone, first, NewParser(Options{Want: want, Layouts: shared})}
			if step%2 == 0 { // it misses some
				parsers = append(parsers, second)
			}
			for i, p := range parsers {
				batch, stats, err := p.Parse(bytes.Clone(body), contentType, 1)
				if fmt.Sprint(err) != fmt.Sprint(ref.err) || !reflect.DeepEqual(stats, ref.stats) && err == nil {
					t.Fatalf("step %d.%d, parser %d: %v, %+v\ntextparse: %v, %+v\n%q", step, twice, i, err, stats, ref.err, ref.stats, short(body))
				}
				if err != nil {
					continue
				}
				checkBatch(t, batch, stats)
				var series []string
				for _, id := range batch.IDs {
					series = append(series, batch.Table.Series[id].String())
				}
				if !slices.Equal(series, ref.series) || !slices.EqualFunc(batch.Values, ref.values, sameBits) {
					t.Fatalf("step %d.%d, parser %d: got %q\n%v\nwant %q\n%v\nof %q", step, twice, i, series, batch.Values, ref.series, ref.values, short(body))
				}
			}
		}
		if len(script) < 3 {
			return
		}
		body, script = mutate(body, script[0], script[1], script[2]), script[3:]
	}
}

func short(body []byte) []byte { return body[:min(len(body), 2000)] }

func sameBits(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }

// script returns what changes a body n times.
func script(r *rand.Rand, n int) []byte {
	s := make([]byte, 3*n)
	for i := range s {
		s[i] = byte(r.Uint32())
	}
	return s
}

// oddLines are put in; oddTails take the place of what follows the last blank or
// brace of a line.
var (
	oddLines = []string{
		"", " ", "\t", "#", "# ", "# x", "#x", "# HELP a words", "# HELP a", "# TYPE a histogram", "# TYPE a summary", "# TYPE a counter", "# TYPE a bad",
		"# UNIT a_seconds seconds", "# EOF", "\x00", "a 1", " a 1", "a", "a{} 1", "a{}1", "a{x=\"1\"} 1", "a{y=\"2\",x=\"1\"} 1", "a{x=\"1\",y=\"2\"} 2", "a{x=\"1\",x=\"2\"} 1",
		"a_bucket{le=\"1\"} 1", "a_bucket{le=\"01\"} 1", "a{quantile=\"1\"} 1", "{\"a\"} 1", "{\"a.b\",\"c d\"=\"e\"} 1", "{\"\"} 1", "a{x=\"} # { \"} 3",
		"a{x=\"\\\"\\\\\\n\"} 4", "a{x=\"\n\"} 5", "a{x=\"\xff\"} 1", "a{x=\"\x00\"} 1", "a{x=\"\"} 6", "!", "a{x=\"1\"", "a \t 1 \t 2 \t", "a  1  2", "a 1 # {x=\"y\"} 1 2",
		"a{ x = \"1\" , } 1", "a{x=\"1\",} 1", "a {x=\"1\"} 7", "a\t1",
	}
	oddTails = []string{
		" 1", " -0", " 0", " +1", " 1.", " .5", " .", " -", " 1e5", " 1e+010", " 1E-3", " 1e", " 1e+", " 1e999", " 1e-999", " 1e22", " 1e23", " 123456789012345678", " 1234567890123456789",
		" 12345678901234567890", " 9007199254740993", " 9007199254740993.0", " 0.1", " 0.30000000000000004", " 17976931348623157e292", " 4.9e-324", " 2.2250738585072011e-308", " 0.000000000000000000000001",
		" NaN", " nan", " +Inf", " -Inf", " inf", " Infinity", " 0x1", " 0x1p3", " 1_0", " 1p3", " 1d", " one", "", " ", " 1 ", "  1", "\t1", " 1\t", " 1 2", " 1 2 ", " 1 -2", " 1 1.5",
		" 1 99999999999999999999", " 1 999999999999999999", " 1 2 3", " 1{", " 1 NaN", " 1 +Inf", " 1\r", " 1\x00", " 1 # {x=\"y\"} 1", " 1 # {x=\"y\",z=\"\"} 1 2.5", " 1 2 # {} 1", " 1 # {x=\"y\"}", " 1 # {x=\"\\\"\"} 1",
		" 1 # {x=\"y\",} 1", " 1 # {x=\"\xff\"} 1", " 1 # {1=\"y\"} 1", " 1 # {x=\"y\"} 1 NaN", " 1 # {x=\"y\"} one", " 1 # {x=\"y\"} 1 2 3", " 1 # {x=\"y\"  } 1", " 1 # ", " 1 #", "\v1", " 1\v",
	}
)

// mutate changes a body; i and j choose what and where.
func mutate(body []byte, op, i, j byte) []byte {
	lines := strings.SplitAfter(string(body), "\n")
	at := (int(i)<<8 | int(j)) % len(lines)
	bare := strings.TrimRight(lines[at], "\n")
	switch op % 14 {
	case 0:
		lines = slices.Delete(lines, at, at+1)
	case 1:
		lines = slices.Insert(lines, at, oddLines[int(j)%len(oddLines)]+"\n")
	case 2, 3:
		cut := strings.LastIndexAny(bare, " }")
		if cut < 0 {
			cut = len(bare)
		} else if bare[cut] == '}' {
			cut++
		}
		lines[at] = bare[:cut] + oddTails[int(j^i)%len(oddTails)] + "\n"
	case 4: // two lines change places
		other := int(j) * 7 % len(lines)
		lines[at], lines[other] = lines[other], lines[at]
	case 5: // a block is moved
		end := min(at+int(j)%9, len(lines))
		block := slices.Clone(lines[at:end])
		lines = append(slices.Delete(lines, at, end), block...)
	case 6: // truncated
		body = body[:len(body)-len(body)*int(i)/1024]
		return body
	case 7:
		return []byte(strings.ReplaceAll(strings.ReplaceAll(string(body), "\r\n", "\n"), "\n", "\r\n"))
	case 8:
		return []byte(strings.ReplaceAll(string(body), "\r\n", "\n"))
	case 9: // a byte is edited
		if len(body) > 0 {
			body = bytes.Clone(body)
			body[(int(i)<<8|int(j))%len(body)] = "0 \n\"{}#,=a\\.\x00\xff"[int(i^j)%14]
		}
		return body
	case 10: // a line comes twice
		lines = slices.Insert(lines, int(j)%len(lines), lines[at])
	case 11: // all values
		for n, line := range lines {
			if k := strings.LastIndexByte(line, ' '); k >= 0 && line[0] != '#' {
				lines[n] = fmt.Sprintf("%s %d.%d\n", line[:k], n*int(i), j)
			}
		}
	case 12:
		slices.Reverse(lines[at:min(at+20, len(lines))])
	case 13: // the end mark, a byte order mark
		if i%2 == 0 {
			return append(bytes.TrimSuffix(bytes.Clone(body), []byte("# EOF\n")), "# EOF\n"...)
		}
		return append([]byte("\ufeff"), bytes.TrimPrefix(body, []byte("\ufeff"))...)
	}
	return []byte(strings.Join(lines, ""))
}

// fuzzBodies are the bodies in testdata, chosen ones, and captures, as far as
// they are there, cut to some length.
func fuzzBodies(tb testing.TB) [][]byte {
	tb.Helper()
	bodies := [][]byte{
		[]byte(strings.Join(oddLines, "\n")),
		[]byte("# TYPE a histogram\na_bucket{le=\"1\"} 1\na_bucket{le=\"+Inf\"} 2\na_sum 3\na_count 2\n# TYPE b counter\nb_total 1 # {t=\"x\"} 1 1.5\nb_created 2\n"),
		kongBody()[:3500],
		{},
	}
	var tails strings.Builder
	for i, tail := range oddTails {
		fmt.Fprintf(&tails, "a{n=\"%d\"}%s\n", i, tail)
	}
	bodies = append(bodies, []byte(tails.String()))
	names := []string{"testdata/haproxy.prom", "testdata/redis.prom"}
	if _, err := os.Stat(captures); !errors.Is(err, fs.ErrNotExist) {
		more, err := filepath.Glob(captures + "/*/*.prom")
		if err != nil {
			tb.Fatal(err)
		}
		names = append(names, more...)
	}
	for _, name := range names {
		body, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		bodies = append(bodies, body[:min(len(body), 3500)])
	}
	return bodies
}
