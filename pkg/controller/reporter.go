package controller

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/metric"
)

const (
	// passInterval is how often the statuses are looked at.
	passInterval = time.Second
	// valueInterval is how often a status is written at most, other than for a
	// transition.
	valueInterval = 30 * time.Second
	// valueSpacing makes that longer where there are more objects than fit: the
	// API server is written to twenty times a second at most.
	valueSpacing = 50 * time.Millisecond
	// transitionBurst is how many transitions are written beyond that at once: after
	// a start or an incident they are many, and seldom.
	transitionBurst = 1000
	// writers is how many statuses are written at the same time.
	writers = 8
)

// A reporter writes statuses and events for as long as this replica leads.
type reporter struct {
	o             *Options
	log           logr.Logger
	outage        *outage
	recorder      record.EventRecorder
	configuration *atomic.Pointer[configuration]

	memories map[string]*memory // by kind/namespace/name
	// budget is how many transitions may be written now, and funded when it was
	// last added to; zero before the first pass.
	budget int
	funded time.Time
	// unread is what was last logged about objects that cannot be listed.
	unread string
}

// A memory is what the reporter remembers of an object.
type memory struct {
	uid   types.UID
	since time.Time // when it was first seen
	judgement
	// reported is when the status was last written.
	reported time.Time
	// written is the object as it was when its status was last written. The cache
	// may still have one of the versions before that, which are superseded.
	written    client.Object
	superseded []string
	// After a failure nothing is written before retryAt.
	retryAt time.Time
	backoff backoff
	failure string
}

// A subject is an object of one pass.
type subject struct {
	key    string
	object client.Object // read only
}

// A change is a status that is to be written.
type change struct {
	subject
	next       client.Object
	memory     *memory
	transition bool
	err        error // set by write
}

// run reports until ctx is done.
func (r *reporter) run(ctx context.Context) {
	ticker := r.o.Clock.NewTicker(passInterval)
	defer ticker.Stop()
	pause := backoff{shortest: passInterval, longest: 30 * time.Second}
	var due time.Time
	for {
		if !r.o.Clock.Now().Before(due) {
			if r.pass(ctx) {
				pause.reset()
			} else {
				due = r.o.Clock.Now().Add(pause.next())
			}
		}
		select {
		case <-ticker.C():
		case <-ctx.Done():
			return
		}
	}
}

// pass writes the statuses that should be other than they are. It reports
// whether the API server is there.
func (r *reporter) pass(ctx context.Context) bool {
	c := r.configuration.Load()
	if c == nil {
		return true
	}
	subjects, err := r.list(ctx)
	if err != nil {
		if err.Error() != r.unread {
			r.log.Error(err, "Statuses cannot be written")
		}
		r.unread = err.Error()
		return true
	}
	r.unread = ""
	return r.write(ctx, r.changes(c, subjects))
}

// list returns the objects of the cluster, from the cache.
func (r *reporter) list(ctx context.Context) ([]subject, error) {
	metrics, sources := &v1alpha1.GatewayMetricList{}, &v1alpha1.GatewaySourceList{}
	for _, list := range []client.ObjectList{metrics, sources} {
		if err := r.o.Cache.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
			return nil, fmt.Errorf("list the objects of the cluster: %w", err)
		}
	}
	subjects := make([]subject, 0, len(metrics.Items)+len(sources.Items))
	add := func(kind string, o client.Object) {
		if o.GetDeletionTimestamp() == nil {
			subjects = append(subjects, subject{key: kind + "/" + o.GetNamespace() + "/" + o.GetName(), object: o})
		}
	}
	for i := range metrics.Items {
		add(v1alpha1.KindGatewayMetric, &metrics.Items[i])
	}
	for i := range sources.Items {
		add(v1alpha1.KindGatewaySource, &sources.Items[i])
	}
	return subjects, nil
}

