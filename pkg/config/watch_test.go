package config

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
)

// A change is one call of OnChange.
type change struct{ summary, findings string }

// watch runs a Watcher over dir until the test ends and returns its calls. It
// never polls, so that a change arrives only if the system reports it.
func watch(t *testing.T, dir string) <-chan change {
	t.Helper()
	last, findings, err := Load(dir, nil, refuseBad)
	if err != nil || len(findings) > 0 {
		t.Fatalf("%v\n%s", err, printed(findings))
	}
	changes, done := make(chan change, 100), make(chan error)
	ctx, cancel := context.WithCancel(context.Background())
	w := &Watcher{
		Dir: dir, Check: refuseBad, Quiet: time.Millisecond, Poll: time.Hour, Clock: clock.RealClock{},
		OnChange: func(s *Snapshot, findings []Finding) {
			changes <- change{summary(s), strings.ReplaceAll(printed(findings), dir, "DIR")}
		},
	}
	go func() { done <- w.Run(ctx, last) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return changes
}

// until waits for a change. States in between, when some files of several are
// written, may come before it.
func until(t *testing.T, changes <-chan change, want change) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // only reached when it fails
	defer cancel()
	var got change
	for {
		select {
		case got = <-changes:
			if got == want {
				return
			}
		case <-ctx.Done():
			t.Fatalf("waited for\n%+v\nand the last was\n%+v", want, got)
		}
	}
}

func TestWatchFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a.yaml"), filepath.Join(dir, "sub", "b.yaml")
	write(t, a, kongYAML)
	changes := watch(t, dir)
	const kong = "kong http://kong:8100/metrics"

	write(t, b, metricYAML("load", "load", "v1")) // in a new folder
	until(t, changes, change{kong + "\nload load v1", ""})
	write(t, b, metricYAML("load", "load", "v2"))
	until(t, changes, change{kong + "\nload load v2", ""})
	write(t, b, metricYAML("load", "load", "bad"))
	until(t, changes, change{kong + "\nload load v2", "DIR/sub/b.yaml:6:8: spec.lua: does not compile; write it better (the last good version stays in use)\n"})
	write(t, b, metricYAML("load", "load", "v3"))
	until(t, changes, change{kong + "\nload load v3", ""})
	if err := os.Rename(a, a+".new"); err != nil {
		t.Fatal(err)
	}
	until(t, changes, change{"", "DIR/sub/b.yaml:5:13: spec.sources[0]: source shop/kong does not exist; define it, there is no GatewaySource yet\n"})
	if err := os.Rename(a+".new", a); err != nil {
		t.Fatal(err)
	}
	until(t, changes, change{kong + "\nload load v3", ""})
	if err := os.RemoveAll(filepath.Dir(b)); err != nil {
		t.Fatal(err)
	}
	until(t, changes, change{kong, ""})
}

func TestWatchConfigMap(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mount(t, dir, "..1", map[string]string{"a.yaml": kongYAML, "sub/b.yaml": metricYAML("load", "load", "v1")})
	changes := watch(t, dir)
	const kong = "kong http://kong:8100/metrics"

	mount(t, dir, "..2", map[string]string{"a.yaml": kongYAML, "sub/b.yaml": metricYAML("load", "load", "v2")})
	until(t, changes, change{kong + "\nload load v2", ""})
	mount(t, dir, "..3", map[string]string{"a.yaml": kongYAML, "sub/b.yaml": "kind: [\n"})
	until(t, changes, change{kong + "\nload load v2", "DIR/sub/b.yaml:1: not YAML: did not find expected node content; correct the syntax here or just below (the last good version stays in use)\n"})
	mount(t, dir, "..4", map[string]string{"a.yaml": source("nginx"), "sub/b.yaml": "# nothing\n"})
	until(t, changes, change{"nginx http://nginx:8100/metrics", ""})
}

func TestWatchFolderGoesAndComes(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "conf")
	write(t, filepath.Join(dir, "a.yaml"), kongYAML)
	changes := watch(t, dir)

	if err := os.Rename(dir, dir+".old"); err != nil {
		t.Fatal(err)
	}
	until(t, changes, change{"kong http://kong:8100/metrics", "DIR: configuration folder cannot be read: stat DIR: no such file or directory; make it readable (the last good version stays in use)\n"})
	if err := os.Rename(dir+".old", dir); err != nil {
		t.Fatal(err)
	}
	until(t, changes, change{"kong http://kong:8100/metrics", ""})
	write(t, filepath.Join(dir, "a.yaml"), source("nginx"))
	until(t, changes, change{"nginx http://nginx:8100/metrics", ""})
}

