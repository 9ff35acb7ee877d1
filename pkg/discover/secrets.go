package discover

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// secretRefresh is how old a Secret or ConfigMap may be before it is read again.
	secretRefresh = 30 * time.Second
	// secretRetry is how long after a failure it is read again.
	secretRetry = 5 * time.Second
	// secretForget is how long one is remembered that nobody asks for.
	secretForget = 10 * time.Minute
	// secretTimeout is how long one may take to read.
	secretTimeout = 5 * time.Second
	// secretReaders is how many are read at once.
	secretReaders = 8
)

// Secrets holds the Secrets and ConfigMaps that sources name. Nothing is listed
// or watched: each is read by its name, in the background, from when it is first
// asked for, so that all it takes is the verb get on it. Its errors hold nothing
// of what a Secret holds. It is safe for concurrent use.
type Secrets struct {
	reader client.Reader
	clock  clock.WithTicker
	// wake tells Run that there is one to be read for the first time.
	wake chan struct{}

	mu      sync.Mutex
	entries map[reference]*entry
}

// ErrNotRead is of a Secret or ConfigMap that was not asked for before: it is read
// within moments, and the next error says why if it is not.
var ErrNotRead = errors.New("is not read yet: it is there at the next scrape or says why not")

// A reference names a Secret or a ConfigMap.
type reference struct {
	resource  string // secret or configmap
	namespace string
	name      string
}

const (
	resourceSecret    = "secret"
	resourceConfigMap = "configmap"
)

// String names the object as kubectl does.
func (r reference) String() string { return r.resource + " " + r.namespace + "/" + r.name }

// An entry is what is known of a Secret or ConfigMap.
type entry struct {
	asked time.Time
	read  time.Time // when it was last tried; zero before
	// data is the last that was read; nil if none was, or the object is gone.
	data map[string][]byte
	// err is why the last reading failed.
	err error
}

// NewSecrets returns a Secrets that reads from the API: the reader should not be
// a cache, which would list and watch.
func NewSecrets(reader client.Reader, clk clock.WithTicker) *Secrets {
	return &Secrets{reader: reader, clock: clk, wake: make(chan struct{}, 1), entries: map[reference]*entry{}}
}

// Secret returns a key of a Secret. It does no I/O: one that is not read yet, or
// cannot be, is an error that says what to do. While the API does not answer, the
// last that was read is good.
func (s *Secrets) Secret(namespace, name, key string) ([]byte, error) {
	return s.get(reference{resourceSecret, namespace, name}, key)
}

// ConfigMap returns a key of a ConfigMap, as Secret does of a Secret.
func (s *Secrets) ConfigMap(namespace, name, key string) ([]byte, error) {
	return s.get(reference{resourceConfigMap, namespace, name}, key)
}

func (s *Secrets) get(ref reference, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[ref]
	if e == nil {
		e = &entry{}
		s.entries[ref] = e
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
	e.asked = s.clock.Now()
	switch {
	case e.data != nil:
	case e.err != nil:
		return nil, e.err
	default:
		return nil, fmt.Errorf("%s %w", ref, ErrNotRead)
	}
	value, ok := e.data[key]
	if !ok {
		return nil, fmt.Errorf("%s has no key %q: add it, or name another", ref, key)
	}
	return bytes.Clone(value), nil
}

// Run reads what is asked for until the context is done.
func (s *Secrets) Run(ctx context.Context) error {
	ticker := s.clock.NewTicker(secretRetry)
	defer ticker.Stop()
	for {
		s.refresh(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		case <-ticker.C():
		}
	}
}

// refresh reads all that is due, and forgets what nobody asks for.
func (s *Secrets) refresh(ctx context.Context) {
	var group errgroup.Group
	group.SetLimit(secretReaders)
	for _, ref := range s.due() {
		group.Go(func() error {
			s.read(ctx, ref)
			return nil
		})
	}
	_ = group.Wait() // each failure is its entry's
}

// due returns what is to be read now.
func (s *Secrets) due() []reference {
	now := s.clock.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.entries, func(_ reference, e *entry) bool { return now.Sub(e.asked) > secretForget })
	var due []reference
	for ref, e := range s.entries {
		after := secretRefresh
		if e.err != nil {
			after = secretRetry
		}
		age := now.Sub(e.read)
		if e.read.IsZero() || age >= after || age < 0 { // the clock may have gone back
			due = append(due, ref)
		}
	}
	return due
}

// read reads one object.
func (s *Secrets) read(ctx context.Context, ref reference) {
	ctx, cancel := context.WithTimeout(ctx, secretTimeout)
	defer cancel()
	data, err := s.fetch(ctx, ref)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[ref]
	if e == nil {
		return
	}
	e.read = s.clock.Now()
	if err == nil {
		e.data, e.err = data, nil
		return
	}
	if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
		e.data = nil // it is gone, or not to be used any more
	}
	e.err = ref.explain(err)
}

// fetch gets the data of an object, not nil unless it fails.
func (s *Secrets) fetch(ctx context.Context, ref reference) (map[string][]byte, error) {
	key := client.ObjectKey{Namespace: ref.namespace, Name: ref.name}
	data := map[string][]byte{}
	if ref.resource == resourceSecret {
		var secret corev1.Secret
		if err := s.reader.Get(ctx, key, &secret); err != nil {
			return nil, err
		}
		maps.Copy(data, secret.Data)
		return data, nil
	}
	var config corev1.ConfigMap
	if err := s.reader.Get(ctx, key, &config); err != nil {
		return nil, err
	}
	maps.Copy(data, config.BinaryData)
	for k, v := range config.Data {
		data[k] = []byte(v)
	}
	return data, nil
}

// explain says why an object could not be read and what to do. It quotes the
// error only where that is the network's: one about the body may hold a part of
// it.
func (r reference) explain(err error) error {
	var network *url.Error
	switch {
	case apierrors.IsForbidden(err):
		return fmt.Errorf("%s cannot be read: grant get on %s to ServiceAccount %s by a Role in namespace %s",
			r, r, serviceAccount(err), r.namespace)
	case apierrors.IsNotFound(err):
		return fmt.Errorf("%s does not exist: create it, or correct its name", r)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return fmt.Errorf("%s is not read: the API does not answer", r)
	case apierrors.ReasonForError(err) != "":
		return fmt.Errorf("%s is not read: the API answers %s", r, apierrors.ReasonForError(err))
	case errors.As(err, &network):
		return fmt.Errorf("%s is not read: %w", r, err)
	}
	return fmt.Errorf("%s is not read: the API's answer cannot be understood", r)
}

// serviceAccount returns whom the API refused, as its message tells.
func serviceAccount(err error) string {
	const before = `User "system:serviceaccount:`
	if _, rest, ok := strings.Cut(err.Error(), before); ok {
		if account, _, ok := strings.Cut(rest, `"`); ok {
			if namespace, name, ok := strings.Cut(account, ":"); ok {
				return name + " of namespace " + namespace
			}
		}
	}
	return "gaugeway"
}
