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

// A Folder is followed: what reads it is called when files in it may have changed.
// All fields but Again are required.
type Folder struct {
	// Path of the folder, and What it is, for messages.
	Path, What string
	// Again tells to read, though no file has changed; nil for never.
	Again <-chan struct{}
	// Quiet is how long the files must have rested before they are read again,
	// so that half a change is not read. A folder that never rests is read after
	// ten times as long.
	Quiet time.Duration
	// Poll is how often the files are read even if the system reports no change, as
	// network file systems do not.
	Poll time.Duration
	// Clock tells the time.
	Clock clock.WithTicker
}

// Follow calls read at once, and then whenever files may have changed, until the
// context is done; again says that Again has told so. Read returns the folders,
// absolute and without links, that it has read from. The error says that the system
// cannot report changes at all.
func (f *Folder) Follow(ctx context.Context, read func(again bool) (folders []string)) error {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watching %s (raise fs.inotify.max_user_instances if it is exhausted): %w", f.What, err)
	}
	defer notify.Close()
	var now following
	if now.above, now.dir, err = split(f.Path); err != nil {
		return fmt.Errorf("watching %s: %w", f.What, err)
	}
	poll := f.Clock.NewTicker(f.Poll)
	defer poll.Stop()
	timer := f.Clock.NewTimer(0) // at once: files may have changed since they were loaded
	defer timer.Stop()

	rest := debounce{quiet: f.Quiet}
	again := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case event := <-notify.Events:
			if now.concerns(event.Name) {
				timer.Reset(rest.wait(f.Clock.Now()))
			}
		case err := <-notify.Errors:
			_ = err // events were lost; reading again makes up for any reason
			timer.Reset(rest.wait(f.Clock.Now()))
		case <-poll.C():
			timer.Reset(rest.wait(f.Clock.Now()))
		case <-f.Again:
			again = true
			timer.Reset(0)
		case <-timer.C():
			rest = debounce{quiet: f.Quiet}
			now.folders = read(again)
			again = false
			if now.follow(notify) { // files may have changed before their folder was followed
				timer.Reset(rest.wait(f.Clock.Now()))
			}
		}
	}
}

// A following is what is followed now.
type following struct {
	above, dir string   // the path of the folder in the one above it
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

// follow has changes reported in the folders that were read from, and in the one
// above, which tells when the folder itself is replaced. It reports whether one
// was not followed before; what cannot be followed is left to polling.
func (f *following) follow(notify *fsnotify.Watcher) (added bool) {
	folders := append([]string{f.above}, f.folders...)
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

// concerns reports whether an event is about what is followed: about the folder
// itself or one that was read from, or in one of these.
func (f *following) concerns(path string) bool {
	return path == f.dir || slices.Contains(f.folders, path) || slices.Contains(f.folders, filepath.Dir(path))
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
