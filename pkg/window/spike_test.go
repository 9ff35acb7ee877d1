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
	shows   exhibit
	calm    int64 // since when nothing happens
}

// An exhibit is what each pod of a site shows, and what is asked of it.
type exhibit struct {
	wants  metric.Selector
	series []string
	// shares are how fast the series rise, as shares of what is steady.
	shares []float64
	// group is how many of them have one fate.
	group int
	check func(s *site, window promath.Range)
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

func newSite(t *testing.T, rnd *rand.Rand, shows exhibit) *site {
	s := &site{t: t, rnd: rnd, w: New(5 * second), shows: shows}
	n := len(shows.series)
	s.want()
	for id := range 3 {
		p := &sitePod{Target: endpoint(fmt.Sprint(id)), created: make([]int64, n), shown: make([]bool, n), hidden: make([]int64, n)}
		s.restart(p)
		s.pods = append(s.pods, p)
	}
	s.list()
	return s
}

// want changes the wants, of which what is shown is always one; parsers ask anew.
func (s *site) want() {
	s.w.SetWants([]metric.Selector{s.shows.wants, {Name: "y", Range: int64(s.rnd.IntN(120)) * second}})
	s.layouts = &exposition.Layouts{}
	for _, p := range s.pods {
		p.parser = nil
	}
}

// restart lets all counters of a pod begin again, some soon, others late.
func (s *site) restart(p *sitePod) {
	for i := range p.created {
		if i%s.shows.group > 0 {
			p.created[i] = p.created[i-1]
			continue
		}
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
			switch {
			case i%s.shows.group > 0:
				p.hidden[i] = p.hidden[i-1]
			case s.rnd.IntN(some) == 0:
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
	for i, created := range p.created {
		if created <= at && (p.hidden[i] <= at || !p.shown[i]) {
			p.shown[i] = true
			fmt.Fprintf(&body, "%s %g\n", s.shows.series[i], s.shows.shares[i]*steady*float64(at-created)/1000)
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

// check asks what is asked of the site.
func (s *site) check() {
	s.t.Helper()
	v := NewView(Covered, Part{Window: s.w})
	at := s.now + second
	v.Begin(at)
	defer v.End()
	s.shows.check(s, promath.Range{Series: v.Select(&s.shows.wants), Start: at - spikeRange, End: at, Now: at})
}

// isCalm reports whether everything has been calm for so long that all is known.
func (s *site) isCalm() bool { return s.now-s.calm > 400*second }

// run lets happen what does, by a number.
func run(t *testing.T, seed uint64, shows exhibit) {
	s := newSite(t, rand.New(rand.NewPCG(seed, 2)), shows)
	for range 3 {
		for range 150 {
			s.step(false)
		}
		for range 100 {
			s.step(true)
		}
	}
}

// counters are a dozen of them.
func counters() exhibit {
	x := exhibit{wants: metric.Selector{Name: "x_total", Range: spikeRange}, group: 1, check: checkRates}
	for route := range 12 {
		x.series, x.shares = append(x.series, fmt.Sprintf("x_total{route=\"%d\"}", route)), append(x.shares, 1)
	}
	return x
}

// checkRates looks for rates that are higher than they can be, and for lower ones
// where all is calm.
func checkRates(s *site, window promath.Range) {
	s.t.Helper()
	for _, group := range []promath.Grouping{{}, {Labels: []string{"instance"}}} {
		rates, err := promath.CoveredRate(window, group)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, r := range rates {
			if r.F > steady*1.001 || r.F < 0 || math.IsNaN(r.F) {
				s.t.Fatalf("at %d s: %s rises by %g a second, more than it can", s.now/second, r.Labels, r.F)
			}
			if s.isCalm() && r.F < steady*0.999 {
				s.t.Fatalf("at %d s: %s rises by %g a second, less than it does", s.now/second, r.Labels, r.F)
			}
		}
		if want := len(s.pods) * len(s.shows.series); s.isCalm() && len(rates) != want {
			s.t.Fatalf("at %d s: %d rates, want %d", s.now/second, len(rates), want)
		}
	}
}

// histograms are three, whose observations are always spread alike.
func histograms() exhibit {
	x := exhibit{wants: metric.Selector{Name: "x_bucket", Range: spikeRange}, group: 4, check: checkQuantiles}
	for route := range 3 {
		for i, le := range []string{"1", "2", "4", "+Inf"} {
			x.series = append(x.series, fmt.Sprintf("x_bucket{le=%q,route=\"%d\"}", le, route))
			x.shares = append(x.shares, []float64{0.5, 0.7, 0.9, 1}[i])
		}
	}
	return x
}

// checkQuantiles looks for quantiles that are not what they always are.
func checkQuantiles(s *site, window promath.Range) {
	s.t.Helper()
	each := promath.Grouping{Without: true, Labels: []string{labels.BucketLabel}}
	rates, err := promath.BucketIncreases(window, each).Rate(each)
	if err != nil {
		s.t.Fatal(err)
	}
	quantiles, err := promath.HistogramQuantile(0.8, rates)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, q := range quantiles {
		if math.Abs(q.F-3) > 0.001 {
			s.t.Fatalf("at %d s: the quantile of %s is %g, want 3", s.now/second, q.Labels, q.F)
		}
	}
	if want := len(s.pods) * 3; s.isCalm() && len(quantiles) != want {
		s.t.Fatalf("at %d s: %d quantiles, want %d", s.now/second, len(quantiles), want)
	}
}

// TestNothingMakesARateOfWhatIsNotThere: no counter is ever taken to rise faster
// than it does, and no quantile is another than it always is, whatever happens
// between gateways and us; and when all is calm, everything is right.
func TestNothingMakesARateOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	for name, shows := range map[string]exhibit{"counters": counters(), "histograms": histograms()} {
		for seed := range uint64(6) {
			t.Run(fmt.Sprint(name, seed), func(t *testing.T) {
				t.Parallel()
				run(t, seed, shows)
			})
		}
	}
}
