package config

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
)

// retryAfter is the time between two attempts to follow a kind of object that
// the API server does not know or that cannot be asked for.
const retryAfter = 5 * time.Second

// A Cluster follows the GatewaySources and GatewayMetrics of a cluster. All
// fields but Check, Presets, Again and Logger are required.
//
// The objects are followed as the API server stores them and decoded here, one by
// one, as strictly as files: an object that cannot be decoded costs itself alone.
// While the API server is away, what was read last goes on.
type Cluster struct {
	// Cache of the cluster's objects. The caller starts it.
	Cache cache.Cache
	// Check examines metrics, as Merge takes it. It is called again for a metric
	// only when the metric or one of its sources has changed.
	Check Check
	// Presets know the gateways that sources name; nil for none.
	Presets Presets
	// Again tells that what Presets and Check know has changed, so that all objects
	// are decoded and checked again; nil for never.
	Again <-chan struct{}
	// AllowStatic lets sources list URLs.
	AllowStatic bool
	// OnChange is called with each new configuration, one call at a time. It is
	// not called when only a status or metadata have changed.
	OnChange func(*Snapshot, []Finding)
	// Quiet is how long the objects must have rested before they are taken, so
	// that half of what kubectl applies is not. Objects that never rest are taken
	// after ten times as long.
	Quiet time.Duration
	// Clock tells the time.
	Clock clock.WithTicker
	// Logger is told why objects cannot be followed.
	Logger logr.Logger
}

// Run waits until all objects have been read, calls OnChange at once and then
// after each change, and returns nil when the context is done. As long as the API
// server does not know the kinds it tries again.
//
// The snapshot's objects are copies that belong to it. Their metadata are name,
// namespace, UID, generation, creation time, labels and annotations; their status
// is left out. An object whose last good version is in use has the generation of
// that version, or 0 where it was read from status.lastGoodSpec.
func (c *Cluster) Run(ctx context.Context) error {
	f := &follower{
		decoder: decoder{allowStatic: c.AllowStatic, presets: c.Presets},
		check:   memo{check: c.Check},
		objects: map[string]*clusterObject{},
		changed: make(chan struct{}, 1),
	}
	for _, kind := range []string{v1alpha1.KindGatewaySource, v1alpha1.KindGatewayMetric} {
		registration := c.follow(ctx, kind, f)
		if registration == nil {
			return nil
		}
		select {
		case <-registration.HasSyncedChecker().Done():
		case <-ctx.Done():
			return nil
		}
	}
	c.OnChange(f.first())

	timer := c.Clock.NewTimer(time.Hour)
	timer.Stop() // until something changes
	defer timer.Stop()
	rest := debounce{quiet: c.Quiet}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.changed:
			timer.Reset(rest.wait(c.Clock.Now()))
		case <-c.Again:
			f.again()
		case <-timer.C():
			rest = debounce{quiet: c.Quiet}
			if snapshot, findings, changed := f.next(); changed {
				c.OnChange(snapshot, findings)
			}
		}
	}
}

// follow has changes of a kind told to f. It returns nil when the context is done.
func (c *Cluster) follow(ctx context.Context, kind string, f *follower) toolscache.ResourceEventHandlerRegistration {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	said := ""
	for {
		registration, err := c.register(ctx, object, f)
		if err == nil {
			return registration
		}
		if ctx.Err() != nil {
			return nil
		}
		if meta.IsNoMatchError(err) {
			err = fmt.Errorf("apply the CustomResourceDefinitions of manifests/base/crds: %w", err)
		}
		if err.Error() != said {
			said = err.Error()
			c.Logger.Error(err, "objects of the cluster cannot be followed, trying again", "kind", kind)
		}
		timer := c.Clock.NewTimer(retryAfter)
		select {
		case <-timer.C():
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
}

func (c *Cluster) register(ctx context.Context, object *unstructured.Unstructured, f *follower) (toolscache.ResourceEventHandlerRegistration, error) {
	informer, err := c.Cache.GetInformer(ctx, object, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, err
	}
	return informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    f.put,
		UpdateFunc: func(_, object any) { f.put(object) },
		DeleteFunc: f.remove,
	})
}
