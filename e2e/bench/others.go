package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// disturbed is how much of a processor others may take before a warning.
const disturbed = 0.1

// A use is the processor time that was taken up to some moment.
type use struct {
	at  time.Time
	all time.Duration // by everybody, and by other virtual machines
	own time.Duration // by this process and its children that have ended
}

// useNow reads it.
func useNow() (use, error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return use{}, err
	}
	all, err := busy(string(stat))
	if err != nil {
		return use{}, err
	}
	u := use{at: time.Now(), all: all}
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var r unix.Rusage
		if err := unix.Getrusage(who, &r); err != nil {
			return use{}, err
		}
		u.own += time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	return u, nil
}

// busy returns the time that /proc/stat says that processors were not idle.
func busy(stat string) (time.Duration, error) {
	const hertz = 100 // USER_HZ, on all of Linux's architectures that matter
	first, _, _ := strings.Cut(stat, "\n")
	fields := strings.Fields(first)
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, fmt.Errorf("/proc/stat begins with %q", first)
	}
	ticks := 0
	for i, field := range fields[1:9] {
		n, err := strconv.Atoi(field)
		if err != nil {
			return 0, fmt.Errorf("/proc/stat: %w", err)
		}
		if i != 3 && i != 4 { // idle, and idle while waiting for a disk
			ticks += n
		}
	}
	return time.Duration(ticks) * time.Second / hertz, nil
}

// others returns how many processors were taken by others than this program
// and its children, which must have ended.
func others(from, to use) float64 {
	taken := (to.all - from.all) - (to.own - from.own)
	return max(float64(taken)/float64(to.at.Sub(from.at)), 0)
}
