package config

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache/informertest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllertest"
	"sigs.k8s.io/yaml"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
)

// clusterObjectOf returns an object as an informer shows it. It is as old as age
// seconds say: 1 is older than 2. Its UID is its name and age.
func clusterObjectOf(kind, name string, generation int64, age int, spec string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{}}
	u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	u.SetNamespace("shop")
	u.SetName(name)
	u.SetUID(types.UID(fmt.Sprintf("%s-%d", name, age)))
	u.SetGeneration(generation)
	u.SetCreationTimestamp(metav1.Unix(int64(age), 0))
	var fields map[string]any
	if err := yaml.Unmarshal([]byte(spec), &fields); err != nil {
		panic(err)
	}
	u.Object["spec"] = fields
	return u
}

func sourceObject(name string, generation int64, spec string) *unstructured.Unstructured {
	return clusterObjectOf(v1alpha1.KindGatewaySource, name, generation, 1, spec)
}

func kong(generation int64) *unstructured.Unstructured {
	return sourceObject("kong", generation, "pods: {selector: {matchLabels: {app: kong}}, port: status}")
}

// metricObject returns a metric of the source kong with the same name in external.
func metricObject(name string, generation int64, age int, served, lua string) *unstructured.Unstructured {
	return clusterObjectOf(v1alpha1.KindGatewayMetric, name, generation, age,
		"{sources: [{name: kong}], lua: "+lua+", type: Total, external: {name: "+served+"}}")
}

// lastGood gives an object another one's spec as the last good one.
func lastGood(u, good *unstructured.Unstructured) *unstructured.Unstructured {
	u.Object["status"] = map[string]any{"lastGoodSpec": good.Object["spec"], "observedGeneration": int64(1)}
	return u
}

// clusterSummary names what is in a snapshot: of sources the generation, of
// metrics the names, the Lua and the generation.
func clusterSummary(s *Snapshot) string {
	var lines []string
	for _, source := range s.Sources {
		lines = append(lines, fmt.Sprintf("%s @%d", source.Name, source.Generation))
	}
	for _, m := range s.Metrics {
		var names []string
		for _, name := range servedNames(m) {
			names = append(names, name.resource+"/"+name.name)
		}
		slices.Sort(names)
		lines = append(lines, fmt.Sprintf("%s %s %s @%d", m.Name, strings.Join(names, ","), m.Spec.Lua, m.Generation))
	}
	return strings.Join(lines, "\n")
}

// reasons returns one finding a line with its reason.
func reasons(findings []Finding) string {
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&b, "[%s] %s\n", f.Reason, f)
	}
	return b.String()
}

// A rig runs a Cluster over informers that a test drives, in a bubble of time.
type rig struct {
	t         *testing.T
	cache     *informertest.FakeInformers
	informers map[string]*controllertest.FakeInformer
	shown     map[string]*unstructured.Unstructured
	cluster   *Cluster
	changes   []change
	snapshots []*Snapshot
	logged    []string
	checked   int
	stop      func()
}

const quiet = 250 * time.Millisecond

// newRig returns a rig that is not started. Only show and run it in a bubble.
func newRig(t *testing.T) *rig {
	r := &rig{
		t: t, cache: &informertest.FakeInformers{Scheme: runtime.NewScheme()},
		informers: map[string]*controllertest.FakeInformer{}, shown: map[string]*unstructured.Unstructured{},
	}
	r.cache.InformersByGVK = map[schema.GroupVersionKind]toolscache.SharedIndexInformer{}
	for _, kind := range []string{v1alpha1.KindGatewaySource, v1alpha1.KindGatewayMetric} {
		informer := controllertest.NewFakeInformer()
		r.cache.InformersByGVK[v1alpha1.GroupVersion.WithKind(kind)] = informer
		r.informers[kind] = informer
	}
	r.cluster = &Cluster{
		Cache: r.cache, Quiet: quiet, Clock: clock.RealClock{},
		Check: func(m *Metric, sources []*Source) []Finding {
			r.checked++
			return refuseBad(m, sources)
		},
		OnChange: func(s *Snapshot, findings []Finding) {
			r.changes = append(r.changes, change{clusterSummary(s), reasons(findings)})
			r.snapshots = append(r.snapshots, s)
		},
		Logger: funcr.New(func(_, args string) { r.logged = append(r.logged, args) }, funcr.Options{}),
	}
	return r
}

