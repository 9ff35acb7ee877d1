package config

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
	"k8s.io/utils/clock"
)

// A Watcher follows a configuration folder. All fields but Presets are required.
type Watcher struct {
	// Dir is the folder, as Read takes it.
	Dir string
	// Presets know the gateways that sources name, as Read takes them; may be nil.
	Presets Presets
	// Check examines metrics, as Merge takes it.
	Check Check
	// OnChange is called with each new configuration, one call at a time. The
	// snapshot is the same as before where the folder cannot be read.
	OnChange func(*Snapshot, []Finding)
	// Quiet is how long the files must have rested before they are read again,
	// so that half a change is not read. A folder that never rests is read after
	// ten times as long.
	Quiet time.Duration
	// Poll is how often the files are compared even if the system reports no
	// change, as network file systems do not.
	Poll time.Duration
	// Clock tells the time.
	Clock clock.WithTicker
}

// Watch calls onChange with the configuration of a folder at once and then
// whenever its files change, until the context is done: a Watcher with the
// system's clock, which starts from nothing.
func Watch(ctx context.Context, dir string, check Check, onChange func(*Snapshot, []Finding)) error {
	w := &Watcher{
		Dir: dir, Check: check, OnChange: onChange,
		Quiet: 250 * time.Millisecond, Poll: time.Minute, Clock: clock.RealClock{},
	}
	return w.Run(ctx, nil)
}

// Run calls OnChange whenever files differ from those of the last snapshot,
// which Load returned, and returns nil when the context is done. Without a last
// snapshot it calls OnChange at once. The error says that the system cannot
// report changes at all.
func (w *Watcher) Run(ctx context.Context, last *Snapshot) error {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watching the configuration folder (raise fs.inotify.max_user_instances if it is exhausted): %w", err)
	}
	defer notify.Close()
	if last == nil {
		last = &Snapshot{}
	}
	r := reload{watcher: w, last: last}
	if r.above, r.dir, err = split(w.Dir); err != nil {
		return fmt.Errorf("watching the configuration folder: %w", err)
	}
	poll := w.Clock.NewTicker(w.Poll)
	defer poll.Stop()
	timer := w.Clock.NewTimer(0) // at once: files may have changed since they were loaded
	defer timer.Stop()

	rest := debounce{quiet: w.Quiet}
	for {
		select {
		case <-ctx.Done():
			return nil
		case event := <-notify.Events:
			if r.concerns(event.Name) {
				timer.Reset(rest.wait(w.Clock.Now()))
			}
		case err := <-notify.Errors:
			_ = err // events were lost; reading again makes up for any reason
			timer.Reset(rest.wait(w.Clock.Now()))
		case <-poll.C():
			timer.Reset(rest.wait(w.Clock.Now()))
		case <-timer.C():
			rest = debounce{quiet: w.Quiet}
			r.run()
			if r.follow(notify) { // files may have changed before their folder was followed
				timer.Reset(rest.wait(w.Clock.Now()))
			}
		}
	}
}

// A reload reads the folder again and tells of what is new.
type reload struct {
	watcher    *Watcher
	above, dir string // the path of the configuration folder in the one above it
	last       *Snapshot
	failure    string   // why the folder cannot be read; empty if it can
	folders    []string // that were read from
}

// split returns the folder above dir and the path of dir in it, both absolute.
func split(dir string) (above, path string, err error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", "", err
	}
	if above, err = filepath.EvalSymlinks(filepath.Dir(abs)); err != nil {
		return "", "", err
	}
	return above, filepath.Join(above, filepath.Base(abs)), nil
}

func (r *reload) run() {
	objects, err := Read(r.watcher.Dir, r.watcher.Presets)
	if err != nil {
		if err.Error() != r.failure {
			r.failure = err.Error()
			r.watcher.OnChange(r.last, []Finding{{
				File: r.watcher.Dir, Message: r.failure, Cure: "make it readable", Kept: true,
			}})
		}
		return
	}
	r.folders = objects.folders
	if objects.fingerprint == r.last.fingerprint && r.failure == "" {
		return
	}
	r.failure = ""
	snapshot, findings := Merge(r.last, objects, r.watcher.Check)
	r.last = snapshot
	r.watcher.OnChange(snapshot, findings)
}

// follow has changes reported in the folders that were read from, and in the one
// above, which tells when the folder itself is replaced. It reports whether one
// was not followed before; what cannot be followed is left to polling.
func (r *reload) follow(notify *fsnotify.Watcher) (added bool) {
	folders := append([]string{r.above}, r.folders...)
	before := notify.WatchList()
	for _, folder := range folders {
		if !slices.Contains(before, folder) {
			_ = notify.Add(folder) // fails where it is gone again
		}
	}
	added = len(notify.WatchList()) > len(before)
	for _, folder := range before {
		if !slices.Contains(folders, folder) {
			_ = notify.Remove(folder) // fails where it is gone already
		}
	}
	return added
}

// concerns reports whether an event is about the configuration: about the folder
// itself or one that was read from, or in one of these.
func (r *reload) concerns(path string) bool {
	return path == r.dir || slices.Contains(r.folders, path) || slices.Contains(r.folders, filepath.Dir(path))
}

// A debounce decides how long to wait after one of several events. The zero
// first is that of no event yet.
type debounce struct {
	quiet time.Duration
	first time.Time
}

// wait returns how long to wait from now, the time of an event.
func (d *debounce) wait(now time.Time) time.Duration {
	if d.first.IsZero() {
		d.first = now
	}
	return max(0, min(d.quiet, d.first.Add(10*d.quiet).Sub(now)))
}
