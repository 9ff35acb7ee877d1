package main

import "testing"

func TestSmallHeapsLetMoreGarbageLie(t *testing.T) {
	t.Parallel()
	for live, want := range map[uint64]int{0: 600, 10 << 20: 240, 11 << 20: 200, 30 << 20: 80, 40 << 20: 60, 1 << 40: 60} {
		if got := percentOf(live); got != want {
			t.Errorf("%d bytes: %d %%, want %d %%", live, got, want)
		}
	}
}
