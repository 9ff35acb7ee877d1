package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"

	"github.com/gaugeway/gaugeway/pkg/config"
	"github.com/gaugeway/gaugeway/pkg/engine"
	"github.com/gaugeway/gaugeway/pkg/metric"
)

// A lateMapper is that of an API server that answers from the third request on.
type lateMapper struct {
	meta.RESTMapper
	asked int
}

func (m *lateMapper) RESTMapping(schema.GroupKind, ...string) (*meta.RESTMapping, error) {
	if m.asked++; m.asked < 3 {
		return nil, errors.New("connection refused")
	}
	return &meta.RESTMapping{}, nil
}

// TestMemberWaitsForTheAPIServer that is not there when gaugeway starts.
func TestMemberWaitsForTheAPIServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, start := &member{log: logr.Discard()}, time.Now()
		if err := m.reach(t.Context(), &lateMapper{}); err != nil {
			t.Error(err)
		}
		if waited := time.Since(start); waited != 3*time.Second {
			t.Errorf("waited %s for two failures, want 1 s and 2 s", waited)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		if err := m.reach(ctx, &lateMapper{}); err == nil || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("told to end while it waits: %v, want the reason", err)
		}
	})
}

// TestReloaderSaysAFindingOnce, however often something else changes.
func TestReloaderSaysAFindingOnce(t *testing.T) {
	t.Parallel()
	var logged []string
	r := &reloader{
		engine:  engine.New(engine.Options{Board: &metric.Board{}, Clock: clock.RealClock{}}),
		log:     funcr.New(func(_, args string) { logged = append(logged, args) }, funcr.Options{}),
		metrics: newReloadMetrics(prometheus.NewRegistry()),
	}
	bad := []config.Finding{{Object: "GatewayMetric/shop/load", Message: "bad"}, {Object: "GatewayMetric/shop/rps", Message: "odd", Warning: true}}
	for range 3 {
		r.reload(&config.Snapshot{}, bad)
	}
	if len(logged) != 2 {
		t.Errorf("logged %q", logged)
	}
	r.reload(&config.Snapshot{}, nil) // says that all is well
	r.reload(&config.Snapshot{}, bad)
	if len(logged) != 5 {
		t.Errorf("logged %q", logged)
	}
}

func TestStandaloneRefusesWhatIsForACluster(t *testing.T) {
	t.Parallel()
	code, _, errOut := runCommand(t, "serve", "--standalone", "--config", "testdata/check/clean", "--allow-static", "--service", "x")
	if want := "--standalone serves without a cluster, and --allow-static, --service is for serving in one"; code == exitOK || !strings.Contains(errOut, want) {
		t.Errorf("exit %d: %s; want %q", code, errOut, want)
	}
}