// changes returns what is to be written now, transitions first.
func (r *reporter) changes(c *configuration, subjects []subject) []*change {
	w := &view{now: r.o.Clock.Now(), entries: map[metric.Key]*metric.Entry{}, answer: r.o.Answer, source: r.o.Source, doubts: r.o.Doubts}
	for _, e := range r.o.Board.All() {
		w.entries[e.Key] = e
	}
	interval := max(valueInterval, valueSpacing*time.Duration(len(subjects)))
	memories := make(map[string]*memory, len(subjects))
	var transitions, values []*change
	for _, s := range subjects {
		mem := r.remember(s, w.now, interval)
		memories[s.key] = mem
		s.object = mem.latest(s.object)
		if w.now.Before(mem.retryAt) {
			continue
		}
		v := c.judge(s.key, s.object.GetUID(), s.object.GetGeneration(), &mem.judgement, w.now)
		next := w.next(s.object, v, w.now.Before(mem.since.Add(grace)))
		switch {
		case equalStatus(s.object, next):
		case isTransition(s.object, next):
			transitions = append(transitions, &change{subject: s, next: next, memory: mem, transition: true})
		case !w.now.Before(mem.reported.Add(interval)):
			values = append(values, &change{subject: s, next: next, memory: mem})
		}
	}
	r.memories = memories
	return append(r.affordable(transitions, w.now), values...)
}

// affordable returns the transitions that may be written now. Where more come up
// all the time than that, those of objects go first that were not written for the
// longest time; the others come up again as long as they hold.
func (r *reporter) affordable(transitions []*change, now time.Time) []*change {
	if r.funded.IsZero() {
		r.budget, r.funded = transitionBurst, now
	}
	if earned := int(now.Sub(r.funded) / valueSpacing); earned > 0 {
		r.budget, r.funded = min(r.budget+earned, transitionBurst), now
	}
	if len(transitions) > r.budget {
		slices.SortStableFunc(transitions, func(a, b *change) int { return a.memory.reported.Compare(b.memory.reported) })
		transitions = transitions[:r.budget]
	}
	r.budget -= len(transitions)
	return transitions
}

// remember returns the memory of an object. Those of objects that the leader
// before this one reported on start somewhere in the interval, each in its own
// place, so that they are not all due at once.
func (r *reporter) remember(s subject, now time.Time, interval time.Duration) *memory {
	mem := r.memories[s.key]
	if mem != nil && mem.uid == s.object.GetUID() {
		return mem
	}
	mem = &memory{uid: s.object.GetUID(), since: now, backoff: backoff{shortest: passInterval, longest: time.Minute}}
	if len(outlineOf(s.object).conditions) > 0 {
		place := fnv.New32a()
		_, _ = place.Write([]byte(s.key))
		mem.reported = now.Add(-time.Duration(place.Sum32()%uint32(interval/time.Millisecond)) * time.Millisecond)
	}
	return mem
}

// latest returns the latest version that is known of an object in the cache.
func (m *memory) latest(cached client.Object) client.Object {
	if m.written != nil && slices.Contains(m.superseded, cached.GetResourceVersion()) {
		return m.written
	}
	m.written, m.superseded = nil, nil
	return cached
}

// write writes statuses, several at a time. It stops if the API server is
// away, and reports whether it is there.
func (r *reporter) write(ctx context.Context, changes []*change) bool {
	var away atomic.Bool
	queue := make(chan *change)
	var workers sync.WaitGroup
	for range min(writers, len(changes)) {
		workers.Go(func() {
			for c := range queue {
				if away.Load() || ctx.Err() != nil {
					continue
				}
				r.writeOne(ctx, c)
				away.CompareAndSwap(false, isAway(c.err))
			}
		})
	}
	for _, c := range changes {
		queue <- c
	}
	close(queue)
	workers.Wait()
	return !away.Load()
}

// writeOne writes a status, and the events of what changed with it. It fails
// if the object changed since it was read; the next pass sees how.
func (r *reporter) writeOne(ctx context.Context, c *change) {
	limited, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	before := c.object
	next := c.next.DeepCopyObject().(client.Object) // the answer is written to it
	c.err = r.o.Client.Status().Patch(limited, next, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	mem, now := c.memory, r.o.Clock.Now()
	switch {
	case c.err == nil:
		r.outage.ends()
		mem.superseded = append(mem.superseded, before.GetResourceVersion())
		mem.written, mem.reported, mem.failure = next, now, ""
		mem.backoff.reset()
		r.announce(before, c.next)
	case ctx.Err() != nil, apierrors.IsConflict(c.err), apierrors.IsNotFound(c.err):
	case isAway(c.err):
		r.outage.begins(c.err)
	default:
		r.outage.ends()
		mem.retryAt = now.Add(mem.backoff.next())
		if text := c.err.Error(); text != mem.failure {
			mem.failure = text
			r.log.Error(c.err, "Status cannot be written", "object", c.key)
		}
	}
}