// start runs the cluster and shows it the first objects.
func (r *rig) start(objects ...*unstructured.Unstructured) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- r.cluster.Run(ctx) }()
	r.stop = func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Errorf("Run: %v", err)
		}
	}
	synctest.Wait()
	for _, kind := range []string{v1alpha1.KindGatewaySource, v1alpha1.KindGatewayMetric} {
		if len(r.changes) > 0 {
			r.t.Error("called before all objects were read")
		}
		for _, u := range objects {
			if u.GetKind() == kind {
				r.show(u)
			}
		}
		r.informers[kind].Synced()
		synctest.Wait()
	}
}

// show lets the informer show an object, new or changed.
func (r *rig) show(u *unstructured.Unstructured) {
	key := objectName(u.GetKind(), u.GetNamespace(), u.GetName())
	if old := r.shown[key]; old != nil {
		r.informers[u.GetKind()].Update(old, u)
	} else {
		r.informers[u.GetKind()].Add(u)
	}
	r.shown[key] = u
}

func (r *rig) remove(u *unstructured.Unstructured) {
	r.informers[u.GetKind()].Delete(u)
	delete(r.shown, objectName(u.GetKind(), u.GetNamespace(), u.GetName()))
}

// settle lets the objects rest.
func (r *rig) settle() {
	time.Sleep(quiet)
	synctest.Wait()
}

// expect compares the last call of OnChange, after calls of them.
func (r *rig) expect(calls int, want change) {
	r.t.Helper()
	if len(r.changes) != calls {
		r.t.Fatalf("%d calls of OnChange, want %d", len(r.changes), calls)
	}
	if diff := cmp.Diff(want, r.changes[calls-1], cmp.AllowUnexported(change{})); diff != "" {
		r.t.Errorf("-want +got:\n%s", diff)
	}
}

func bubble(t *testing.T, f func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		f(t, r)
		if r.stop != nil {
			r.stop()
		}
	})
}

func TestClusterFollows(t *testing.T) {
	t.Parallel()
	bubble(t, func(_ *testing.T, r *rig) {
		r.start(kong(1), metricObject("load", 1, 1, "load_name", "v1"))
		r.expect(1, change{"kong @1\nload /load_name v1 @1", ""})

		r.show(metricObject("load", 2, 1, "load_name", "v2"))
		r.settle()
		r.expect(2, change{"kong @1\nload /load_name v2 @2", ""})

		// A broken version: the last good one goes on. The finding says why.
		r.show(metricObject("load", 3, 1, "load_name", "bad"))
		r.settle()
		broken := "[CompileError] GatewayMetric/shop/load: spec.lua: does not compile; write it better (the last good version stays in use)\n"
		r.expect(3, change{"kong @1\nload /load_name v2 @2", broken})

		// Another change does not lose it.
		r.show(metricObject("more", 1, 2, "more_name", "v1"))
		r.settle()
		r.expect(4, change{"kong @1\nload /load_name v2 @2\nmore /more_name v1 @1", broken})

		// An object that is deleted is gone, in whatever version.
		r.remove(metricObject("load", 3, 1, "load_name", "bad"))
		r.settle()
		r.expect(5, change{"kong @1\nmore /more_name v1 @1", ""})
		r.remove(kong(1))
		r.settle()
		r.expect(6, change{"", "[SourceNotFound] GatewayMetric/shop/more: spec.sources[0]: source shop/kong does not exist; define it, there is no GatewaySource that namespace shop may use\n"})
	})
}

