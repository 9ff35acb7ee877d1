package metric

import (
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// State says how a Result came about.
type State string

// The states of a metric. Fresh, Partial, Held, Idle and Substituted carry
// items; Missing and Warming carry a reason instead.
const (
	// StateFresh: computed from the samples of all expected targets.
	StateFresh State = "Fresh"
	// StatePartial: computed while some expected targets were silent.
	StatePartial State = "Partial"
	// StateIdle: a percentile without observations; the last value, or 0 after idle.after.
	StateIdle State = "Idle"
	// StateHeld: no data, and missing.policy Hold repeats the last value.
	StateHeld State = "Held"
	// StateSubstituted: no data, and missing.policy Value gives the number.
	StateSubstituted State = "Substituted"
	// StateWarming: a window is not yet filled after the start.
	StateWarming State = "Warming"
	// StateMissing: no answer; Reason says why.
	StateMissing State = "Missing"
)

// States lists every State, in the order of the documentation.
var States = []State{StateFresh, StatePartial, StateIdle, StateHeld, StateSubstituted, StateWarming, StateMissing}

// An Item is one element of a result.
type Item struct {
	Labels labels.Labels // without __name__
	Value  float64       // finite; what the expression gave, not scaled
}

// A Result is what a metric answers from one evaluation to the next. It is
// immutable once published.
type Result struct {
	State State
	// Reason says in words why the state is not Fresh; empty when it is.
	Reason string
	Items  []Item
	// Scale makes up for silent targets: External and Object items of a Total are
	// multiplied by it. It is at least 1; 0 stands for 1.
	Scale float64
	// PodScale is the same for Pods items. It is 1 where an item comes from the
	// pod itself, which nothing stands in for, and Scale where other targets saw
	// the pod (pod_of).
	PodScale float64
	// Undefined says in words which elements were NaN or infinite and are left
	// out of Items; empty for none. External has no answer then, because the
	// autoscaler adds its items up; Pods and Object go without those elements.
	Undefined string
	// Time is the oldest newest-sample among the contributing series, in
	// milliseconds; 0 where there are no items.
	Time int64
	// Window is the longest range that was read, in milliseconds; 0 for none.
	Window int64
	// Covered of Expected targets had a sample within two intervals.
	Covered, Expected int
	// Evaluated is when the evaluation ran, in milliseconds.
	Evaluated int64
}

// Coverage returns the share of the expected targets that answer, 0 to 1; it
// is 0 where none is expected.
func (r *Result) Coverage() float64 {
	if r.Expected == 0 {
		return 0
	}
	return float64(r.Covered) / float64(r.Expected)
}

// A Key names a metric object.
type Key struct{ Namespace, Name string }

// String returns namespace/name.
func (k Key) String() string { return k.Namespace + "/" + k.Name }

// An Entry is one declared metric on the Board.
type Entry struct {
	Key Key
	// External is the name in external.metrics.k8s.io; empty if it has none.
	External string
	// Pods is the name in custom.metrics.k8s.io for pods; empty if it has none.
	Pods string
	// Object is the name in custom.metrics.k8s.io for objects of a resource; its
	// zero value if it has none.
	Object ObjectName
	// MaxAge is how old Result.Time may be when the answer is read.
	MaxAge time.Duration

	latest atomic.Pointer[Result]
}

// An ObjectName is how a metric is served for objects of a resource.
type ObjectName struct {
	// Name of the metric.
	Name string
	// Resource in the plural, with its group: services, httproutes.gateway.networking.k8s.io.
	Resource string
	// Label that holds the object's name.
	Label string
}

// ResourcePods is the resource of a metric of pods.
const ResourcePods = "pods"

// Latest returns the last published result; nil before the first.
func (e *Entry) Latest() *Result { return e.latest.Load() }

// Publish makes r the answer.
func (e *Entry) Publish(r *Result) { e.latest.Store(r) }

// A Board holds the declared metrics and their latest results. Reading it
// takes no lock. The zero Board is empty and ready to use.
type Board struct {
	entries atomic.Pointer[boardIndex]
}

type boardIndex struct {
	all      []*Entry // by key
	external map[Key]*Entry
	names    []string // external names, sorted, each once
	custom   map[customKey]*Entry
	// resources are what custom metrics there are, sorted, each once.
	resources []CustomName
}

type customKey struct {
	namespace string
	CustomName
}

// A CustomName is a metric of a resource in custom.metrics.k8s.io.
type CustomName struct{ Resource, Name string }

// Set replaces the declared metrics. Entries that stay keep their results: the
// caller passes the same pointers again. Of two entries with one name in a
// namespace and API (and, for custom metrics, resource) the first wins.
func (b *Board) Set(entries []*Entry) {
	idx := &boardIndex{all: slices.Clone(entries), external: map[Key]*Entry{}, custom: map[customKey]*Entry{}}
	names := map[string]bool{}
	for _, e := range idx.all {
		if e.Pods != "" {
			idx.addCustom(e, CustomName{Resource: ResourcePods, Name: e.Pods})
		}
		if e.Object.Name != "" {
			idx.addCustom(e, CustomName{Resource: e.Object.Resource, Name: e.Object.Name})
		}
		if e.External == "" {
			continue
		}
		k := Key{Namespace: e.Key.Namespace, Name: e.External}
		if _, taken := idx.external[k]; !taken {
			idx.external[k] = e
		}
		names[e.External] = true
	}
	idx.names = slices.Sorted(maps.Keys(names))
	slices.SortFunc(idx.all, func(a, b *Entry) int {
		return cmpStrings(a.Key.Namespace, b.Key.Namespace, a.Key.Name, b.Key.Name)
	})
	b.entries.Store(idx)
}

func (idx *boardIndex) addCustom(e *Entry, name CustomName) {
	k := customKey{namespace: e.Key.Namespace, CustomName: name}
	if _, taken := idx.custom[k]; !taken {
		idx.custom[k] = e
	}
	i, known := slices.BinarySearchFunc(idx.resources, name, func(a, b CustomName) int {
		return cmpStrings(a.Resource, b.Resource, a.Name, b.Name)
	})
	if !known {
		idx.resources = slices.Insert(idx.resources, i, name)
	}
}

func cmpStrings(pairs ...string) int {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i] < pairs[i+1] {
			return -1
		}
		if pairs[i] > pairs[i+1] {
			return 1
		}
	}
	return 0
}

// All returns the declared metrics by namespace and name. Read only.
func (b *Board) All() []*Entry {
	if idx := b.entries.Load(); idx != nil {
		return idx.all
	}
	return nil
}

// External returns the metric of a namespace by its external name, or nil.
func (b *Board) External(namespace, name string) *Entry {
	if idx := b.entries.Load(); idx != nil {
		return idx.external[Key{Namespace: namespace, Name: name}]
	}
	return nil
}

// ExternalNames returns the declared external names, sorted, each once. Read only.
func (b *Board) ExternalNames() []string {
	if idx := b.entries.Load(); idx != nil {
		return idx.names
	}
	return nil
}

// Custom returns the metric of a namespace by its resource and name, or nil.
func (b *Board) Custom(namespace string, name CustomName) *Entry {
	if idx := b.entries.Load(); idx != nil {
		return idx.custom[customKey{namespace: namespace, CustomName: name}]
	}
	return nil
}

// CustomNames returns the declared custom metrics, sorted, each once. Read only.
func (b *Board) CustomNames() []CustomName {
	if idx := b.entries.Load(); idx != nil {
		return idx.resources
	}
	return nil
}
