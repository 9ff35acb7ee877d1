package window

import "github.com/prometheus/prometheus/model/labels"

const (
	// droppedBits is the size of a dropped, a power of two: 8 KiB.
	droppedBits = 1 << 16
	// droppedMarks are set for each series.
	droppedMarks = 4
)

// A dropped is the set of the series whose columns a target has dropped: one of
// them that returns did not begin at 0. It is a Bloom filter, so that its size
// is fixed however many series come and go. It forgets none, and takes some that
// are new for known: 3 of 10,000 after 2,400 were dropped, most after 50,000. What
// such a one had counted when it was first seen is no increase then, as it is
// none for Prometheus.
type dropped [droppedBits / 64]uint64

// add adds a series by the labels that it has of itself.
func (d *dropped) add(own labels.Labels) {
	for mark, n := own.Hash(), 0; n < droppedMarks; n++ {
		bit := markOf(mark, n)
		d[bit/64] |= 1 << (bit % 64)
	}
}

// has reports whether a series was added, or looks as if it were.
func (d *dropped) has(own labels.Labels) bool {
	if d == nil {
		return false
	}
	for mark, n := own.Hash(), 0; n < droppedMarks; n++ {
		bit := markOf(mark, n)
		if d[bit/64]&(1<<(bit%64)) == 0 {
			return false
		}
	}
	return true
}

// markOf returns the n-th bit of a hash, whose halves are two independent ones.
func markOf(hash uint64, n int) uint64 {
	return (hash + uint64(n)*(hash>>32|1)) % droppedBits
}

// drop notes that a column is given up.
func (t *target) drop(c uint32) {
	if t.dropped == nil {
		t.dropped = new(dropped)
	}
	t.dropped.add(t.series[c])
}