// TestClusterRests: changes that come together are taken together, and those
// that never end are taken all the same.
func TestClusterRests(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, r *rig) {
		r.start()
		r.expect(1, change{"", ""})
		r.show(metricObject("load", 1, 1, "load_name", "v1"))
		time.Sleep(quiet / 2)
		r.show(kong(1))
		r.settle()
		r.expect(2, change{"kong @1\nload /load_name v1 @1", ""})

		for i := range 40 { // ten seconds
			r.show(kong(int64(i + 2)))
			time.Sleep(quiet / 2)
		}
		synctest.Wait()
		if n := len(r.changes); n < 3 || n > 6 {
			t.Errorf("%d calls of OnChange during ten times the rest", n)
		}
	})
}

// TestClusterStatusOnly: neither a status nor metadata are a change of the
// configuration, and nor is what has been undone.
func TestClusterStatusOnly(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, r *rig) {
		r.start(kong(1), metricObject("load", 1, 1, "load_name", "v1"))
		for i := range 3 {
			m := metricObject("load", 1, 1, "load_name", "v1")
			m.Object["status"] = map[string]any{"value": fmt.Sprint(i)}
			m.SetLabels(map[string]string{"changed": fmt.Sprint(i)})
			r.show(m)
			r.settle()
		}
		r.show(metricObject("more", 1, 1, "more_name", "v1"))
		r.remove(metricObject("more", 1, 1, "more_name", "v1"))
		r.settle()
		r.expect(1, change{"kong @1\nload /load_name v1 @1", ""})
		if r.checked != 1 {
			t.Errorf("checked %d times", r.checked)
		}
		// A metric is checked again if its source has changed, and only then.
		r.show(metricObject("more", 1, 1, "more_name", "v1"))
		r.settle()
		if r.checked != 2 {
			t.Errorf("checked %d times, and one metric is new", r.checked)
		}
		r.show(kong(2))
		r.settle()
		if r.checked != 4 {
			t.Errorf("checked %d times, and the source of both metrics has changed", r.checked)
		}
	})
}

// TestClusterOldestWins: of two metrics with one name the oldest has it, also
// while it is broken.
func TestClusterOldestWins(t *testing.T) {
	t.Parallel()
	const taken = `[NameConflict] GatewayMetric/shop/young: spec.external.name: "name" is already the name of GatewayMetric/shop/zebra, which is older; choose another name or remove one of the two metrics` + "\n"
	bubble(t, func(_ *testing.T, r *rig) {
		old, young := metricObject("zebra", 1, 1, "name", "old"), metricObject("young", 1, 2, "name", "young")
		r.start(kong(1), young, old)
		r.expect(1, change{"kong @1\nzebra /name old @1", taken})

		// A mistake in the old one does not hand its name over.
		r.show(metricObject("zebra", 2, 1, "name", "bad"))
		r.settle()
		r.expect(2, change{"kong @1\nzebra /name old @1", taken +
			"[CompileError] GatewayMetric/shop/zebra: spec.lua: does not compile; write it better (the last good version stays in use)\n"})
		r.show(clusterObjectOf(v1alpha1.KindGatewayMetric, "zebra", 3, 1, "lua: x"))
		r.settle()
		if got := r.changes[2].summary; got != "kong @1\nzebra /name old @1" {
			t.Errorf("got %s", got)
		}
		// Without it the younger one has the name at once.
		r.remove(old)
		r.settle()
		r.expect(4, change{"kong @1\nyoung /name young @1", ""})
		// One that comes back is the youngest now, and its last good version is gone.
		again := metricObject("zebra", 1, 3, "name", "bad")
		r.show(again)
		r.settle()
		r.expect(5, change{"kong @1\nyoung /name young @1",
			`[NameConflict] GatewayMetric/shop/zebra: spec.external.name: "name" is already the name of GatewayMetric/shop/young, which is older; choose another name or remove one of the two metrics` + "\n" +
				"[CompileError] GatewayMetric/shop/zebra: spec.lua: does not compile; write it better\n"})
	})
	// Names in custom.metrics.k8s.io are taken for each resource.
	bubble(t, func(_ *testing.T, r *rig) {
		custom := func(name string, age int, served string) *unstructured.Unstructured {
			return clusterObjectOf(v1alpha1.KindGatewayMetric, name, 1, age, "{sources: [{name: kong}], lua: x, type: Total, "+served+"}")
		}
		r.start(kong(1),
			custom("a", 1, "external: {name: rps}, pods: {name: rps}"),
			custom("b", 2, "object: {name: rps, resource: services, label: service}"),
			custom("c", 3, "object: {name: rps, resource: ingresses.networking.k8s.io, label: ingress}"),
			custom("d", 4, "pods: {name: rps}, external: {name: other}"),
			custom("e", 4, "object: {name: rps, resource: services, label: svc}"))
		r.expect(1, change{"kong @1\na /rps,pods/rps x @1\nb services/rps x @1\nc ingresses.networking.k8s.io/rps x @1",
			`[NameConflict] GatewayMetric/shop/d: spec.pods.name: "rps" is already the name of GatewayMetric/shop/a, which is older; choose another name or remove one of the two metrics` + "\n" +
				`[NameConflict] GatewayMetric/shop/e: spec.object.name: "rps" is already the name of GatewayMetric/shop/b, which is older; choose another name or remove one of the two metrics` + "\n"})
	})
}

