// Package process runs programs for tests: each in a process group of its own,
// with its output in a file.
package process

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// A Process is a running program.
type Process struct {
	name string
	log  string
	cmd  *exec.Cmd
	done chan struct{}
}

// Start starts a command. Its output is appended to the file log.
func Start(name, log string, cmd *exec.Cmd) (*Process, error) {
	f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	cmd.Stdout, cmd.Stderr = f, f
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	p := &Process{name: name, log: log, cmd: cmd, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		_ = cmd.Wait() // how it ended is in cmd.ProcessState
	}()
	return p, nil
}

// PID returns the number of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed once the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err returns how the process has ended, with the last of its output, or nil
// while it runs.
func (p *Process) Err() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s ended with %s:\n%s", p.name, p.cmd.ProcessState, Tail(p.log, 20))
	default:
		return nil
	}
}

// Signal sends a signal to the process; one that has ended gets none.
func (p *Process) Signal(s syscall.Signal) {
	if p.Err() == nil {
		_ = p.cmd.Process.Signal(s)
	}
}

// SignalGroup sends a signal to the process and all its children.
func (p *Process) SignalGroup(s syscall.Signal) {
	_ = syscall.Kill(-p.cmd.Process.Pid, s)
}

// Stop sends a signal and, where the process has not ended within the grace
// period, kills it and its children. It returns once the process has ended.
func (p *Process) Stop(s syscall.Signal, grace time.Duration) {
	p.Signal(s)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
	}
	// The children of a killed process would keep its ports.
	p.SignalGroup(syscall.SIGKILL)
	<-p.done
}

// Log returns the path of the file that has the output.
func (p *Process) Log() string { return p.log }

// Tail returns the last n lines of a file, or why there are none.
func Tail(path string, n int) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.SplitAfter(string(b), "\n")
	return strings.Join(lines[max(0, len(lines)-n-1):], "")
}
