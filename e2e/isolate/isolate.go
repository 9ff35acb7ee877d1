// Package isolate runs a test binary in Linux namespaces of its own, so that what
// it starts can use fixed ports and addresses, collides with nothing and is gone
// when it ends, however it ends.
package isolate

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// inside is set in the environment of the test binary that runs isolated.
const inside = "GAUGEWAY_E2E_ISOLATED"

// Dir is a folder in memory that only the isolated tests see.
const Dir = "/run/gaugeway-e2e"

// Main is the TestMain of a package whose tests want a network of their own. It
// calls prepare first, with the machine's network, then runs the tests by way of
// the same binary in new namespaces for network, mounts and processes. What it
// returns is for os.Exit.
func Main(m *testing.M, prepare func() error) int {
	if os.Getenv(inside) != "" {
		if err := furnish(); err != nil {
			fmt.Fprintln(os.Stderr, "setting up the network of the tests:", err)
			return 1
		}
		return m.Run()
	}
	if os.Getuid() != 0 {
		fmt.Fprintln(os.Stderr, "these tests make network namespaces and need root: run `sudo -E make e2e`")
		return 1
	}
	if err := prepare(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return rerun()
}

// rerun runs this binary once more, isolated, and returns its exit code.
func rerun() int {
	// The child dies with the thread that has made it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), inside+"=yes")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return max(exit.ExitCode(), 1)
	default:
		fmt.Fprintln(os.Stderr, "making network, mount and process namespaces (in a container, it needs CAP_SYS_ADMIN):", err)
		return 1
	}
}

// furnish makes the new namespaces habitable: no mount reaches the machine, /run
// is empty, /proc shows the new processes, the loopback is up.
func furnish() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mounting /proc: %w", err)
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=0755"); err != nil {
		return fmt.Errorf("mounting /run: %w", err)
	}
	for _, dir := range []string{"/run/netns", Dir} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	return IP("link set lo up")
}

// IP runs the program ip with arguments that contain no spaces.
func IP(arguments string) error { return run("ip", arguments) }

// Bridge runs the program bridge of iproute2 with arguments that contain no spaces.
func Bridge(arguments string) error { return run("bridge", arguments) }

func run(program, arguments string) error {
	b, err := exec.Command(program, strings.Fields(arguments)...).CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%s is not in PATH: install iproute2 (hack/install-test-deps.sh does)", program)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", program, arguments, err, strings.TrimSpace(string(b)))
	}
	return nil
}
