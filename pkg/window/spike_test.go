package window

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/exposition"
	"github.com/gaugeway/gaugeway/pkg/metric"
	"github.com/gaugeway/gaugeway/pkg/promath"
)

const (
	steady     = 10.0 // requests per second of each counter
	spikeRange = 60 * second
)

// A site is a fleet whose counters all rise as fast, from their first request on,
// and whatever else happens to them: they are not shown for a while, the process
// restarts, the pod is replaced or not listed for a while, a scrape fails, the wants
// change.
type site struct {
	t       *testing.T
	rnd     *rand.Rand
	w       *Window
	now     int64
	layouts *exposition.Layouts
	pods    []*sitePod
	selects metric.Selector
	calm    int64 // since when nothing happens
}

type sitePod struct {
	metric.Target
	parser  *exposition.Parser
	life    int
	created []int64 // ms of the first request of each counter
	// shown are those that were scraped: only they may be hidden, as nobody could
	// know of another that it did not begin when it is first seen.
	shown   []bool
	hidden  []int64 // ms until which it is not shown
	scraped int64   // ms of the last scrape
	away    int64   // ms until which the pod is not listed, less than rows are kept
}

func newSite(t *testing.T, rnd *rand.Rand) *site {
	s := &site{t: t, rnd: rnd, w: New(5 * second), selects: metric.Selector{Name: "x_total", Range: spikeRange}}
	s.want()
	for n := range 3 {
		p := &sitePod{Target: endpoint(fmt.Sprint(n)), created: make([]int64, 12), shown: make([]bool, 12), hidden: make([]int64, 12)}
		s.restart(p)
		s.pods = append(s.pods, p)
	}
	s.list()
	return s
}

// want changes the wants, of which x is always one; parsers ask anew.
func (s *site) want() {
	s.w.SetWants([]metric.Selector{s.selects, {Name: "y", Range: int64(s.rnd.IntN(120)) * second}})
	s.layouts = &exposition.Layouts{}
	for _, p := range s.pods {
		p.parser = nil
	}
}

// restart lets all counters of a pod begin again, some soon, others late.
func (s *site) restart(p *sitePod) {
	for i := range p.created {
		p.created[i] = s.now + 1 + s.rnd.Int64N(20*second)
		if s.rnd.IntN(3) == 0 {
			p.created[i] += s.rnd.Int64N(200 * second)
		}
	}
}

// replace lets another pod take the place of one: at the same address, or not.
func (s *site) replace(p *sitePod) {
	p.life++
	p.ID = fmt.Sprintf("%s+%d", p.Labels.Get("instance"), p.life)
	if s.rnd.IntN(2) == 0 {
		p.Labels = labels.FromStrings("instance", p.ID)
	}
	p.parser = nil
	clear(p.shown)
	s.restart(p)
}

func (s *site) list() {
	var targets []metric.Target
	for _, p := range s.pods {
		if p.away <= s.now {
			targets = append(targets, p.Target)
		}
	}
	s.w.SetTargets(targets, s.now)
}

func (s *site) allListed() bool {
	return !slices.ContainsFunc(s.pods, func(p *sitePod) bool { return p.away > s.now })
}

// happen lets something happen, and reports whether all rows are gone by that.
func (s *site) happen() (cleared bool) {
	p := s.pods[s.rnd.IntN(len(s.pods))]
	switch s.rnd.IntN(14) {
	case 0:
		s.want()
	case 1:
		s.restart(p)
	case 2:
		s.replace(p)
	case 3:
		if s.rnd.IntN(4) == 0 && s.allListed() { // one that has no rows and departs is forgotten
			s.w.Clear()
			return true
		}
	case 4:
		if p.scraped > p.away {
			p.away = s.now + s.rnd.Int64N(spikeRange)
		}
	case 5:
		s.w.Depart(p.ID, s.now)
	case 6, 7, 8: // some are not shown for a while, or most of all
		some := 1 + s.rnd.IntN(4)
		until := s.now + s.rnd.Int64N(300*second)
		for i := range p.hidden {
			if s.rnd.IntN(some) == 0 {
				p.hidden[i] = until
			}
		}
	}
	return false
}

func (s *site) scrape(p *sitePod) {
	if p.parser == nil {
		p.parser = exposition.NewParser(exposition.Options{Want: s.w.Wanted, Layouts: s.layouts})
	}
	at := s.now + s.rnd.Int64N(200)
	var body strings.Builder
	body.WriteString("# TYPE x_total counter\n")
	for i, created := range p.created {
		if created <= at && (p.hidden[i] <= at || !p.shown[i]) {
			p.shown[i] = true
			fmt.Fprintf(&body, "x_total{route=\"%d\"} %g\n", i, steady*float64(at-created)/1000)
		}
	}
	p.scraped = at
	batch, _, err := p.parser.Parse([]byte(body.String()), "text/plain", at)
	if err == nil {
		err = s.w.Append(p.ID, batch)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// step is a tick. In calm times nothing happens, and no scrape fails.
func (s *site) step(calm bool) {
	s.now += 5 * second
	fails := false
	if !calm {
		fails = !s.happen()
		s.calm = s.now
	}
	s.list()
	for _, p := range s.pods {
		if p.away <= s.now && (!fails || s.rnd.IntN(6) > 0) {
			s.scrape(p)
		}
	}
	s.check()
}

// check looks for rates that are higher than they can be, and for lower ones where
// everything has been calm for long.
func (s *site) check() {
	s.t.Helper()
	v := NewView(Covered, Part{Window: s.w})
	at := s.now + second
	v.Begin(at)
	defer v.End()
	for _, group := range []promath.Grouping{{}, {Labels: []string{"instance"}}} {
		rates, err := promath.CoveredRate(promath.Range{Series: v.Select(&s.selects), Start: at - spikeRange, End: at, Now: at}, group)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, r := range rates {
			if r.F > steady*1.001 || r.F < 0 || math.IsNaN(r.F) {
				s.t.Fatalf("at %d s: %s rises by %g a second, more than it can", s.now/second, r.Labels, r.F)
			}
		}
		if s.now-s.calm > 400*second {
			for _, r := range rates {
				if math.Abs(r.F-steady) > 0.001*steady {
					s.t.Fatalf("at %d s: %s rises by %g a second", s.now/second, r.Labels, r.F)
				}
			}
			if want := len(s.pods) * len(s.pods[0].created); len(rates) != want {
				s.t.Fatalf("at %d s: %d rates, want %d", s.now/second, len(rates), want)
			}
		}
	}
}

// TestNothingMakesARateOfWhatIsNotThere: no counter is ever taken to rise faster
// than it does, whatever happens between gateways and us; and when all is calm, each
// rate is right.
func TestNothingMakesARateOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s := newSite(t, rand.New(rand.NewPCG(seed, 2)))
			for range 3 {
				for range 150 {
					s.step(false)
				}
				for range 100 {
					s.step(true)
				}
			}
		})
	}
}
