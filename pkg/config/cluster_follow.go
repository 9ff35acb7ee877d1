package config

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
)

// A follower has the cluster's objects as they are now, and makes snapshots.
type follower struct {
	decoder decoder
	check   memo
	changed chan struct{} // holds a token when an object has changed

	mutex   sync.Mutex
	objects map[string]*clusterObject // by Object
	started bool                      // the first snapshot has been made

	last *Snapshot // nil before the first; used by one goroutine
}

// put takes in an object that an informer shows. The informer owns it.
func (f *follower) put(shown any) {
	u, ok := shown.(*unstructured.Unstructured)
	if !ok {
		return
	}
	key := objectName(u.GetKind(), u.GetNamespace(), u.GetName())
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if o := f.objects[key]; o != nil && o.uid == u.GetUID() && o.generation == u.GetGeneration() {
		o.shown = u
		return // only the status or metadata differ
	}
	f.decode(key, u)
	f.signal()
}

// decode takes in an object. The caller holds f.mutex.
func (f *follower) decode(key string, u *unstructured.Unstructured) {
	o := f.decoder.object(u)
	if f.started {
		o.lastGood = nil // memory knows better
	}
	f.objects[key] = o
}

// again decodes and checks all objects again, as what they may name has changed.
func (f *follower) again() {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for key, o := range f.objects {
		f.decode(key, o.shown)
	}
	f.check.found = nil
	f.last.fingerprint = fingerprint{}
	f.signal()
}

// remove takes out an object that is gone.
func (f *follower) remove(shown any) {
	if gone, ok := shown.(toolscache.DeletedFinalStateUnknown); ok {
		shown = gone.Obj
	}
	u, ok := shown.(*unstructured.Unstructured)
	if !ok {
		return
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	delete(f.objects, objectName(u.GetKind(), u.GetNamespace(), u.GetName()))
	f.signal()
}

func (f *follower) signal() {
	select {
	case f.changed <- struct{}{}:
	default:
	}
}

// first makes the first snapshot. The last good versions are those that the
// objects' statuses hold.
func (f *follower) first() (*Snapshot, []Finding) {
	objects := f.read(func(o *clusterObject) (*Source, *Metric, []Finding) {
		source, metric := o.lastGoodVersion(f.decoder)
		return cmp.Or(o.source, source), metric, nil
	})
	f.last, _ = Merge(nil, objects, f.check.run)
	f.mutex.Lock()
	f.started = true
	for _, o := range f.objects {
		o.lastGood = nil
	}
	f.mutex.Unlock()
	f.last.fingerprint = fingerprint{}
	snapshot, findings, _ := f.next()
	return snapshot, findings
}

// next makes a snapshot of the objects as they are now, unless none has changed.
func (f *follower) next() (snapshot *Snapshot, findings []Finding, changed bool) {
	objects := f.read(func(o *clusterObject) (*Source, *Metric, []Finding) { return o.source, o.metric, o.findings })
	if objects.fingerprint == f.last.fingerprint {
		return nil, nil, false
	}
	snapshot, findings = Merge(f.surviving(), objects, f.check.run)
	f.check.forget(objects.Metrics)
	f.last = snapshot
	return snapshot, findings, true
}

// surviving returns the last snapshot without objects of which another of the
// same name has taken the place: its last good version is not theirs.
func (f *follower) surviving() *Snapshot {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	same := func(object string, uid types.UID) bool {
		o := f.objects[object]
		return o != nil && o.uid == uid
	}
	s := &Snapshot{}
	for _, source := range f.last.Sources {
		if same(source.Object(), source.UID) {
			s.Sources = append(s.Sources, source)
		}
	}
	for _, metric := range f.last.Metrics {
		if same(metric.Object(), metric.UID) {
			s.Metrics = append(s.Metrics, metric)
		}
	}
	return s
}

// read returns what is chosen of each object, the oldest first.
func (f *follower) read(choose func(*clusterObject) (*Source, *Metric, []Finding)) *Objects {
	f.mutex.Lock()
	byAge := make([]*clusterObject, 0, len(f.objects))
	for _, o := range f.objects {
		byAge = append(byAge, o)
	}
	f.mutex.Unlock()
	slices.SortFunc(byAge, compareAge)

	objects := &Objects{byAge: []string{}}
	hash := sha256.New()
	for _, o := range byAge {
		fmt.Fprintf(hash, "%q %q %d\n", o.name, o.uid, o.generation)
		source, metric, findings := choose(o)
		if source != nil {
			objects.Sources = append(objects.Sources, source)
		}
		if metric != nil {
			objects.Metrics = append(objects.Metrics, metric)
		}
		if o.kind == v1alpha1.KindGatewayMetric {
			objects.byAge = append(objects.byAge, o.name)
		}
		objects.Findings = append(objects.Findings, findings...)
	}
	hash.Sum(objects.fingerprint[:0])
	return objects
}

// compareAge orders by creation, and objects of the same second by name.
func compareAge(a, b *clusterObject) int {
	return cmp.Or(a.meta.CreationTimestamp.Compare(b.meta.CreationTimestamp.Time), strings.Compare(a.name, b.name))
}

// A memo is a Check that remembers what it found of a metric and its sources,
// which are told apart by their addresses: an object that changes is a new one.
type memo struct {
	check Check
	found map[*Metric]checked
}

type checked struct {
	sources  []*Source
	findings []Finding
}

func (m *memo) run(metric *Metric, sources []*Source) []Finding {
	if m.check == nil {
		return nil
	}
	if c, known := m.found[metric]; known && slices.Equal(c.sources, sources) {
		return c.findings
	}
	if m.found == nil {
		m.found = map[*Metric]checked{}
	}
	c := checked{sources: sources, findings: m.check(metric, sources)}
	m.found[metric] = c
	return c.findings
}

// forget drops what was found of other metrics than these.
func (m *memo) forget(metrics []*Metric) {
	now := make(map[*Metric]bool, len(metrics))
	for _, metric := range metrics {
		now[metric] = true
	}
	maps.DeleteFunc(m.found, func(metric *Metric, _ checked) bool { return !now[metric] })
}
