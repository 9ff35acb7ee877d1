package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gaugeway/gaugeway/pkg/metric"
)

// Times of the Kinds.
const (
	// kindsTick is how often they look whether the board has changed.
	kindsTick = time.Second
	// kindsRetry is how often the API server is asked again, for resources that
	// it did not know and for the objects that selectors choose from.
	kindsRetry = 30 * time.Second
	// kindsTimeout is how long one answer may take.
	kindsTimeout = 10 * time.Second
	// kindsIdle is how long a namespace's objects are kept that no selector has
	// chosen from.
	kindsIdle = 10 * time.Minute
	// kindsPage is how many objects are read at a time.
	kindsPage = 500
)

// Kinds knows what kind the resources of the declared Object metrics are, and
// which objects of a namespace a selector matches. It asks the API server in
// the background, so that answering a metric does not wait for it:
//
//   - the kind of each resource of a declared Object metric, until it is known:
//     every 30 s, so that a CRD may be installed later, and when the board
//     changes;
//   - names and labels of the objects of a resource in a namespace, every 30 s,
//     but only once somebody has read a metric of theirs with a selector. The
//     stock HorizontalPodAutoscaler never does, so that gaugeway needs the right
//     to list objects only where somebody wants that.
//
// What was learnt is kept while the API server is away.
type Kinds struct {
	mapper meta.RESTMapper
	reader client.Reader
	clock  clock.WithTicker

	board atomic.Pointer[metric.Board]
	// resolved holds what is known of each declared resource. The map is
	// replaced, never changed.
	resolved atomic.Pointer[map[string]resolution]

	mu sync.Mutex
	// namespaces hold the objects that selectors choose from.
	namespaces map[objectsKey]*objects
	// wake has an element when there are objects that were never read.
	wake chan struct{}
}

// A resolution is the kind of a resource, or why it is not known.
type resolution struct {
	kind    schema.GroupVersionKind
	problem string
}

type objectsKey struct{ resource, namespace string }

// objects of a resource in a namespace.
type objects struct {
	wanted  time.Time // when a selector last chose from them
	read    bool      // whether the API server was asked
	found   []object
	problem string // why there are none
}

type object struct {
	name   string
	labels labels.Set
}

// NewKinds returns Kinds that ask a mapper, which should learn resources that
// are installed later, and read metadata of objects with a reader, which should
// ask the API server each time and not keep a cache. They are given to
// [New] and know nothing before [Kinds.Run].
func NewKinds(mapper meta.RESTMapper, reader client.Reader) *Kinds {
	return &Kinds{
		mapper:     mapper,
		reader:     reader,
		clock:      clock.RealClock{},
		namespaces: map[objectsKey]*objects{},
		wake:       make(chan struct{}, 1),
	}
}

// Run keeps the Kinds up to date until ctx is done, and returns nil.
func (k *Kinds) Run(ctx context.Context) error {
	ticker := k.clock.NewTicker(kindsTick)
	defer ticker.Stop()
	var names []metric.CustomName
	var asked time.Time
	for {
		declared, due := k.declared(), k.clock.Since(asked) >= kindsRetry
		if due || !same(names, declared) {
			k.resolve(ctx, declared)
			names = declared
		}
		if due {
			asked = k.clock.Now()
		}
		k.readObjects(ctx, due)
		select {
		case <-ctx.Done():
			return nil
		case <-k.wake:
		case <-ticker.C():
		}
	}
}

// declared returns the names of the board.
func (k *Kinds) declared() []metric.CustomName {
	board := k.board.Load()
	if board == nil {
		return nil
	}
	return board.CustomNames()
}

// resolve asks for the kinds that are not known, and lets go of those of
// resources that are no longer declared.
func (k *Kinds) resolve(ctx context.Context, declared []metric.CustomName) {
	known := map[string]resolution{}
	if old := k.resolved.Load(); old != nil {
		known = *old
	}
	next := map[string]resolution{}
	for _, name := range declared {
		if _, done := next[name.Resource]; done || name.Resource == metric.ResourcePods {
			continue
		}
		r, ok := known[name.Resource]
		if !ok || r.problem != "" {
			r = k.ask(ctx, name.Resource)
		}
		next[name.Resource] = r
	}
	k.resolved.Store(&next)
}

// ask looks a resource up, but for no longer than ctx lasts: a mapper may wait
// for an API server that does not answer.
func (k *Kinds) ask(ctx context.Context, resource string) resolution {
	answer := make(chan resolution, 1)
	go func() { answer <- k.lookUp(resource) }()
	select {
	case r := <-answer:
		return r
	case <-ctx.Done():
		return resolution{problem: ctx.Err().Error()}
	}
}

