package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
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
