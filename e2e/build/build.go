// Package build builds what the end-to-end tests run, with go build and from
// modules alone, and keeps what takes long in the user's cache folder.
package build

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

// kubernetesVersion is what the control plane says it is; that of go.mod.
const kubernetesVersion = "v1.36.3"

// kubernetesFlags are how the binaries of Kubernetes are linked: without the
// version they would say v0.0.0, and clients would misjudge them.
var kubernetesFlags = "-s -w" +
	" -X k8s.io/component-base/version.gitVersion=" + kubernetesVersion +
	" -X k8s.io/component-base/version.gitMajor=1" +
	" -X k8s.io/component-base/version.gitMinor=36"

// A Program is a binary that is built from a module.
type Program struct {
	name    string
	module  string // folder of the module, from that of e2e
	pkg     string
	ldflags string
}

// The programs that are kept between runs: nothing in this repository is part of them.
var (
	Etcd              = Program{"etcd", "etcd", ".", "-s -w"}
	APIServer         = Program{"kube-apiserver", ".", "k8s.io/kubernetes/cmd/kube-apiserver", kubernetesFlags}
	ControllerManager = Program{"kube-controller-manager", ".", "k8s.io/kubernetes/cmd/kube-controller-manager", kubernetesFlags}
	Kubectl           = Program{"kubectl", ".", "k8s.io/kubernetes/cmd/kubectl", kubernetesFlags}
	Kustomize         = Program{"kustomize", "../tools", "sigs.k8s.io/kustomize/kustomize/v5", "-s -w"}
	Helm              = Program{"helm", "../tools", "helm.sh/helm/v3/cmd/helm", "-s -w"}
	Caddy             = Program{"caddy", "caddy", ".", "-s -w"}
)

// All builds everything that a run needs and the cache does not have. It wants
// the network, for modules that are not there yet.
func All() error {
	for _, p := range []Program{Etcd, APIServer, ControllerManager, Kubectl, Kustomize, Helm, Caddy} {
		if _, err := p.Path(); err != nil {
			return err
		}
	}
	_, err := Gaugeway()
	return err
}

// Path returns where the program is; it is built first unless the cache has it.
// How long that takes, minutes the first time, is printed.
func (p Program) Path() (string, error) {
	key, err := p.key()
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache folder, set XDG_CACHE_HOME: %w", err)
	}
	path := filepath.Join(cache, "gaugeway-e2e", p.name+"-"+key)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	fmt.Fprintf(os.Stderr, "building %s; the first time this takes minutes\n", p.name)
	begin := time.Now()
	// Several runs may build at the same time: each renames what it has built.
	temp := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := goBuild(p.module, temp, p.pkg, p.ldflags); err != nil {
		return "", err
	}
	fmt.Fprintf(os.Stderr, "built %s in %v\n", p.name, time.Since(begin).Round(time.Second))
	return path, os.Rename(temp, path)
}

// key identifies what the binary is made of: its module's dependencies, the
// compiler and the flags.
func (p Program) key() (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	b, err := os.ReadFile(filepath.Join(root, "e2e", p.module, "go.sum"))
	if err != nil {
		return "", err
	}
	hash.Write(b)
	fmt.Fprintln(hash, p.pkg, p.ldflags, runtime.Version(), runtime.GOARCH)
	return fmt.Sprintf("%x", hash.Sum(nil)[:8]), nil
}

// Gaugeway builds the program of this checkout and returns where it is. The
// variable GAUGEWAY_BINARY names one that is to be tested instead.
var Gaugeway = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("GAUGEWAY_BINARY"); path != "" {
		return filepath.Abs(path)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	temp := filepath.Join(cache, "gaugeway-e2e", fmt.Sprintf("gaugeway.%d", os.Getpid()))
	if err := goBuild("..", temp, "./cmd/gaugeway", "-s -w -X main.version=e2e"); err != nil {
		return "", err
	}
	defer func() { _ = os.Remove(temp) }() // it is gone where all went well
	// The name tells what is inside, so that runs do not take each other's.
	f, err := os.Open(temp)
	if err != nil {
		return "", err
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return "", err
	}
	if err := forgetOld(filepath.Dir(temp)); err != nil {
		return "", err
	}
	path := filepath.Join(filepath.Dir(temp), fmt.Sprintf("gaugeway-%x", hash.Sum(nil)[:8]))
	return path, os.Rename(temp, path)
})

// forgetOld removes builds of gaugeway that are older than a day.
func forgetOld(dir string) error {
	old, err := filepath.Glob(filepath.Join(dir, "gaugeway-*"))
	if err != nil {
		return err
	}
	for _, path := range old {
		info, err := os.Stat(path)
		if err != nil || time.Since(info.ModTime()) < 24*time.Hour {
			continue
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Root returns the folder of the checkout.
var Root = sync.OnceValues(func() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "e2e", "go.mod")); err == nil {
			return dir, nil
		}
	}
	return "", errors.New("run the tests in a checkout: no folder above has e2e/go.mod")
})

// goBuild builds a package of the module in a folder given from that of e2e.
func goBuild(module, output, pkg, ldflags string) error {
	root, err := Root()
	if err != nil {
		return err
	}
	cmd := exec.Command("go", "build", "-ldflags", ldflags, "-o", output, pkg)
	cmd.Dir = filepath.Join(root, "e2e", module)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if b, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s in %s: %w\n%s", strings.Join(cmd.Args, " "), cmd.Dir, err, b)
	}
	return nil
}
