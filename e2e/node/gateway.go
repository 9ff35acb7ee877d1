package node

import (
	"bytes"
	_ "embed" // the configurations
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"text/template"
	"time"

	"github.com/gaugeway/gaugeway/e2e/process"
)

//go:embed nginx.conf.tmpl
var nginxText string

//go:embed haproxy.cfg.tmpl
var haproxyText string

var (
	nginxConf   = template.Must(template.New("nginx.conf").Parse(nginxText))
	haproxyConf = template.Must(template.New("haproxy.cfg").Parse(haproxyText))
)

// ownBackend is where a gateway pod without an upstream Service has its backend.
const ownBackend = "127.0.0.1:9999"

// A gateway is a gateway's process and how it learns of its upstreams.
type gateway struct {
	container *Container
	template  *template.Template
	file      string
	reload    syscall.Signal
	values    map[string]any
}

// configure writes the configuration for some upstreams, each as host:port.
func (g *gateway) configure(upstreams []string) error {
	if len(upstreams) == 0 {
		upstreams = []string{"127.0.0.1:1"} // nobody: 502 or 503
	}
	g.values["Upstreams"] = upstreams
	var text bytes.Buffer
	if err := g.template.Execute(&text, g.values); err != nil {
		return err
	}
	return os.WriteFile(g.file, text.Bytes(), 0o644)
}

// launch starts the gateway: in front of the endpoints of the Service that the
// variable UPSTREAM names, which it follows as an ingress controller would, by
// reloads; without the variable, in front of a backend inside the pod.
func (g *gateway) launch(cmd *exec.Cmd, env map[string]string) (program, error) {
	c := g.container
	upstreams := func() []string { return []string{ownBackend} }
	if service := env["UPSTREAM"]; service != "" {
		upstreams = func() []string { return c.pod.node.Endpoints(c.pod.Namespace(), service) }
	}
	current := upstreams()
	if err := g.configure(current); err != nil {
		return nil, err
	}
	var own *server
	if env["UPSTREAM"] == "" {
		var err error
		if own, err = c.listen(ownBackend, c.pod.node.settings.backend(c, env)); err != nil {
			return nil, err
		}
	}
	p, err := c.exec(cmd, env)
	if err != nil {
		if own != nil {
			own.Stop(syscall.SIGKILL, 0)
		}
		return nil, err
	}
	c.pod.node.background.Go(func() {
		g.follow(p, current, upstreams)
		if own != nil {
			own.Stop(syscall.SIGKILL, 0)
		}
	})
	return p, nil
}

// follow reloads the gateway when its upstreams change, until it ends.
func (g *gateway) follow(p *process.Process, current []string, upstreams func() []string) {
	tick := time.NewTicker(probePeriod)
	defer tick.Stop()
	for answered := false; ; {
		select {
		case <-p.Done():
			return
		case <-tick.C:
		}
		next := upstreams()
		// One that has not answered yet may not know the signal, and end of it.
		answered = answered || g.container.answers()
		if !answered || slices.Equal(current, next) {
			continue
		}
		if err := g.configure(next); err != nil {
			g.container.pod.report("configuring the gateway: %v", err)
			continue
		}
		current = next
		p.Signal(g.reload)
	}
}

func (c *Container) launchNginx(env map[string]string) (program, error) {
	modules := os.Getenv("NGINX_MODULES_DIR")
	if modules == "" {
		modules = "/usr/lib/nginx/modules"
	}
	g := &gateway{
		container: c, template: nginxConf, file: filepath.Join(c.dir, "nginx.conf"), reload: syscall.SIGHUP,
		values: map[string]any{
			"Modules": modules,
			"Lua":     filepath.Join(c.pod.node.Examples, "nginx-lua"),
			"Address": c.pod.sandbox.address,
			"Port":    c.port("http", 8080),
			"Status":  c.port("metrics", 9113),
		},
	}
	program, err := find("nginx")
	if err != nil {
		return nil, err
	}
	return g.launch(exec.Command(program, "-p", c.dir, "-c", g.file, "-e", "stderr"), env)
}

func (c *Container) launchHAProxy(env map[string]string) (program, error) {
	g := &gateway{
		container: c, template: haproxyConf, file: filepath.Join(c.dir, "haproxy.cfg"), reload: syscall.SIGUSR2,
		values: map[string]any{
			"Address": c.pod.sandbox.address,
			"Port":    c.port("http", 8080),
			"Status":  c.port("metrics", 8404),
		},
	}
	program, err := find("haproxy")
	if err != nil {
		return nil, err
	}
	return g.launch(exec.Command(program, "-W", "-db", "-f", g.file), env)
}

// find returns where a program is; Debian keeps servers outside an ordinary PATH.
func find(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	path := filepath.Join("/usr/sbin", name)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%s is not installed (hack/install-test-deps.sh does): %w", name, err)
	}
	return path, nil
}
