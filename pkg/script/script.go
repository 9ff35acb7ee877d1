// Package script compiles and runs the expressions that metrics are made of:
// PromQL's words in Lua's grammar, in a sandbox.
//
// Compile reads a program, checks it without running it, and knows then which
// series it wants and how far back. Run evaluates it over a Data of samples.
// It is a deterministic function of the samples, the program's own history and
// the time of evaluation: there is no randomness, no clock and no state that
// outlives a run.
//
// A program is not trusted. What runs is not its text but what the checked tree
// of it prints as, in an environment that holds only what it names, under
// budgets for steps, time, depth and memory; see Limits. The Lua interpreter
// github.com/Shopify/go-lua is unmaintained, so its known defects are kept out
// of reach: the operators `..` and `%`, varargs and functions in functions are
// refused, and no function of its libraries is used.
//
// # Numbers, vectors and nil
//
// What has labels is a vector. Aggregations without by or without, scalar and
// the shorthands without by give a number, or nil where there is no data. nil
// absorbs arithmetic and compares false, so that an expression over no data is
// no data. Times are in milliseconds at this package's interface and in seconds
// inside programs, as in PromQL.
package script

import (
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// Data gives the series that a selector matches, in label order, with all rows
// kept. The same selector pointer may be asked for in every run.
type Data interface {
	Select(sel *metric.Selector) []metric.Series
}

// CountedData is a Data that tells how much a selector matches before it gives
// it, because a program that shares what others have computed needs no more.
type CountedData interface {
	Data
	// Count returns how many series Select would give and how many rows they have
	// in all, and does what Select does besides.
	Count(sel *metric.Selector) (series, rows int)
	// Series gives what was counted last.
	Series(sel *metric.Selector) []metric.Series
}

// GroupedData is a CountedData that knows how its series are grouped, so that
// whoever aggregates them needs no labels.
type GroupedData interface {
	CountedData
	// Bare gives what Series gives, without labels.
	Bare(sel *metric.Selector) []metric.Series
	// Distinct reports whether no two of the series have the same labels, or would
	// without the metric's name, type and unit.
	Distinct(sel *metric.Selector) bool
	// Labels returns the labels of some of the series.
	Labels(sel *metric.Selector, of []int32) []labels.Labels
	// Groups returns the group of each of the series, and the labels of each group:
	// those of the names that a series has or, without them, all others but the
	// metric's name. There may be groups without series.
	Groups(sel *metric.Selector, without bool, names []string) (of []int32, groups []labels.Labels)
}

// Env is what a run depends on.
type Env struct {
	// Now is the time of evaluation, in milliseconds.
	Now int64
	// Lookback is how old a sample may be that an instant reads, in milliseconds.
	Lookback int64
	// Data holds the scraped series.
	Data Data
	// History holds what metrics returned before, under the names of the metric
	// objects. It may be nil where Program.History is empty.
	History Data
	// PodOf returns the name of the pod that has an address, host or host:port;
	// nil knows none. pod_of calls it.
	PodOf func(address string) (pod string, ok bool)
	// Namespace is where PodOf's pods are: pod_of sets the label namespace to it,
	// and removes that label where it is empty.
	Namespace string
	// Memo shares what programs compute of the same Data at the same time; nil
	// shares nothing. No result depends on it.
	Memo *Memo
}

// Limits are the budgets of a program, each of one evaluation but SourceBytes
// and StringBytes of constants, which hold when it is compiled. A field that is
// 0 takes its default.
type Limits struct {
	// Steps of the interpreter, and of library functions in proportion to their
	// work. Default 100,000. Flag --lua-max-steps.
	Steps int
	// WallTime is a backstop for what steps do not measure. It should be long: a
	// throttled container may pause for 100 ms. Default 1 s. Flag --lua-max-time.
	WallTime time.Duration
	// Depth of calls. Default 100. Flag --lua-max-depth.
	Depth int
	// Memory that vectors and strings made by library functions take, in bytes,
	// garbage included. Default 64 MiB. Flag --lua-max-memory.
	Memory int
	// TableEntries that are stored in tables. Default 2000. Flag --lua-max-table-entries.
	TableEntries int
	// Items of the result. Default 10,000. Flag --lua-max-items.
	Items int
	// StringBytes is the length of any string. Default 4096. Flag --lua-max-string-bytes.
	StringBytes int
	// SourceBytes is the length of a program. Default 8192. Flag --lua-max-source-bytes.
	SourceBytes int
}

// DefaultLimits returns the defaults of all fields.
func DefaultLimits() Limits {
	return Limits{
		Steps:        100_000,
		WallTime:     time.Second,
		Depth:        100,
		Memory:       64 << 20,
		TableEntries: 2000,
		Items:        10_000,
		StringBytes:  4096,
		SourceBytes:  8192,
	}
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	return Limits{
		Steps:        orDefault(l.Steps, d.Steps),
		WallTime:     orDefault(l.WallTime, d.WallTime),
		Depth:        orDefault(l.Depth, d.Depth),
		Memory:       orDefault(l.Memory, d.Memory),
		TableEntries: orDefault(l.TableEntries, d.TableEntries),
		Items:        orDefault(l.Items, d.Items),
		StringBytes:  orDefault(l.StringBytes, d.StringBytes),
		SourceBytes:  orDefault(l.SourceBytes, d.SourceBytes),
	}
}

func orDefault[T int | time.Duration](v, d T) T {
	if v <= 0 {
		return d
	}
	return v
}

// Options of Compile.
type Options struct {
	// Name of the metric object, under which Env.History holds what `self` reads.
	Name string
	// Limits of the program; zero fields take their defaults.
	Limits Limits
	// Clock measures Limits.WallTime; nil means the system's. No result depends
	// on it.
	Clock func() time.Time
	// Modules are those whose functions the program may use, by their names.
	Modules map[string]*Module
	// Gateway names the module that `gateway` is in the program; "" for none.
	Gateway string
}

// A Kind of result.
type Kind int

// The kinds of results.
const (
	// None: no data; and of Program.ResultKind: nothing but nil is returned.
	None Kind = iota
	// Number: one item without labels.
	Number
	// Vector: any number of items.
	Vector
	// Unknown is a ResultKind that depends on the run.
	Unknown
)

// String returns the kind's name.
func (k Kind) String() string {
	switch k {
	case None:
		return "none"
	case Number:
		return "number"
	case Vector:
		return "vector"
	}
	return "unknown"
}

// A Value is what a run returned.
type Value struct {
	// Kind is None, Number or Vector.
	Kind Kind
	// Items are in label order, without the metric name. Values may be NaN and
	// infinite: what that means is the caller's to decide. Empty for None, one
	// item for Number, and possibly empty for Vector.
	Items []metric.Item
	// Idle holds the groups for which a percentile shorthand saw series but no
	// observation, so that it gave no value; each once, in label order. Those are
	// left out that another shorthand knows to have requests in flight. A
	// shorthand without by has one group, without labels.
	Idle []labels.Labels
	// Window is the longest range that was read, in milliseconds; 0 for none.
	Window int64
}

// A HistoryWant is what a program reads of earlier results.
type HistoryWant struct {
	// Metric is the name of a metric object in the same namespace, "" for the
	// program's own.
	Metric string
	// Range is how far back, in milliseconds, offset included; 0 where the program
	// reads the latest result only.
	Range int64
}

// A Program is a compiled expression. It is not for concurrent use.
type Program struct {
	name      string
	limits    Limits
	clock     func() time.Time
	first     int    // line of the first statement
	source    string // what the interpreter runs, printed from the checked tree
	constants []constant
	schedules []namedSchedule
	builtins  []*builtin // in use
	closures  bool       // there are functions in it
	usesNow   bool
	mapsPods  bool

	wants     []want
	full      int64
	warnings  Errors
	result    Kind
	quantiles bool
	blind     []Percentile
	uses      []Use
	whole     string // the use that is the whole program; "" where it is more

	straight bool         // see Share
	places   int          // of the stack, that a straight program can use
	shared   *Interpreter // nil where the program runs alone
	chunk    *chunk       // nil before the first run and after a run that spoilt its machine
	// dynamic are selectors that runs made, by key, kept so that their addresses last.
	dynamic map[string]*selector
}

// A constant is a value that the program names and that is known when it compiles.
type constant struct {
	name  string
	value any
}

// A namedSchedule is a call of within: true or false during a run.
type namedSchedule struct {
	name     string
	schedule schedule
}

// Wants returns the selectors of the scraped series that the program may read,
// each once, by name. Ranges and offsets are constants; matchers that are not
// constant are left out, so that a selector may want more than a run reads. A
// percentile shorthand wants the three shapes in which its name may be scraped.
func (p *Program) Wants() []metric.Selector {
	var out []metric.Selector
	for _, w := range p.wants {
		if !w.sel.history {
			out = append(out, w.sel.Selector)
		}
	}
	return out
}

// Position returns where the program first reads a selector that Wants
// returned; zeroes for others.
func (p *Program) Position(sel *metric.Selector) (line, column int) {
	s := selector{Selector: *sel}
	for _, w := range p.wants {
		if !w.sel.history && w.sel.wantKey() == s.wantKey() {
			return w.pos.Line, w.pos.Column
		}
	}
	return 0, 0
}

// History returns which metrics' earlier results the program reads, by name,
// each with its longest range.
func (p *Program) History() []HistoryWant {
	var out []HistoryWant
	for _, w := range p.wants {
		if !w.sel.history {
			continue
		}
		h := HistoryWant{Metric: w.sel.Name, Range: w.sel.Range + w.sel.Offset}
		if w.sel.own {
			h.Metric = ""
		}
		if n := len(out); n > 0 && out[n-1].Metric == h.Metric {
			out[n-1].Range = max(out[n-1].Range, h.Range)
			continue
		}
		out = append(out, h)
	}
	return out
}

// Remembers reports whether the program reads what metrics returned before, and
// where it first does: replicas that started at different times may then differ,
// and a restart forgets.
func (p *Program) Remembers() (line, column int, ok bool) {
	for _, w := range p.wants {
		if w.sel.history && (!ok || w.pos.Line < line || w.pos.Line == line && w.pos.Column < column) {
			line, column, ok = w.pos.Line, w.pos.Column, true
		}
	}
	return line, column, ok
}

// MapsPods reports whether the program calls pod_of: what it says of a pod then
// comes from other targets, and depends on Env.PodOf.
func (p *Program) MapsPods() bool { return p.mapsPods }

// MayIdle reports whether the program takes percentiles, so that Value.Idle may
// hold groups.
func (p *Program) MayIdle() bool {
	return slices.ContainsFunc(p.builtins, func(b *builtin) bool { return b.q > 0 })
}

// FullWindow returns the longest range and offset, in milliseconds, of the
// functions whose result is too low until the window is filled: rate, increase,
// delta, resets, changes, sum_over_time, count_over_time and absent_over_time.
// It is 0 where the program calls none of them; the shorthands are not among
// them.
func (p *Program) FullWindow() int64 { return p.full }

// Warnings returns what is allowed but likely a mistake, by position.
func (p *Program) Warnings() []*Error { return p.warnings }

// ResultKind returns what Run gives when there is data, as far as is known
// without running.
func (p *Program) ResultKind() Kind { return p.result }

// A Percentile is a call of p50, p90, p95 or p99, and where it is.
type Percentile struct {
	Name         string
	Line, Column int
}

// BlindPercentiles returns the percentiles of the program, each once, that are not
// told what is in flight: {inflight = v}. Those within functions of modules are not
// among them.
func (p *Program) BlindPercentiles() []Percentile { return p.blind }

// Quantiles reports whether the result is made of percentiles, which must not
// be added up: a vector of them is no answer where items are summed.
func (p *Program) Quantiles() bool { return p.quantiles }
