package node

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gaugeway/gaugeway/e2e/process"
)

// The images that the node knows beside gaugeway's own.
const (
	ImageNginx      = "e2e/nginx-lua"  // nginx with Lua metrics: ports http 8080, metrics 9113
	ImageHAProxy    = "e2e/haproxy"    // HAProxy with its exporter: ports http 8080, metrics 8404
	ImageBackend    = "e2e/backend"    // answers requests: port http 8080
	ImageVLLM       = "e2e/vllm"       // answers requests and shows vLLM's metrics: port http 8000
	ImageExposition = "e2e/exposition" // shows what the test wants: port metrics 9113
	ImagePause      = "e2e/pause"      // does nothing
)

// launch starts what the container's image stands for. The signal is the one
// that asks it to end.
func (c *Container) launch(ctx context.Context) (program, syscall.Signal, error) {
	if err := c.mkdir(); err != nil {
		return nil, 0, err
	}
	env, err := c.environment(ctx)
	if err != nil {
		return nil, 0, err
	}
	name, _, _ := strings.Cut(c.spec.Image, "@")
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name = name[:i] // the tag
	}
	switch {
	case path.Base(name) == "gaugeway":
		p, err := c.launchGaugeway(env)
		return p, syscall.SIGTERM, err
	case name == ImageNginx:
		p, err := c.launchNginx(env)
		return p, syscall.SIGQUIT, err
	case name == ImageHAProxy:
		p, err := c.launchHAProxy(env)
		return p, syscall.SIGUSR1, err
	case name == ImageBackend:
		p, err := c.serve(c.port("http", 8080), c.pod.node.settings.backend(c, env))
		return p, syscall.SIGTERM, err
	case name == ImageVLLM:
		p, err := c.launchVLLM(env)
		return p, syscall.SIGTERM, err
	case name == ImageExposition:
		p, err := c.serve(c.port("metrics", 9113), c.pod.node.settings.exposition(c))
		return p, syscall.SIGTERM, err
	case name == ImagePause:
		return newIdle(), syscall.SIGTERM, nil
	default:
		return nil, 0, fmt.Errorf("the node does not know the image %s", c.spec.Image)
	}
}

// exec starts a process in the pod's network.
func (c *Container) exec(cmd *exec.Cmd, env map[string]string) (p *process.Process, err error) {
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=" + c.pod.Name()}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	err = c.pod.sandbox.do(func() error {
		p, err = process.Start(c.pod.Name(), c.log(), cmd)
		return err
	})
	return p, err
}

// launchGaugeway runs the real program as its image does: in a file system with
// nothing but itself and the pod's volumes, as an ordinary user.
func (c *Container) launchGaugeway(env map[string]string) (program, error) {
	root := filepath.Join(c.dir, "root")
	if _, err := os.Stat(root); err != nil {
		if err := c.furnish(root); err != nil {
			return nil, err
		}
	}
	arguments := c.arguments(env)
	switch {
	case len(arguments) == 0:
		arguments = []string{"/gaugeway", "serve"}
	case len(c.spec.Command) == 0:
		arguments = append([]string{"/gaugeway"}, arguments...)
	}
	user, group := c.user()
	cmd := &exec.Cmd{
		Path: arguments[0],
		Args: arguments,
		Dir:  "/",
		SysProcAttr: &syscall.SysProcAttr{
			Chroot:     root,
			Credential: &syscall.Credential{Uid: user, Gid: group},
		},
	}
	p, err := c.exec(cmd, env)
	if err != nil {
		return nil, err // not a nil *process.Process in an interface
	}
	return p, nil
}

// furnish makes the root of gaugeway's file system.
func (c *Container) furnish(root string) error {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	if err := os.Link(c.pod.node.image(), filepath.Join(root, "gaugeway")); err != nil {
		return err
	}
	for _, m := range c.spec.VolumeMounts {
		if m.SubPath != "" {
			return fmt.Errorf("volume mount %s: the node does not know subPath", m.MountPath)
		}
		target := filepath.Join(root, m.MountPath)
		if err := os.MkdirAll(target, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(c.volumes.path(m.Name), target, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mounting volume %s: %w", m.Name, err)
		}
		c.mounts = append(c.mounts, target)
		if m.ReadOnly {
			if err := unix.Mount("", target, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
				return fmt.Errorf("mounting volume %s read-only: %w", m.Name, err)
			}
		}
	}
	return nil
}

// unmount undoes the mounts of furnish.
func (c *Container) unmount() {
	for _, target := range c.mounts {
		if err := unix.Unmount(target, unix.MNT_DETACH); err != nil {
			c.pod.report("unmounting %s: %v", target, err)
		}
	}
	c.mounts = nil
}

// user returns as whom the container runs: the image says 65532.
func (c *Container) user() (user, group uint32) {
	user, group = 65532, 65532
	if s := c.pod.Object().Spec.SecurityContext; s != nil {
		user, group = override(user, s.RunAsUser), override(group, s.RunAsGroup)
	}
	if s := c.spec.SecurityContext; s != nil {
		user, group = override(user, s.RunAsUser), override(group, s.RunAsGroup)
	}
	return user, group
}

func override(id uint32, by *int64) uint32 {
	if by == nil {
		return id
	}
	return uint32(*by)
}

// image is the node's copy of gaugeway, beside the pods, so that it can be linked.
func (n *Node) image() string { return filepath.Join(n.podsDir(), "gaugeway.image") }

// pull copies gaugeway to where pods can link it.
func (n *Node) pull() error {
	from, err := os.Open(n.Gaugeway)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(n.image(), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, from); err != nil {
		return err
	}
	return to.Close()
}