// lookUp asks the mapper for the kind of a resource.
func (k *Kinds) lookUp(resource string) resolution {
	wanted := schema.ParseGroupResource(resource)
	mapping, err := k.mapping(wanted)
	switch {
	case meta.IsNoMatchError(err):
		return resolution{problem: fmt.Sprintf("the API server knows no resource %s: install what brings it, or write it in the plural and with its group, such as httproutes.gateway.networking.k8s.io; it is looked up again every %s", resource, kindsRetry)}
	case err != nil:
		return resolution{problem: fmt.Sprintf("the API server could not be asked for resource %s: %v", resource, err)}
	case mapping.Resource.GroupResource() != wanted:
		return resolution{problem: fmt.Sprintf("the API server calls resource %s %s: write it so", resource, mapping.Resource.GroupResource())}
	case mapping.Scope.Name() != meta.RESTScopeNameNamespace:
		return resolution{problem: fmt.Sprintf("resource %s is not namespaced, and a metric can only be one of its own namespace's objects: serve it as external", resource)}
	}
	return resolution{kind: mapping.GroupVersionKind}
}

func (k *Kinds) mapping(resource schema.GroupResource) (*meta.RESTMapping, error) {
	kind, err := k.mapper.KindFor(resource.WithVersion(""))
	if err != nil {
		return nil, err
	}
	return k.mapper.RESTMapping(kind.GroupKind(), kind.Version)
}

// kind returns the kind of a declared resource, or why it is not known.
func (k *Kinds) kind(resource string) (kind schema.GroupVersionKind, problem string) {
	if resolved := k.resolved.Load(); resolved != nil {
		if r, ok := (*resolved)[resource]; ok {
			return r.kind, r.problem
		}
	}
	return kind, fmt.Sprintf("the API server has not been asked for resource %s yet: try again in a few seconds", resource)
}

// objects returns the names of a resource's objects in a namespace whose labels
// the selector matches, or why they are not known. The first time they are not;
// they are read from then on.
func (k *Kinds) objects(resource, namespace string, selector labels.Selector) (names []string, problem string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := objectsKey{resource, namespace}
	o := k.namespaces[key]
	if o == nil {
		o = new(objects)
		k.namespaces[key] = o
		select {
		case k.wake <- struct{}{}:
		default:
		}
	}
	o.wanted = k.clock.Now()
	switch {
	case !o.read:
		return nil, fmt.Sprintf("the %s of namespace %s are being read, because a selector chooses from them: try again in a few seconds", resource, namespace)
	case o.problem != "":
		return nil, o.problem
	}
	for _, object := range o.found {
		if selector.Matches(object.labels) {
			names = append(names, object.name)
		}
	}
	return names, ""
}

// readObjects reads the objects that selectors choose from: all, or those that
// were never read. It lets go of those that nobody wants any more.
func (k *Kinds) readObjects(ctx context.Context, all bool) {
	for _, key := range k.unread(all) {
		kind, problem := k.kind(key.resource)
		var found []object
		var err error
		if problem == "" {
			found, err = k.list(ctx, kind, key.namespace)
		}
		k.mu.Lock()
		if o := k.namespaces[key]; o != nil {
			o.take(found, key, problem, err)
		}
		k.mu.Unlock()
	}
}

// unread returns what is to be read, sorted.
func (k *Kinds) unread(all bool) []objectsKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	var unread []objectsKey
	for key, o := range k.namespaces {
		switch {
		case k.clock.Since(o.wanted) > kindsIdle:
			delete(k.namespaces, key)
		case all || !o.read:
			unread = append(unread, key)
		}
	}
	slices.SortFunc(unread, func(a, b objectsKey) int {
		return slices.Compare([]string{a.resource, a.namespace}, []string{b.resource, b.namespace})
	})
	return unread
}

// take takes in what the API server said. Objects that were read once stay
// while it says nothing.
func (o *objects) take(found []object, key objectsKey, problem string, err error) {
	known := o.read && o.problem == ""
	switch {
	case problem != "":
		o.found, o.problem = nil, problem
	case apierrors.IsForbidden(err):
		o.found, o.problem = nil, forbidden(key, err)
	case err != nil && !known:
		o.problem = fmt.Sprintf("the %s of namespace %s could not be read: %v", key.resource, key.namespace, err)
	case err == nil:
		o.found, o.problem = found, ""
	}
	o.read = true
}

// forbidden says which right is missing.
func forbidden(key objectsKey, err error) string {
	resource := schema.ParseGroupResource(key.resource)
	return fmt.Sprintf("gaugeway may not list the %s of namespace %s, from which the selector chooses: grant it with a Role there (apiGroups: [%q], resources: [%q], verbs: [list]) and a RoleBinding to its service account, or read the metric by the object's name: %v",
		key.resource, key.namespace, resource.Group, resource.Resource, err)
}

// list reads names and labels of the objects of a kind in a namespace.
func (k *Kinds) list(ctx context.Context, kind schema.GroupVersionKind, namespace string) ([]object, error) {
	if k.reader == nil {
		return nil, errors.New("there is no client to read them with")
	}
	ctx, cancel := context.WithTimeout(ctx, kindsTimeout)
	defer cancel()
	kind.Kind += "List"
	var found []object
	for next := ""; ; {
		var page metav1.PartialObjectMetadataList
		page.SetGroupVersionKind(kind)
		if err := k.reader.List(ctx, &page, client.InNamespace(namespace), client.Limit(kindsPage), client.Continue(next)); err != nil {
			return nil, err
		}
		for i := range page.Items {
			found = append(found, object{name: page.Items[i].Name, labels: page.Items[i].Labels})
		}
		if next = page.Continue; next == "" {
			return found, nil
		}
	}
}