func TestWatchLinkedFile(t *testing.T) {
	t.Parallel()
	dir, outside := t.TempDir(), t.TempDir()
	write(t, filepath.Join(outside, "a.yaml"), kongYAML)
	link(t, filepath.Join(outside, "a.yaml"), filepath.Join(dir, "a.yaml"))
	changes := watch(t, dir)

	write(t, filepath.Join(dir, "b.yaml"), source("envoy")) // proof that the folders are followed
	until(t, changes, change{"envoy http://envoy:8100/metrics\nkong http://kong:8100/metrics", ""})
	write(t, filepath.Join(outside, "a.yaml"), source("nginx"))
	until(t, changes, change{"envoy http://envoy:8100/metrics\nnginx http://nginx:8100/metrics", ""})
}

func TestWatchFromNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.yaml"), kongYAML)
	changes := make(chan change, 100)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error)
	go func() {
		done <- Watch(ctx, dir, refuseBad, func(s *Snapshot, findings []Finding) {
			changes <- change{summary(s), printed(findings)}
		})
	}()
	until(t, changes, change{"kong http://kong:8100/metrics", ""})
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestDebounce(t *testing.T) {
	t.Parallel()
	start := time.Unix(1_800_000_000, 0)
	d := debounce{quiet: time.Second}
	f := func(at, want time.Duration) {
		t.Helper()
		if got := d.wait(start.Add(at)); got != want {
			t.Errorf("after %s: got %s, want %s", at, got, want)
		}
	}
	f(0, time.Second)
	f(500*time.Millisecond, time.Second)
	f(8*time.Second, time.Second)
	f(9500*time.Millisecond, 500*time.Millisecond)
	f(10*time.Second, 0)
	f(11*time.Second, 0)
}

func TestReloadTellsOnce(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "conf")
	write(t, filepath.Join(dir, "a.yaml"), kongYAML)
	var calls []string
	r := reload{last: &Snapshot{}, watcher: &Watcher{Dir: dir, OnChange: func(s *Snapshot, findings []Finding) {
		calls = append(calls, summary(s)+strings.ReplaceAll(printed(findings), dir, "DIR"))
	}}}
	f := func(want ...string) {
		t.Helper()
		r.run(false)
		r.run(false)
		if got := strings.Join(calls, "\n"); got != strings.Join(want, "\n") {
			t.Errorf("got %q, want %q", got, want)
		}
		calls = nil
	}
	const kong = "kong http://kong:8100/metrics"
	f(kong)
	f()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	f(kong + "DIR: configuration folder cannot be read: stat DIR: no such file or directory; make it readable (the last good version stays in use)\n")
	write(t, filepath.Join(dir, "a.yaml"), kongYAML)
	f(kong) // the failure is over
	f()
}

// countingPresets count how often a source is completed: each time it is parsed.
type countingPresets struct{ completed int }

func (p *countingPresets) Complete(*v1alpha1.GatewaySource) error { p.completed++; return nil }

func TestReloadParsesChangesOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	presets := &countingPresets{}
	last, _, err := Load(dir, presets, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := reload{last: last, watcher: &Watcher{Dir: dir, Presets: presets, OnChange: func(*Snapshot, []Finding) {}}}
	f := func(text string, again bool, want int) {
		t.Helper()
		write(t, filepath.Join(dir, "a.yaml"), text)
		presets.completed = 0
		r.run(again)
		if presets.completed != want {
			t.Errorf("%d sources were parsed, want %d", presets.completed, want)
		}
	}
	f(kongYAML, false, 1)
	f(kongYAML, false, 0)
	f(kongYAML, true, 1) // the presets have changed
	f(kongYAML, false, 0)
	f(source("nginx"), false, 1)
}

// TestWatchAgain: what objects may name has changed, and no file has.
func TestWatchAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.yaml"), kongYAML)
	write(t, filepath.Join(dir, "b.yaml"), metricYAML("load", "load", "v1"))
	last, findings, err := Load(dir, nil, refuseBad)
	if err != nil || len(findings) > 0 {
		t.Fatalf("%v\n%s", err, printed(findings))
	}
	again, changes := make(chan struct{}, 1), make(chan change, 10)
	w := &Watcher{
		Dir: dir, Again: again, Quiet: time.Millisecond, Poll: time.Hour, Clock: clock.RealClock{},
		Check: func(m *Metric, _ []*Source) []Finding {
			return []Finding{m.LuaFinding(0, 0, "its preset is broken", "correct it")}
		},
		OnChange: func(s *Snapshot, findings []Finding) {
			changes <- change{summary(s), strings.ReplaceAll(printed(findings), dir, "DIR")}
		},
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- w.Run(ctx, last) }()
	again <- struct{}{}
	until(t, changes, change{
		"kong http://kong:8100/metrics\nload load v1",
		"DIR/b.yaml:6:8: spec.lua: its preset is broken; correct it (the last good version stays in use)\n",
	})
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
}
