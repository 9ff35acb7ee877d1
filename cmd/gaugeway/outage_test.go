package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	clocktesting "k8s.io/utils/clock/testing"
)

// TestOutageIsSaidOnce: an API server that does not answer for a while is said to
// be away, once, and to be back.
func TestOutageIsSaidOnce(t *testing.T) {
	t.Parallel()
	refused := errors.New("connection refused")
	const (
		away = `"msg"="API server does not answer; the last configuration and targets stay in use" "error"="connection refused" "since"="2026-01-01T00:00:00Z"`
		back = `"level"=0 "msg"="API server answers again" "after"="%ds"`
	)
	tests := []struct {
		name string
		// becomes of one request each second; nil is an answer.
		becomes []error
		want    []string
	}{
		{"it answers", []error{nil, nil}, nil},
		{"a connection breaks", []error{refused, nil, refused, refused, nil, refused}, nil},
		{"it is away", slices.Repeat([]error{refused}, 10), []string{away}},
		{"it is away and back", append(slices.Repeat([]error{refused}, 10), nil, nil), []string{away, fmt.Sprintf(back, 10)}},
		{"we give up", slices.Repeat([]error{context.Canceled}, 10), nil},
		{"we wait no longer", append(slices.Repeat([]error{refused}, 3), fmt.Errorf("get: %w", context.Canceled), refused), []string{away}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var said []string
			clock := clocktesting.NewFakeClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
			log := funcr.New(func(_, line string) { said = append(said, line) }, funcr.Options{})
			o := &outage{log: log, clock: clock}
			var next error
			transport := o.wrap(roundTrip(func(*http.Request) (*http.Response, error) { return &http.Response{Body: http.NoBody}, next }))
			for _, next = range tt.becomes {
				response, err := transport.RoundTrip(&http.Request{})
				if !errors.Is(err, next) {
					t.Errorf("got %v, want %v", err, next)
				}
				response.Body.Close()
				clock.Step(time.Second)
			}
			if diff := cmp.Diff(tt.want, said); diff != "" {
				t.Errorf("said (-want +got):\n%s", diff)
			}
		})
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