// TestClusterReplaced: an object of another UID does not inherit what its
// namesake's last good version was.
func TestClusterReplaced(t *testing.T) {
	t.Parallel()
	bubble(t, func(_ *testing.T, r *rig) {
		r.start(kong(1), metricObject("load", 1, 1, "load_name", "v1"))
		r.show(metricObject("load", 1, 2, "load_name", "bad")) // seen as an update, as after a gap
		r.settle()
		r.expect(2, change{"kong @1", "[CompileError] GatewayMetric/shop/load: spec.lua: does not compile; write it better\n"})
	})
}

// TestClusterLastGoodSpec: after a restart the status tells the last good
// version of what is broken, if that is still good.
func TestClusterLastGoodSpec(t *testing.T) {
	t.Parallel()
	const (
		badLua    = "[CompileError] GatewayMetric/shop/load: spec.lua: does not compile; write it better"
		badSource = "[Invalid] GatewaySource/shop/kong: spec: required value: nothing says what to scrape; write pods: {selector: {matchLabels: {...}}, port: ...}, service: {name: ..., port: ...} or static: {urls: [http://host:port/metrics]}"
		static    = "static: {urls: ['http://kong:8100/metrics']}"
		kept      = " (the last good version stays in use)\n"
	)
	good := metricObject("load", 1, 1, "load_name", "good")
	for _, c := range []struct {
		name    string
		objects []*unstructured.Unstructured
		want    change
	}{
		{
			name:    "a metric",
			objects: []*unstructured.Unstructured{kong(1), lastGood(metricObject("load", 2, 1, "load_name", "bad"), good)},
			want:    change{"kong @1\nload /load_name good @0", badLua + kept},
		},
		{
			name:    "a metric that is not even valid",
			objects: []*unstructured.Unstructured{kong(1), lastGood(clusterObjectOf(v1alpha1.KindGatewayMetric, "load", 2, 1, "{lua: x, type: Total, external: {name: a}}"), good)},
			want:    change{"kong @1\nload /load_name good @0", "[Invalid] GatewayMetric/shop/load: spec.sources: required value: a metric reads at least one source; write sources: [{name: ...}]" + kept},
		},
		{
			name:    "a source, and a metric of it",
			objects: []*unstructured.Unstructured{lastGood(sourceObject("kong", 2, "{}"), kong(1)), metricObject("load", 5, 1, "load_name", "v5")},
			want:    change{"kong @0\nload /load_name v5 @5", badSource + kept},
		},
		{
			name:    "both",
			objects: []*unstructured.Unstructured{lastGood(sourceObject("kong", 2, "{}"), kong(1)), lastGood(metricObject("load", 2, 1, "load_name", "bad"), good)},
			want:    change{"kong @0\nload /load_name good @0", badLua + kept + badSource + kept},
		},
		{
			name:    "what is good is used, whatever the status says",
			objects: []*unstructured.Unstructured{lastGood(kong(2), sourceObject("kong", 1, "{}")), lastGood(metricObject("load", 2, 1, "load_name", "v2"), good)},
			want:    change{"kong @2\nload /load_name v2 @2", ""},
		},
		{
			name:    "a last good version that does not compile any more",
			objects: []*unstructured.Unstructured{kong(1), lastGood(metricObject("load", 2, 1, "load_name", "bad"), metricObject("load", 1, 1, "load_name", "bad"))},
			want:    change{"kong @1", badLua + "\n"},
		},
		{
			name:    "a last good version that is not allowed any more",
			objects: []*unstructured.Unstructured{lastGood(sourceObject("kong", 2, "{}"), sourceObject("kong", 1, static))},
			want:    change{"", badSource + "\n"},
		},
		{
			name:    "a last good version that somebody wrote by hand",
			objects: []*unstructured.Unstructured{kong(1), lastGood(metricObject("load", 2, 1, "load_name", "bad"), sourceObject("x", 1, "missing: {value: '1e999999999'}"))},
			want:    change{"kong @1", badLua + "\n"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(_ *testing.T, r *rig) {
				r.start(c.objects...)
				r.expect(1, c.want)
			})
		})
	}
	// Later memory knows better than a status, which may trail behind.
	bubble(t, func(_ *testing.T, r *rig) {
		r.start(kong(1), metricObject("load", 1, 1, "load_name", "v1"))
		r.show(lastGood(metricObject("new", 1, 2, "new_name", "bad"), metricObject("new", 1, 2, "new_name", "good")))
		r.show(lastGood(metricObject("load", 2, 1, "load_name", "bad"), good))
		r.settle()
		r.expect(2, change{"kong @1\nload /load_name v1 @1",
			badLua + kept + "[CompileError] GatewayMetric/shop/new: spec.lua: does not compile; write it better\n"})
	})
}

