package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gaugeway/gaugeway/e2e/bench/load"
)

// A rivalServer is Debian's Prometheus, scraping the same targets and recording
// nothing.
type rivalServer struct {
	*program
	root string // scheme, host and port
}

// startPrometheus starts Prometheus on the first targets of a load, with its
// database in the folder of the run.
func (b *bench) startPrometheus(ctx context.Context, targets int, interval time.Duration) (*rivalServer, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(b.dir, "prometheus-")
	if err != nil {
		return nil, err
	}
	var config strings.Builder
	fmt.Fprintf(&config, "global: {scrape_interval: %s}\nscrape_configs:\n- job_name: fleet\n  static_configs:\n  - targets:\n", interval)
	for target := range targets {
		fmt.Fprintf(&config, "    - %s\n", load.Address(target))
	}
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config.String()), 0o644); err != nil {
		return nil, err
	}
	address := "127.0.0.1:" + strconv.Itoa(port)
	p, err := b.start("prometheus", exec.Command("prometheus", "--config.file="+file,
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address))
	if err != nil {
		return nil, fmt.Errorf("%w: hack/install-test-deps.sh bench installs it", err)
	}
	r := &rivalServer{program: p, root: "http://" + address}
	return r, eventually(ctx, p, "Prometheus", func() error {
		_, _, err := r.query(ctx, "vector(1)")
		return err
	})
}

// query runs an instant query that has one number as its result, and says how
// long that takes.
func (r *rivalServer) query(ctx context.Context, expression string) (float64, time.Duration, error) {
	begin := time.Now()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.root+"/api/v1/query?query="+url.QueryEscape(expression), nil)
	if err != nil {
		return 0, 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, 0, err
	}
	defer resp.Body.Close()
	var answer struct {
		Error string
		Data  struct {
			Result []struct{ Value [2]any }
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return 0, 0, fmt.Errorf("query %s: %w", expression, err)
	}
	if len(answer.Data.Result) != 1 {
		return 0, 0, fmt.Errorf("query %s: %d results, want 1 %s", expression, len(answer.Data.Result), answer.Error)
	}
	v, err := strconv.ParseFloat(fmt.Sprint(answer.Data.Result[0].Value[1]), 64)
	return v, time.Since(begin), err
}

// The same questions that gaugeway's metrics of a service ask.
func p95Query(service string) string {
	return fmt.Sprintf(`histogram_quantile(0.95, sum by (le) (rate(kong_request_latency_ms_bucket{service="%s"}[1m])))`, service)
}

func rpsQuery(service string) string {
	return fmt.Sprintf(`sum(rate(kong_http_requests_total{service="%s"}[1m]))`, service)
}

// verify compares Prometheus's answers with the truth: it has to scrape all
// that gaugeway scrapes.
func (r *rivalServer) verify(ctx context.Context, s load.Shape) error {
	up, _, err := r.query(ctx, "sum(up)")
	if err == nil && up != float64(s.Targets) {
		err = fmt.Errorf("prometheus reaches %v targets of %d", up, s.Targets)
	}
	if err != nil {
		return err
	}
	for service := range s.Services() {
		name := load.Service(service * load.RoutesPerService)
		for expression, want := range map[string]float64{p95Query(name): s.P95(service), rpsQuery(name): s.RPS(service)} {
			got, _, err := r.query(ctx, expression)
			if err == nil && !(math.Abs(got/want-1) <= tolerance) {
				err = fmt.Errorf("prometheus answers %v to %s, the truth is %v", got, expression, want)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// rival says which Prometheus a line was compared with, if it was.
func rival(l line) string {
	if l.name != "fleet" {
		return "–"
	}
	out, err := exec.Command("prometheus", "--version").CombinedOutput()
	if err != nil {
		return "unknown"
	}
	m := regexp.MustCompile(`version (\S+)`).FindSubmatch(out)
	if m == nil {
		return "unknown"
	}
	return string(m[1])
}
