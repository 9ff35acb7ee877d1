package exposition

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

func parseText(t *testing.T, p *Parser, body string) metric.Batch {
	t.Helper()
	batch, stats, err := p.Parse([]byte(body), promText, 0)
	if err != nil {
		t.Fatal(err)
	}
	checkBatch(t, batch, stats)
	return batch
}

// TestLayoutIsSharedByTargetsOfTheSameLines: also after all of them changed alike.
func TestLayoutIsSharedByTargetsOfTheSameLines(t *testing.T) {
	t.Parallel()
	shared := &Layouts{}
	a, b := NewParser(Options{Layouts: shared}), NewParser(Options{Layouts: shared})
	for _, lines := range []string{"a{x=\"1\"} 1\nb 2\n", "a{x=\"1\"} 1\nnew 3\nb 2\n", "b 2\nnew 3\n"} {
		for i := range 2 {
			first, second := parseText(t, a, lines), parseText(t, b, lines)
			if a.layout != b.layout {
				t.Errorf("%q: not shared after %d scrapes", lines, i+1)
			}
			if first.Table == second.Table {
				t.Errorf("%q: one table for two targets", lines)
			}
		}
	}
}

// TestLayoutOfAnotherHistoryIsSharedInTime: two targets that came to the same
// lines in different ways number them alike at last, by one new table.
func TestLayoutOfAnotherHistoryIsSharedInTime(t *testing.T) {
	t.Parallel()
	shared := &Layouts{}
	a, b := NewParser(Options{Layouts: shared}), NewParser(Options{Layouts: shared})
	parseText(t, a, "a 1\n")
	parseText(t, b, "b 1\n")
	const both = "a 1\nb 2\n"
	tables := map[*metric.Table]bool{}
	for range 2 * staleScrapes {
		parseText(t, a, both)
		batch := parseText(t, b, both)
		tables[batch.Table] = true
		if got := values(batch)[`{__name__="b"}`]; got != 2 {
			t.Errorf("b is %v", got)
		}
	}
	if a.layout != b.layout || len(tables) != 2 {
		t.Errorf("shared: %v, %d tables", a.layout == b.layout, len(tables))
	}
}

// TestTargetsThatDifferDoNotTouchEachOther runs many of them at once.
func TestTargetsThatDifferDoNotTouchEachOther(t *testing.T) {
	t.Parallel()
	shared := &Layouts{}
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			p := NewParser(Options{Layouts: shared})
			for scrape := range 60 {
				var b strings.Builder
				want := map[string]float64{}
				for i := range 50 {
					name := fmt.Sprintf("a%d", i)
					if i%7 == scrape/5%7 {
						name = fmt.Sprintf("of_%d_%d_%d", n, i, scrape/10)
					}
					fmt.Fprintf(&b, "%s %d\n", name, n*scrape+i)
					want[`{__name__="`+name+`"}`] = float64(n*scrape + i)
				}
				batch, _, err := p.Parse([]byte(b.String()), promText, 0)
				if err != nil {
					t.Error(err)
					return
				}
				for series, v := range values(batch) {
					if want[series] != v {
						t.Errorf("target %d: %s is %v, want %v", n, series, v, want[series])
					}
				}
				if len(batch.IDs) != len(want) {
					t.Errorf("target %d: %d samples, want %d", n, len(batch.IDs), len(want))
				}
			}
		})
	}
	wg.Wait()
}

// TestLayoutsKeepNothingAlive: what no parser uses is gone.
func TestLayoutsKeepNothingAlive(t *testing.T) {
	shared := &Layouts{}
	p := NewParser(Options{Layouts: shared})
	parseText(t, p, "a 1\n")
	if n := len(shared.all()); n != 1 {
		t.Errorf("%d layouts, want 1", n)
	}
	runtime.KeepAlive(p)
	runtime.GC()
	if n := len(shared.all()); n != 0 {
		t.Errorf("%d layouts, want none", n)
	}
}