// TestClusterRefuses what a tenant may not do, and takes what is broken one by one.
func TestClusterRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		object      *unstructured.Unstructured
		allowStatic bool
		want        change
	}{
		{
			name:   "static URLs",
			object: sourceObject("a", 1, "static: {urls: ['http://169.254.169.254/']}"),
			want:   change{"kong @1", "[NotAllowed] GatewaySource/shop/a: spec.static: forbidden: a source of the cluster may not list URLs; select pods or a service, or have gaugeway started with --allow-static\n"},
		},
		{
			name:        "static URLs with --allow-static",
			object:      sourceObject("a", 1, "static: {urls: ['http://gateway/']}"),
			allowStatic: true,
			want:        change{"a @1\nkong @1", ""},
		},
		{
			name:        "files",
			object:      sourceObject("a", 1, "{static: {urls: ['http://gateway/']}, authorization: {credentialsFile: /var/run/secrets/kubernetes.io/serviceaccount/token}}"),
			allowStatic: true,
			want:        change{"kong @1", "[NotAllowed] GatewaySource/shop/a: spec.authorization.credentialsFile: forbidden: a source of the cluster may not name files of gaugeway's; use credentials: {name: ..., key: ...} of a Secret\n"},
		},
		{
			name:   "a field of another version",
			object: sourceObject("a", 1, "{pods: {selector: {}, port: 1}, gateway: kong}"),
			want:   change{"kong @1", "[Invalid] GatewaySource/shop/a: spec: unknown field \"gateway\"; correct the object, or install the CustomResourceDefinitions of this version\n"},
		},
		{
			name:   "a value that cannot be decoded",
			object: sourceObject("a", 1, "{pods: {selector: {}, port: 1}, interval: 1d}"),
			want:   change{"kong @1", "[Invalid] GatewaySource/shop/a: spec: time: unknown unit \"d\" in duration \"1d\"; correct the object, or install the CustomResourceDefinitions of this version\n"},
		},
		{
			name:   "a quantity without end",
			object: sourceObject("a", 1, "{pods: {selector: {}, port: 1}, bodySizeLimit: 1e999999999}"),
			want:   change{"kong @1", "[Invalid] GatewaySource/shop/a: spec.bodySizeLimit: bad quantity \"1e999999999\"; write a number, if need be with a suffix, such as \"10\", 500m or 64Mi\n"},
		},
		{
			name: "no spec",
			object: &unstructured.Unstructured{Object: map[string]any{
				"apiVersion": apiVersion, "kind": v1alpha1.KindGatewaySource, "metadata": map[string]any{"name": "a", "namespace": "shop"},
			}},
			want: change{"kong @1", "[Invalid] GatewaySource/shop/a: spec: missing; write spec\n"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(_ *testing.T, r *rig) {
				r.cluster.AllowStatic = c.allowStatic
				r.start(kong(1), c.object)
				r.expect(1, c.want)
			})
		})
	}
}

