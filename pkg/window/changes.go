package window

import "sync"

// changes is the lock of a Window. It counts how often it was locked for
// writing: while the count is the same, so is all that it guards.
type changes struct {
	sync.RWMutex
	count uint64
}

// Lock locks for writing.
func (c *changes) Lock() {
	c.RWMutex.Lock()
	c.count++
}

// Version is equal for two evaluations of a View only where its windows did not
// change between their Begins. It is to be called between Begin and End.
func (v *View) Version() uint64 {
	version := uint64(0)
	for _, p := range v.parts {
		version += p.Window.mu.count
	}
	return version
}
