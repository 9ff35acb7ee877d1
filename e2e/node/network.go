package node

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/gaugeway/gaugeway/e2e/isolate"
)

// gatewayAddress is the bridge's, which is also the node's.
const gatewayAddress = "10.244.0.1"

// SetUpNetwork makes the bridge that the pods hang on. It is called once, before
// the control plane starts, which listens on the bridge's address.
func SetUpNetwork() error {
	for _, arguments := range []string{
		"link add br0 type bridge",
		"addr add " + gatewayAddress + "/16 dev br0",
		"link set br0 up",
	} {
		if err := isolate.IP(arguments); err != nil {
			return err
		}
	}
	return nil
}

// addresses hands out the addresses of pods: each once, as a network plugin
// does, so that nobody reaches a new pod by an old one's address.
type addresses struct {
	mu   sync.Mutex
	next int
}

func (a *addresses) take() (number int, address string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.next++
	number = a.next
	return number, fmt.Sprintf("10.244.%d.%d", 1+number/250, 1+number%250)
}

// A sandbox is a pod's network: a namespace with an address of its own, joined
// to the bridge. The zero value is the node's own network.
type sandbox struct {
	name    string // of the namespace
	port    string // of the bridge
	address string
	handle  *os.File
}

func newSandbox(number int, address string) (*sandbox, error) {
	s := &sandbox{name: fmt.Sprint("pod", number), port: fmt.Sprint("veth", number), address: address}
	for _, arguments := range []string{
		"netns add " + s.name,
		"link add " + s.port + " type veth peer name eth0 netns " + s.name,
		"link set " + s.port + " master br0 up",
		"-n " + s.name + " addr add " + address + "/16 dev eth0",
		"-n " + s.name + " link set eth0 up",
		"-n " + s.name + " link set lo up",
		"-n " + s.name + " route add default via " + gatewayAddress,
	} {
		if err := isolate.IP(arguments); err != nil {
			return nil, err
		}
	}
	var err error
	s.handle, err = os.Open("/run/netns/" + s.name)
	return s, err
}

// remove takes the sandbox away.
func (s *sandbox) remove() error {
	if s.handle == nil {
		return nil
	}
	s.handle.Close()
	if err := isolate.IP("link del " + s.port); err != nil {
		return err
	}
	return isolate.IP("netns del " + s.name)
}

// cut makes the bridge drop every packet from and to the sandbox, without a
// word to either side; mend ends that.
func (s *sandbox) cut() error  { return isolate.Bridge("link set dev " + s.port + " state 0") }
func (s *sandbox) mend() error { return isolate.Bridge("link set dev " + s.port + " state 3") }

// isolate makes the bridge drop every packet between the sandbox and others that
// are isolated, or ends that.
func (s *sandbox) isolate(on bool) error {
	state := "off"
	if on {
		state = "on"
	}
	return isolate.Bridge("link set dev " + s.port + " isolated " + state)
}

// do calls a function on a thread that is in the sandbox: sockets that it makes
// and processes that it starts belong there.
func (s *sandbox) do(f func() error) error {
	if s.handle == nil {
		return f()
	}
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		result <- func() error {
			own, err := os.Open("/proc/thread-self/ns/net")
			if err != nil {
				return err
			}
			defer own.Close()
			if err := unix.Setns(int(s.handle.Fd()), unix.CLONE_NEWNET); err != nil {
				return fmt.Errorf("entering network namespace %s: %w", s.name, err)
			}
			err = f()
			if unix.Setns(int(own.Fd()), unix.CLONE_NEWNET) == nil {
				// A thread that is back may serve others; any other ends with this goroutine.
				runtime.UnlockOSThread()
			}
			return err
		}()
	}()
	return <-result
}

// dial opens a connection from inside the sandbox, to an address without a name
// to look up.
func (s *sandbox) dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	err = s.do(func() error {
		conn, err = new(net.Dialer).DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// listen listens inside the sandbox.
func (s *sandbox) listen(address string) (l net.Listener, err error) {
	err = s.do(func() error {
		l, err = net.Listen("tcp", address)
		return err
	})
	return l, err
}
