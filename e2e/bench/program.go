package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/gaugeway/gaugeway/e2e/bench/load"
	"github.com/gaugeway/gaugeway/e2e/process"
)

// patience is how long a program may take until it answers.
const patience = 2 * time.Minute

// A program is a process that is measured, or that measuring needs.
type program struct{ *process.Process }

// start runs a program; what it prints is kept in the folder of the run.
func (b *bench) start(name string, cmd *exec.Cmd) (*program, error) {
	started, err := process.Start(name, b.logPath(name), cmd)
	if err != nil {
		return nil, err
	}
	p := &program{started}
	b.running = append(b.running, p)
	return p, nil
}

// stop ends a program.
func (p *program) stop() { p.Stop(syscall.SIGTERM, 10*time.Second) }

// startLoad starts the targets and waits until they listen.
func (b *bench) startLoad(ctx context.Context, o load.Options) (*program, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p, err := b.start("load", exec.Command(self, "load", strconv.Itoa(o.Targets), strconv.Itoa(o.Routes),
		strconv.FormatInt(o.Start.UnixMicro(), 10), strconv.FormatBool(o.Hanging)))
	if err != nil {
		return nil, err
	}
	last, err := net.ResolveTCPAddr("tcp", load.Address(o.Targets-1))
	if err != nil {
		return nil, err
	}
	return p, eventually(ctx, p, "the load to listen", func() error {
		c, err := net.DialTCP("tcp", nil, last)
		if err == nil {
			err = c.Close()
		}
		return err
	})
}

// serveLoad is the subcommand load.
func serveLoad(ctx context.Context, args []string) error {
	if len(args) != 4 {
		return errors.New("usage: bench load TARGETS ROUTES START-MICROSECONDS HANGING")
	}
	targets, err1 := strconv.Atoi(args[0])
	routes, err2 := strconv.Atoi(args[1])
	start, err3 := strconv.ParseInt(args[2], 10, 64)
	hanging, err4 := strconv.ParseBool(args[3])
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return err
	}
	o := load.Options{Shape: load.Shape{Targets: targets, Routes: routes}, Start: time.UnixMicro(start), Hanging: hanging}
	return load.Serve(ctx, o, func() {})
}

// eventually repeats a check until it passes.
func eventually(ctx context.Context, p *program, what string, check func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := check()
		if err == nil {
			return nil
		}
		if ended := pause(ctx, 100*time.Millisecond, p); ended != nil {
			return fmt.Errorf("waiting for %s: %w, last: %w", what, ended, err)
		}
	}
}

// freePort returns a port of 127.0.0.1 that nobody listens on.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
