package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/config"
	"github.com/gaugeway/gaugeway/pkg/preset"
	"github.com/gaugeway/gaugeway/pkg/script"
)

// livePresets are those of gaugeway and of a folder that is followed while it
// serves.
type livePresets struct {
	dir string
	// changed holds a token when the presets, or what is wrong with them, are others.
	changed chan struct{}

	mu       sync.Mutex
	set      *preset.Set
	findings []config.Finding
}

var _ config.Presets = (*livePresets)(nil)

func newLivePresets(dir string, set *preset.Set, findings []config.Finding) *livePresets {
	return &livePresets{dir: dir, changed: make(chan struct{}, 1), set: set, findings: findings}
}

// now returns the presets that are in use, and what is wrong in their folder.
func (p *livePresets) now() (*preset.Set, []config.Finding) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.set, p.findings
}

// Complete fills what a source leaves to its preset.
func (p *livePresets) Complete(s *v1alpha1.GatewaySource) error {
	set, _ := p.now()
	return set.Complete(s)
}

// check examines metrics with the presets that are in use by then.
func (p *livePresets) check(limits script.Limits) config.Check {
	return func(m *config.Metric, sources []*config.Source) []config.Finding {
		set, _ := p.now()
		return compileCheck(limits, set)(m, sources)
	}
}

// follow reads the folder whenever files in it have changed, until the context is
// done. New presets are given to use, before changed tells of them.
func (p *livePresets) follow(ctx context.Context, use func(*preset.Set)) error {
	if p.dir == "" {
		return nil
	}
	f := config.Folder{
		Path: p.dir, What: "the folder of presets",
		Quiet: 250 * time.Millisecond, Poll: time.Minute, Clock: clock.RealClock{},
	}
	return f.Follow(ctx, func(bool) []string {
		p.reload(use)
		return preset.Folders(p.dir)
	})
}

// reload reads the folder. What is broken in it goes on as it was.
func (p *livePresets) reload(use func(*preset.Set)) {
	set, before := p.now()
	next, findings, err := set.Reload(p.dir)
	if err != nil {
		next, findings = set, []config.Finding{{File: p.dir, Message: err.Error(), Cure: "correct the folder, or start without --presets", Kept: true}}
	}
	same := next.Same(set)
	if same && slices.Equal(before, findings) {
		return
	}
	p.mu.Lock()
	p.set, p.findings = next, findings
	p.mu.Unlock()
	if !same {
		use(next)
	}
	select {
	case p.changed <- struct{}{}:
	default:
	}
}
