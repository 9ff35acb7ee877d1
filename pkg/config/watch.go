package config

import (
	"context"
	"time"

	"k8s.io/utils/clock"
)

// A Watcher follows a configuration folder. All fields but Presets and Again are
// required.
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
	// Again tells that what Presets and Check know has changed, so that all objects
	// are read again; nil for never.
	Again <-chan struct{}
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
	if last == nil {
		last = &Snapshot{}
	}
	r := reload{watcher: w, last: last}
	f := Folder{Path: w.Dir, What: "the configuration folder", Again: w.Again, Quiet: w.Quiet, Poll: w.Poll, Clock: w.Clock}
	return f.Follow(ctx, r.run)
}

// A reload reads the folder again and tells of what is new.
type reload struct {
	watcher *Watcher
	last    *Snapshot
	failure string   // why the folder cannot be read; empty if it can
	folders []string // that were read from
}

// run reads the folder, and tells of what is new, or of all again. Files that are
// as they were are not parsed: each poll comes here, and ten thousand metrics take
// most of a second. It returns the folders that were read from.
func (r *reload) run(again bool) []string {
	files, err := list(r.watcher.Dir)
	if err != nil {
		if err.Error() != r.failure {
			r.failure = err.Error()
			r.watcher.OnChange(r.last, []Finding{{
				File: r.watcher.Dir, Message: r.failure, Cure: "make it readable", Kept: true,
			}})
		}
		return r.folders
	}
	r.folders = files.folders
	if files.fingerprint == r.last.fingerprint && r.failure == "" && !again {
		return r.folders
	}
	r.failure = ""
	snapshot, findings := Merge(r.last, files.parse(r.watcher.Presets), r.watcher.Check)
	r.last = snapshot
	r.watcher.OnChange(snapshot, findings)
	return r.folders
}