// TestClusterNamesNoStranger: what is said to a tenant names no source that it
// may not use.
func TestClusterNamesNoStranger(t *testing.T) {
	t.Parallel()
	bubble(t, func(_ *testing.T, r *rig) {
		elsewhere := func(name, spec string) *unstructured.Unstructured {
			u := sourceObject(name, 1, spec)
			u.SetNamespace("gateways")
			return u
		}
		of := func(name, ref string) *unstructured.Unstructured {
			return clusterObjectOf(v1alpha1.KindGatewayMetric, name, 1, 1, "{sources: [{name: "+ref+", namespace: gateways}], lua: x, type: Total, external: {name: "+name+"}}")
		}
		const pods = "pods: {selector: {}, port: 1}"
		r.start(elsewhere("secret-project", "{"+pods+"}"), elsewhere("lent", "{"+pods+", allowedNamespaces: [{name: shop}]}"), elsewhere("broken", "{}"),
			of("a", "nothing-like-it"), of("b", "secret-project"), of("c", "broken"))
		want := "[SourceNotFound] GatewayMetric/shop/a: spec.sources[0]: source gateways/nothing-like-it does not exist; define it or use one of gateways/lent\n" +
			"[SourceDenied] GatewayMetric/shop/b: spec.sources[0]: source gateways/secret-project may not be used from namespace shop; add {name: shop} to spec.allowedNamespaces of the source\n" +
			"[SourceNotFound] GatewayMetric/shop/c: spec.sources[0]: source gateways/broken is not usable; correct it\n"
		_, got, _ := strings.Cut(r.changes[0].findings, want)
		if !strings.HasPrefix(r.changes[0].findings, want) {
			t.Errorf("got\n%s\nwant\n%s%s", r.changes[0].findings, want, got)
		}
	})
}

// TestClusterOwnsItsObjects: what a cache shows is neither kept nor changed.
func TestClusterOwnsItsObjects(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, r *rig) {
		shown := kong(1)
		shown.SetAnnotations(map[string]string{"a": "b"})
		before := shown.DeepCopy()
		r.start(shown)
		if diff := cmp.Diff(before, shown); diff != "" {
			t.Errorf("the shown object was changed: %s", diff)
		}
		s := r.snapshots[0].Sources[0]
		if s.UID != "kong-1" || s.Generation != 1 || s.Annotations["a"] != "b" || s.Kind != v1alpha1.KindGatewaySource || s.Spec.Pods.Path != "/metrics" {
			t.Errorf("got %+v", s.GatewaySource)
		}
		_ = unstructured.SetNestedField(shown.Object, "changed", "spec", "pods", "selector", "matchLabels", "app")
		if got := s.Spec.Pods.Selector.MatchLabels["app"]; got != "kong" {
			t.Errorf("the snapshot shares memory with the cache: %s", got)
		}
	})
}

