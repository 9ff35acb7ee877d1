package convert_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/gaugeway/gaugeway/pkg/convert"
	"github.com/gaugeway/gaugeway/pkg/metric"
)

// Storages and queries of TestDifferential: 100,000 cases.
const (
	differentialStorages = 1000
	differentialQueries  = 100
)

var firstSeed = flag.Int64("seed", 1, "seed of the first storage of TestDifferential")

// TestDifferential evaluates random expressions over random series in
// Prometheus's engine and, translated, in gaugeway's Lua. The results must be
// equal to the last bit.
func TestDifferential(t *testing.T) {
	t.Parallel()
	if raceDetector {
		t.Skip("it has nothing to do with concurrency and takes too long under the race detector")
	}
	storages := differentialStorages
	if testing.Short() {
		storages /= 10
	}
	o := newOracle(t)
	var (
		workers  sync.WaitGroup
		next     atomic.Int64
		total    differentialCount
		failures atomic.Int64
	)
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for n := next.Add(1) - 1; n < int64(storages) && failures.Load() < maxFailures; n = next.Add(1) - 1 {
				failures.Add(int64(differ(t, o, uint64(*firstSeed+n), differentialQueries, &total)))
			}
		})
	}
	workers.Wait()
	t.Logf("%d results were equal, %d times both failed, %d were empty, %d could not be translated",
		total.equal.Load(), total.failed.Load(), total.empty.Load(), total.unsupported.Load())
	if total.empty.Load() > total.equal.Load() || total.failed.Load() > total.equal.Load() {
		t.Errorf("too few queries have results to say much")
	}
}

// maxFailures is how many mismatches are reported before giving up.
const maxFailures = 10

// FuzzDifferential does the same without end.
func FuzzDifferential(f *testing.F) {
	for seed := range uint64(10) {
		f.Add(seed + 1_000_000)
	}
	o := newOracle(f)
	f.Fuzz(func(t *testing.T, seed uint64) {
		var total differentialCount
		differ(t, o, seed, 20, &total)
	})
}

type differentialCount struct{ equal, failed, empty, unsupported atomic.Int64 }

// differ compares the engines on so many queries over the storage of a seed.
func differ(t *testing.T, o *oracle, seed uint64, queries int, total *differentialCount) (failures int) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 0))
	data := randomSeries(r)
	g := grammar{r}
	for range queries {
		expr := g.query(1 + r.IntN(4))
		at := int64(start) + 20_000 + r.Int64N(400_000)
		result, err := o.compareAgain(data, expr, at)
		if err == nil {
			total.count(result)
			continue
		}
		failures++
		data, expr := o.shrink(data, expr, at)
		if _, shrunk := o.compareAgain(data, expr, at); shrunk != nil {
			err = shrunk
		}
		t.Errorf("seed %d, time %d: %v\n  series, at milliseconds:\n%s", seed, at-start, err, listSeries(data))
	}
	return failures
}

func (c *differentialCount) count(o outcome) {
	switch o {
	case bothFailed:
		c.failed.Add(1)
	case bothEmpty:
		c.empty.Add(1)
	case notTranslated:
		c.unsupported.Add(1)
	default:
		c.equal.Add(1)
	}
}

// compareAgain compares. Prometheus's engine leaves the order of classic
// histograms to chance, and with it the last bit of sums over their quantiles:
// it is asked again where it differs.
func (o *oracle) compareAgain(data seriesSet, expr string, at int64) (outcome, error) {
	const times = 20
	var (
		result outcome
		err    error
	)
	for range times {
		result, err = o.compare(data, expr, at)
		var m *mismatch
		if !errors.As(err, &m) {
			break
		}
	}
	var u *convert.Unsupported
	if errors.As(err, &u) && (u.Refused == nil || isMistake(u.Reason)) {
		return notTranslated, nil
	}
	if err != nil && result == notTranslated {
		err = fmt.Errorf("%s: %w", expr, err)
	}
	return result, err
}

// isMistake reports whether script refuses an expression for a mistake that
// PromQL allows, and that the grammar makes.
func isMistake(reason string) bool {
	for _, what := range [...]string{"a quantile is between 0 and 1", "the label le of the buckets is lost"} {
		if strings.Contains(reason, what) {
			return true
		}
	}
	return false
}

// shrink looks for a part of the expression and of the series on which the
// engines still differ.
func (o *oracle) shrink(data seriesSet, expr string, at int64) (seriesSet, string) {
	fails := func(data seriesSet, expr string) bool {
		_, err := o.compareAgain(data, expr, at)
		return err != nil
	}
	p := newParser()
	for {
		part := failingPart(p, expr, func(e string) bool { return fails(data, e) })
		if part == "" {
			break
		}
		expr = part
	}
	for i := 0; i < len(data); {
		without := append(append(seriesSet{}, data[:i]...), data[i+1:]...)
		if fails(without, expr) {
			data = without
		} else {
			i++
		}
	}
	for i := range data {
		for row := 0; row < len(data[i].T); {
			fewer := append(seriesSet{}, data...)
			fewer[i] = withoutRow(data[i], row)
			if fails(fewer, expr) {
				data = fewer
			} else {
				row++
			}
		}
	}
	return data, expr
}

// failingPart returns an operand or argument of an expression that fails as
// the expression does; "" where there is none.
func failingPart(p parser.Parser, expr string, fails func(string) bool) string {
	tree, err := p.ParseExpr(expr)
	if err != nil {
		return ""
	}
	for child := range parser.ChildrenIter(tree) {
		e, ok := child.(parser.Expr)
		if ok && (e.Type() == parser.ValueTypeVector || e.Type() == parser.ValueTypeScalar) && e.String() != expr && fails(e.String()) {
			return e.String()
		}
	}
	return ""
}

func withoutRow(s metric.Series, row int) metric.Series {
	out := metric.Series{Labels: s.Labels}
	for i := range s.T {
		if i == row {
			continue
		}
		if s.H != nil {
			appendRow(&out, s.T[i], s.F[i], s.H[i])
		} else {
			appendRow(&out, s.T[i], s.F[i], nil)
		}
	}
	return out
}

// An outcome of a comparison without a mismatch.
type outcome int

const (
	bothEqual outcome = iota
	bothEmpty
	bothFailed
	notTranslated
)

var _ fmt.Stringer = outcome(0)

func (o outcome) String() string {
	return [...]string{"equal", "empty", "failed", "not translated"}[o]
}
