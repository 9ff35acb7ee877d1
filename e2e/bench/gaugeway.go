package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/gaugeway/gaugeway/e2e/bench/load"
	"github.com/gaugeway/gaugeway/e2e/build"
)

// A gaugeway is the real program, serving without a cluster.
type gaugeway struct {
	*program
	*client           // HTTP/2
	authority []byte  // PEM
	metrics   []gauge // what it was configured with
}

// startGaugeway starts gaugeway on the first targets of a load and waits until
// each metric has an answer.
func (b *bench) startGaugeway(ctx context.Context, targets int, interval time.Duration, metrics []gauge) (*gaugeway, error) {
	binary, err := build.Gaugeway()
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(b.dir, "gaugeway-")
	if err != nil {
		return nil, err
	}
	config, state := filepath.Join(dir, "config"), filepath.Join(dir, "state")
	if err := os.Mkdir(config, 0o755); err != nil {
		return nil, err
	}
	if err := writeObjects(config, targets, interval, metrics); err != nil {
		return nil, err
	}
	p, err := b.start("gaugeway", exec.Command(binary, "serve", "--standalone", "--config", config,
		"--port", strconv.Itoa(port), "--state-dir", state))
	if err != nil {
		return nil, err
	}
	g := &gaugeway{program: p, metrics: metrics}
	if err := eventually(ctx, p, "gaugeway's API", func() error { return g.connect(ctx, filepath.Join(state, "kubeconfig")) }); err != nil {
		return nil, err
	}
	// The last in order is evaluated last.
	return g, eventually(ctx, p, "the first answers", func() error {
		for _, name := range []string{metrics[0].name, metrics[len(metrics)-1].name} {
			if _, err := g.list(ctx, name); err != nil {
				return err
			}
		}
		return nil
	})
}

// connect makes the client of what the kubeconfig says.
func (g *gaugeway) connect(ctx context.Context, kubeconfig string) error {
	file, err := clientcmd.LoadFromFile(kubeconfig)
	if err != nil {
		return err
	}
	access := file.Contexts[file.CurrentContext]
	if access == nil {
		return errors.New(kubeconfig + ": no current context")
	}
	cluster := file.Clusters[access.Cluster]
	g.authority = cluster.CertificateAuthorityData
	g.client, err = newClient(cluster.Server, file.AuthInfos[access.AuthInfo].Token, g.authority, http2)
	if err != nil {
		return err
	}
	_, err = g.get(ctx, apiRoot)
	return err
}

// own adds up the series of some of gaugeway's own metrics; 0 where there is
// none. With many metrics the answer is long: not to be asked for while
// gaugeway is measured, nor just before.
func (g *gaugeway) own(ctx context.Context, names ...string) (map[string]float64, error) {
	body, err := g.get(ctx, "/metrics")
	if err != nil {
		return nil, err
	}
	return sums(string(body), names)
}

// sums adds up the values of the series of some metrics in an exposition.
func sums(exposition string, names []string) (map[string]float64, error) {
	found := make(map[string]float64, len(names))
	for line := range strings.Lines(exposition) {
		name := line[:max(strings.IndexAny(line, "{ "), 0)]
		if !slices.Contains(names, name) {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:]), 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		found[name] += v
	}
	return found, nil
}

// troubles counts what would make a measurement worthless: failed scrapes and
// evaluations, or ticks that were left out.
func (g *gaugeway) troubles(ctx context.Context) (map[string]float64, error) {
	return g.own(ctx, "gaugeway_scrape_failures_total", "gaugeway_scrapes_skipped_total", "gaugeway_ticks_skipped_total",
		"gaugeway_evaluation_failures_total", "gaugeway_dropped_lines_total")
}

// sound says that there were no further troubles since some were counted. The
// first tick of all may well take longer than the interval.
func (g *gaugeway) sound(ctx context.Context, before map[string]float64) error {
	now, err := g.troubles(ctx)
	if err != nil {
		return err
	}
	for name, n := range now {
		if n > before[name] {
			return fmt.Errorf("%s grew by %v: is the machine too slow for this load, or busy with other things?", name, n-before[name])
		}
	}
	return nil
}

// profile writes what gaugeway's processor time and memory go to, if asked for,
// for `go tool pprof`.
func (b *bench) profile(ctx context.Context, g *gaugeway, name string) error {
	if b.profiles == "" {
		return nil
	}
	if err := os.MkdirAll(b.profiles, 0o755); err != nil {
		return err
	}
	for kind, query := range map[string]string{"cpu": "profile?seconds=20", "heap": "heap?gc=1"} {
		content, err := g.get(ctx, "/debug/pprof/"+query)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(b.profiles, name+"."+kind), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// writeObjects writes a source with so many targets, and its metrics, to a
// folder, in files that are not larger than gaugeway reads.
func writeObjects(dir string, targets int, interval time.Duration, metrics []gauge) error {
	const perFile = 2000
	if err := os.WriteFile(filepath.Join(dir, "source.yaml"), []byte(sourceObject(targets, interval)), 0o644); err != nil {
		return err
	}
	n := 0
	for some := range slices.Chunk(metrics, perFile) {
		n++
		var b strings.Builder
		for _, m := range some {
			b.WriteString(m.object())
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("metrics-%d.yaml", n)), []byte(b.String()), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// sourceObject is the YAML of a source.
func sourceObject(targets int, interval time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: gaugeway.dev/v1alpha1\nkind: GatewaySource\nmetadata: {name: fleet, namespace: %s}\nspec:\n  interval: %s\n  static:\n    urls:\n", namespace, interval)
	for target := range targets {
		fmt.Fprintf(&b, "    - %s\n", load.URL(target))
	}
	return b.String()
}

// object is the YAML of a metric of the source.
func (m gauge) object() string {
	return fmt.Sprintf(`---
apiVersion: gaugeway.dev/v1alpha1
kind: GatewayMetric
metadata: {name: %s, namespace: %s}
spec:
  sources: [{name: fleet}]
  type: %s
  lua: |
    %s
  external: {name: %s}
`, m.name, namespace, m.kind, m.lua, m.name)
}