// An awayCache has no informers while its API server is gone.
type awayCache struct {
	*informertest.FakeInformers
	gone atomic.Bool
}

func (c *awayCache) GetInformer(ctx context.Context, object client.Object, options ...cache.InformerGetOption) (cache.Informer, error) {
	if c.gone.Load() {
		return nil, errors.New("connection refused")
	}
	return c.FakeInformers.GetInformer(ctx, object, options...)
}

// TestClusterWaits for definitions and for the API server, and says so once.
func TestClusterWaits(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, r *rig) {
		away := &awayCache{FakeInformers: r.cache}
		away.gone.Store(true)
		r.cluster.Cache = away
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		go func() { _ = r.cluster.Run(ctx) }()
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(r.logged) != 1 || !strings.Contains(r.logged[0], "connection refused") || len(r.changes) > 0 {
			t.Fatalf("logged %q, %d calls", r.logged, len(r.changes))
		}
		away.gone.Store(false)
		time.Sleep(retryAfter)
		for _, informer := range r.informers {
			informer.Synced()
		}
		synctest.Wait()
		r.expect(1, change{"", ""})
	})
	// The end of the context ends it in whatever state.
	bubble(t, func(_ *testing.T, r *rig) {
		away := &awayCache{FakeInformers: r.cache}
		away.gone.Store(true)
		r.cluster.Cache = away
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := r.cluster.Run(ctx); err != nil {
			t.Error(err)
		}
		away.gone.Store(false)
		ctx, cancel = context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := r.cluster.Run(ctx); err != nil || len(r.changes) > 0 { // never synced
			t.Errorf("%v, %d calls", err, len(r.changes))
		}
	})
}

// TestClusterGap: an informer that missed a deletion tells of it later.
func TestClusterGap(t *testing.T) {
	t.Parallel()
	f := &follower{objects: map[string]*clusterObject{}, changed: make(chan struct{}, 1)}
	f.put(kong(1))
	f.remove(toolscache.DeletedFinalStateUnknown{Key: "shop/kong", Obj: kong(1)})
	f.put("something else")
	f.remove("something else")
	if snapshot, findings := f.first(); len(snapshot.Sources) > 0 || len(findings) > 0 {
		t.Errorf("got %s %v", clusterSummary(snapshot), findings)
	}
}

// TestClusterAgain: what objects may name has changed, and they have not.
func TestClusterAgain(t *testing.T) {
	t.Parallel()
	bubble(t, func(_ *testing.T, r *rig) {
		again := make(chan struct{})
		r.cluster.Again = again
		refused := false
		r.cluster.Check = func(m *Metric, sources []*Source) []Finding {
			if refused {
				return []Finding{m.LuaFinding(0, 0, "its preset is broken", "correct it")}
			}
			return nil
		}
		r.start(kong(1), metricObject("load", 1, 1, "load_name", "v1"))
		r.expect(1, change{"kong @1\nload /load_name v1 @1", ""})
		refused = true
		again <- struct{}{}
		r.settle()
		r.expect(2, change{"kong @1\nload /load_name v1 @1",
			"[CompileError] GatewayMetric/shop/load: spec.lua: its preset is broken; correct it (the last good version stays in use)\n"})
		refused = false
		again <- struct{}{}
		r.settle()
		r.expect(3, change{"kong @1\nload /load_name v1 @1", ""})
	})
}
