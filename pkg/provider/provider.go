// Package provider answers the metrics APIs from a metric.Board.
//
// It is the only implementer of the provider interfaces of
// sigs.k8s.io/custom-metrics-apiserver. Reading does no I/O, runs no
// expression and takes no lock: it looks at the last published result, holds
// its age against maxAge, and hands out items that were converted when the
// result was first read. What it needs to know of the cluster (which pods a
// selector matches, what kind a resource is) is kept in memory by others, the
// [Kinds] among them.
package provider

import (
	"sync/atomic"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/provider"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

var _ provider.MetricsProvider = (*Provider)(nil)

// Options of a Provider.
type Options struct {
	// Board holds the metrics. Required.
	Board *metric.Board
	// Clock tells how old a result is when it is read; nil is the real one.
	Clock clock.PassiveClock
	// Pods returns the names of the pods of a namespace whose labels a selector
	// matches, from memory. nil where there is no cluster: metrics of pods can
	// then be read by name and all at once, but not by a selector.
	Pods func(namespace string, selector labels.Selector) ([]string, error)
	// Kinds knows the kinds of resources and the objects of a namespace. nil
	// where there is no cluster: metrics of objects can then be read by name and
	// all at once, and the answers leave the object's kind out.
	Kinds *Kinds
}

// A Provider serves the metrics of a Board.
type Provider struct {
	board *metric.Board
	clock clock.PassiveClock
	pods  func(namespace string, selector labels.Selector) ([]string, error)
	kinds *Kinds
	slots atomic.Pointer[slots]
}

// New returns a Provider of the board's metrics. The Kinds follow the board
// from then on; running them is the caller's part.
func New(o Options) *Provider {
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	if o.Kinds != nil {
		o.Kinds.board.Store(o.Board)
	}
	return &Provider{board: o.Board, clock: o.Clock, pods: o.Pods, kinds: o.Kinds}
}

// kind returns the kind of a resource, or why it is not known. Without a
// cluster it is empty.
func (p *Provider) kind(resource string) (kind schema.GroupVersionKind, problem string) {
	if p.kinds == nil {
		return schema.GroupVersionKind{}, ""
	}
	return p.kinds.kind(resource)
}
