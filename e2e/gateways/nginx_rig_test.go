package gateways_test

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// These tests hold the rig itself to account: what nginx says of its traffic is
// exactly what the load generator saw, or the others would measure the rig.

// scrapeSum fetches an exposition and returns the sum of the series that begin
// with prefix and contain each of parts.
func scrapeSum(t *testing.T, url, prefix string, parts ...string) float64 {
	t.Helper()
	_, body, code, err := fetch(t, url)
	if err != nil || code != http.StatusOK {
		t.Fatalf("%s: status %d, error %v", url, code, err)
	}
	var sum float64
	for _, v := range matchingLines(body, prefix, parts...) {
		sum += v
	}
	return sum
}

// matchingLines returns the values of an exposition's lines that begin with
// prefix and contain each of parts. A line without a value counts as NaN.
func matchingLines(body, prefix string, parts ...string) []float64 {
	var values []float64
	for line := range strings.Lines(body) {
		missing := func(part string) bool { return !strings.Contains(line, part) }
		if !strings.HasPrefix(line, prefix) || slices.ContainsFunc(parts, missing) {
			continue
		}
		fields := strings.Fields(line)
		v, err := strconv.ParseFloat(fields[len(fields)-1], 64)
		if err != nil {
			v = math.NaN()
		}
		values = append(values, v)
	}
	return values
}

// awaitSum waits until a sum is what it should be: nginx counts a request just
// after it has sent the answer.
func awaitSum(t *testing.T, g *gateway, want int, prefix string, parts ...string) {
	t.Helper()
	eventually(t, fmt.Sprint(prefix, parts), func() error {
		if got := scrapeSum(t, g.metricsURL(), prefix, parts...); got != float64(want) {
			return fmt.Errorf("nginx says %v, the load generator %d", got, want)
		}
		return nil
	})
}

func TestRigCountsWhatTheClientSees(t *testing.T) {
	t.Parallel()
	backends := newBackends(t, 2)
	g := newGateway(t, backends...)
	l := startLoad(t, 200, g)
	l.await(300)
	l.finish()

	all := l.answered()
	awaitSum(t, g, len(all), "nginx_http_requests_total{", `host="shop.test"`)
	awaitSum(t, g, len(all.where(failed)), "nginx_http_requests_total{", `status="503"`)
	awaitSum(t, g, int(all.tokens()), "nginx_http_tokens_total{")
	awaitSum(t, g, len(all), "nginx_http_request_duration_seconds_count{")
	awaitSum(t, g, len(all), "nginx_http_request_duration_seconds_bucket{", `le="+Inf"`)
	for _, backend := range backends {
		own := all.where(func(o outcome) bool { return o.backend == backend })
		if len(own) == 0 {
			t.Errorf("backend %s got no request", backend)
		}
		awaitSum(t, g, len(own), "nginx_http_requests_total{", fmt.Sprintf("upstream=%q", backend))
	}
	// No answer is faster than its backend: a bucket below the delay is empty.
	awaitSum(t, g, 0, "nginx_http_request_duration_seconds_bucket{", `le="0.05"`)
	slow := all.where(func(o outcome) bool { return o.slow })
	got := scrapeSum(t, g.metricsURL(), "nginx_http_request_duration_seconds_bucket{", `le="0.25"`)
	if most := len(all) - len(slow); got == 0 || got > float64(most) {
		t.Errorf("nginx says that %v answers took at most 0.25 s, want 1 to %d", got, most)
	}
}

func TestRigReloadKeepsAndRestartResets(t *testing.T) {
	t.Parallel()
	g := newGateway(t, newBackends(t, 1)...)
	l := startLoad(t, 200, g)
	l.await(50)
	g.reload()
	l.await(50)
	l.finish()
	awaitSum(t, g, len(l.answered()), "nginx_http_requests_total{")

	g.stop()
	g.start()
	awaitSum(t, g, 0, "nginx_http_requests_total{")
}
