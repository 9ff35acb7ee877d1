package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime returns the processor time that all threads of a process have taken,
// in user mode and in the kernel: the sum of /proc/PID/stat's utime and stime,
// but in nanoseconds.
func cpuTime(pid int) (time.Duration, error) {
	// The number of a process's clock, as clock_getcpuclockid(3) makes it: the
	// complement of the PID, and 2 for the scheduler's clock.
	clock := int32(^pid<<3 | 2)
	var ts unix.Timespec
	if err := unix.ClockGettime(clock, &ts); err != nil {
		return 0, fmt.Errorf("read the processor time of process %d: %w", pid, err)
	}
	return time.Duration(ts.Nano()), nil
}

// A memory is what /proc/PID/status says of a process, in bytes.
type memory struct {
	resident float64 // VmRSS
	highest  float64 // VmHWM
}

// memoryOf reads the memory of a process.
func memoryOf(pid int) (memory, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return memory{}, err
	}
	defer f.Close()
	var m memory
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) != 3 || fields[2] != "kB" {
			continue
		}
		kilobytes, err := strconv.ParseFloat(fields[1], 64)
		if err != nil {
			return memory{}, fmt.Errorf("/proc/%d/status: %w", pid, err)
		}
		switch fields[0] {
		case "VmRSS:":
			m.resident = kilobytes * 1024
		case "VmHWM:":
			m.highest = kilobytes * 1024
		}
	}
	return m, lines.Err()
}

// pause waits for d; it returns early with an error if the run is ended or one
// of the processes ends by itself.
func pause(ctx context.Context, d time.Duration, running ...*program) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	poll := time.NewTicker(100 * time.Millisecond)
	defer poll.Stop()
	for {
		for _, p := range running {
			if err := p.Err(); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			return nil
		case <-poll.C:
		}
	}
}

// between waits for the middle between two multiples of the interval, when no
// tick is running, so that what follows counts whole ticks.
func between(ctx context.Context, interval time.Duration, running ...*program) error {
	now := time.Now()
	middle := now.Truncate(interval).Add(interval / 2)
	if middle.Before(now) {
		middle = middle.Add(interval)
	}
	return pause(ctx, middle.Sub(now), running...)
}

// cores returns how much of a processor each process takes while so many
// intervals pass.
func cores(ctx context.Context, interval time.Duration, intervals int, of ...*program) ([]float64, error) {
	if err := between(ctx, interval, of...); err != nil {
		return nil, err
	}
	begin := time.Now()
	before, err := cpuTimes(of)
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, time.Duration(intervals)*interval, of...); err != nil {
		return nil, err
	}
	after, err := cpuTimes(of)
	if err != nil {
		return nil, err
	}
	elapsed := time.Since(begin)
	taken := make([]float64, len(of))
	for i := range of {
		taken[i] = float64(after[i]-before[i]) / float64(elapsed)
	}
	return taken, nil
}

func cpuTimes(of []*program) ([]time.Duration, error) {
	times := make([]time.Duration, len(of))
	for i, p := range of {
		var err error
		if times[i], err = cpuTime(p.PID()); err != nil {
			return nil, err
		}
	}
	return times, nil
}
