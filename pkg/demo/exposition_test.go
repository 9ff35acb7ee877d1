package demo

import (
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file under testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: run the test with -update", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestExpositionGolden(t *testing.T) {
	t.Parallel()
	m := NewModel(testTraffic(), testCapacity())
	m.Add("kong-1", 0)
	m.Add("kong-2", 0)
	m.Advance(10 * time.Second)
	golden(t, "exposition.prom", string(m.AppendExposition(nil, "kong-1")))

	if got := m.AppendExposition(nil, "kong-3"); got != nil {
		t.Errorf("a pod that there is not answers %q", got)
	}
}

// samples parses an exposition with Prometheus's own parser.
func samples(t testing.TB, exposition []byte) map[string]float64 {
	t.Helper()
	p, err := textparse.New(exposition, "text/plain", labels.NewSymbolTable(), textparse.ParserOptions{})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for {
		entry, err := p.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, exposition)
		}
		if entry == textparse.EntrySeries {
			var lset labels.Labels
			_, _, v := p.Series()
			p.Labels(&lset)
			if _, twice := out[lset.String()]; twice {
				t.Errorf("%s occurs twice", lset)
			}
			out[lset.String()] = v
		}
	}
}

// At all times: whole numbers, counters that never fall, buckets that never
// fall towards higher bounds, none below the floor, and +Inf equal to count.
func TestExpositionIsWellFormed(t *testing.T) {
	t.Parallel()
	m := NewModel(testTraffic(), testCapacity())
	m.Add("a", 0)
	m.Add("b", 300*time.Millisecond)
	before := map[string]float64{}
	for at := time.Duration(0); at < 20*time.Second; at += 170 * time.Millisecond {
		m.Advance(at)
		text := m.AppendExposition(nil, "b")
		now := samples(t, text)
		for series, v := range now {
			if v != float64(int64(v)) || v < 0 {
				t.Fatalf("%s is %v", series, v)
			}
			gauge := strings.Contains(series, "connections")
			if !gauge && v < before[series] {
				t.Fatalf("%s fell from %v to %v", series, before[series], v)
			}
		}
		before = now
		last, key := 0.0, ""
		for line := range strings.Lines(string(text)) {
			name, rest, _ := strings.Cut(line, "{")
			if !strings.HasSuffix(name, "_bucket") {
				continue
			}
			if strings.Contains(rest, `le="25"`) && name == "kong_request_latency_ms_bucket" {
				t.Fatalf("a bucket below the smallest observation: %s", line)
			}
			v := samples(t, []byte(line))
			for _, n := range v {
				if k := name + rest[:strings.Index(rest, `,le=`)]; k != key {
					last, key = 0, k
				}
				if n < last {
					t.Fatalf("%s holds fewer than the bucket before it, %v", line, last)
				}
				last = n
			}
		}
	}
}
