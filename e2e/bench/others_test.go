package main

import (
	"testing"
	"time"
)

func TestBusyLeavesOutIdleTime(t *testing.T) {
	t.Parallel()
	got, err := busy("cpu  100 10 50 9999 777 5 6 29 0 0\ncpu0 1 2 3\n")
	if want := 2 * time.Second; err != nil || got != want {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if _, err := busy("intr 1"); err == nil {
		t.Error("no error for a file of another form")
	}
}

func TestOthersIsWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	begin := time.Unix(0, 0)
	from := use{at: begin, all: time.Minute, own: time.Second}
	to := use{at: begin.Add(10 * time.Second), all: time.Minute + 8*time.Second, own: 4 * time.Second}
	if got := others(from, to); got != 0.5 {
		t.Errorf("got %v, want 0.5", got)
	}
}
