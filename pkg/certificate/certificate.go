// Package certificate keeps the certificate that gaugeway serves with in a
// Secret, together with the authority that signed it, and renews both.
//
// All replicas share the Secret. Whichever finds it missing or something in it
// due writes it; the API server's optimistic locking lets one of them win, and
// the others read what it wrote. The Secret is read through the API and never
// mounted, so that a change arrives within a minute.
package certificate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// interval is how often the Secret is read.
	interval = 45 * time.Second
	// requestTimeout is how long a request to the API server may take.
	requestTimeout = 10 * time.Second
	// attempts is how often a write is tried that another replica got ahead of.
	attempts = 5
)

// Labels of a Secret that this package made.
const (
	labelName      = "app.kubernetes.io/name"
	labelManagedBy = "app.kubernetes.io/managed-by"
	gaugeway       = "gaugeway"
)

var (
	_ dynamiccertificates.CertKeyContentProvider = (*Managed)(nil)
	_ dynamiccertificates.Notifier               = (*Managed)(nil)
)

// Options of a Managed certificate. All but Logger are required.
type Options struct {
	// Client reads from the API server, not from a cache. It needs the rights to
	// create Secrets in the namespace, and to get and update the one of that name.
	Client client.Client
	// Namespace and SecretName name the Secret.
	Namespace, SecretName string
	// DNSNames that clients reach the server by. At least one.
	DNSNames []string
	Clock    clock.WithTicker
	Logger   logr.Logger
}

// Managed is a serving certificate that is kept in a Secret and renewed: the
// certificate, valid for a year, and its authority, valid for ten, each after
// two thirds of its life. It is safe for concurrent use.
//
// While the API server does not answer, what was read last goes on. A Secret
// that is damaged or deleted is made again.
//
// A Secret that gaugeway did not make and that has no key of an authority, such
// as one of cert-manager, is served from and followed, and never written.
type Managed struct {
	o    Options
	name string // of the Secret, for people

	syncing sync.Mutex // held by sync
	current atomic.Pointer[serving]

	mu        sync.Mutex
	listeners []dynamiccertificates.Listener
}

// serving is what is served.
type serving struct {
	material
	caBundle []byte
}

// NewManaged returns a Managed certificate that has nothing to serve until
// Ensure or Run read the Secret. The error says which option is missing.
func NewManaged(o Options) (*Managed, error) {
	switch {
	case o.Client == nil || o.Clock == nil:
		return nil, errors.New("managed certificate: client and clock are required")
	case o.Namespace == "" || o.SecretName == "":
		return nil, errors.New("managed certificate: the namespace and the name of the Secret are required")
	case len(o.DNSNames) == 0:
		return nil, errors.New("managed certificate: it needs the DNS names of the server")
	}
	return &Managed{o: o, name: o.Namespace + "/" + o.SecretName}, nil
}

// Name says where the certificate is from.
func (m *Managed) Name() string { return "Secret " + m.name }

// CurrentCertKeyContent returns the serving certificate and its key in PEM; nil
// before the Secret was read.
func (m *Managed) CurrentCertKeyContent() (certPEM, keyPEM []byte) {
	s := m.current.Load()
	if s == nil {
		return nil, nil
	}
	return s.certPEM, s.keyPEM
}

// CABundle returns the authorities that clients are to trust, in PEM; nil before
// the Secret was read.
func (m *Managed) CABundle() []byte {
	s := m.current.Load()
	if s == nil {
		return nil
	}
	return s.caBundle
}

// AddListener has a listener told whenever the serving certificate changed.
func (m *Managed) AddListener(listener dynamiccertificates.Listener) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.listeners = append(m.listeners, listener)
}

// Ensure reads the Secret, or makes it. It fails if the API server does not
// answer or does not allow it, and if the Secret belongs to someone else and
// holds nothing to serve with.
func (m *Managed) Ensure(ctx context.Context) error { return m.sync(ctx) }

// Run follows the Secret and renews what is due, until ctx is done. Failures
// are logged when they begin and when they are over; they do not end it.
func (m *Managed) Run(ctx context.Context) error {
	failing, reason := false, metav1.StatusReasonUnknown
	for {
		switch err := m.sync(ctx); {
		case ctx.Err() != nil:
		case err != nil && (!failing || reason != apierrors.ReasonForError(err)):
			failing, reason = true, apierrors.ReasonForError(err)
			m.o.Logger.Error(err, "Serving certificate cannot be followed; the last one goes on")
		case err == nil && failing:
			failing = false
			m.o.Logger.Info("Serving certificate is followed again", "secret", m.name)
		}
		timer := m.o.Clock.NewTimer(interval)
		select {
		case <-timer.C():
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
}

// sync reads the Secret, writes what is due, and serves what it then holds.
func (m *Managed) sync(ctx context.Context) error {
	m.syncing.Lock()
	defer m.syncing.Unlock()
	for range attempts {
		again, err := m.try(ctx)
		if !again {
			return err
		}
	}
	return fmt.Errorf("secret %s changed under each of %d attempts to write it", m.name, attempts)
}

// try is one attempt of sync. again: another replica got ahead of it.
func (m *Managed) try(ctx context.Context) (again bool, err error) {
	secret, err := m.read(ctx)
	if err != nil {
		return false, err
	}
	var served *material
	if current := m.current.Load(); current != nil {
		served = &current.material
	}
	stored, problems := parse(secret.Data)
	if stored.ca == nil && !free(secret) {
		return false, m.follow(stored, problems)
	}
	now := m.o.Clock.Now()
	next, changes, err := renew(stored, served, m.o.DNSNames, now)
	if err != nil {
		return false, err
	}
	if len(changes) == 0 {
		return false, m.serve(next)
	}
	switch err := m.write(ctx, secret, &next); {
	case err == nil:
		m.o.Logger.Info("Serving certificate written", "secret", m.name, "found", found(secret, problems), "changes", strings.Join(changes, "; "))
		return false, m.serve(next)
	case apierrors.IsAlreadyExists(err), apierrors.IsConflict(err), apierrors.IsNotFound(err) && secret.ResourceVersion != "":
		return true, nil
	default:
		err = fmt.Errorf("write Secret %s (%s): %w", m.name, strings.Join(changes, "; "), err)
		if stored.usable(m.o.DNSNames, now) == nil {
			err = errors.Join(err, m.serve(stored))
		}
		return false, err
	}
}

// read returns the Secret, an empty one without a resource version if there is none.
func (m *Managed) read(ctx context.Context) (*corev1.Secret, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	secret := &corev1.Secret{}
	err := m.o.Client.Get(ctx, client.ObjectKey{Namespace: m.o.Namespace, Name: m.o.SecretName}, secret)
	if apierrors.IsNotFound(err) {
		return &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: m.o.Namespace, Name: m.o.SecretName},
			Type:       corev1.SecretTypeTLS,
		}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read Secret %s: %w", m.name, err)
	}
	return secret, nil
}

// write creates or updates the Secret. It fails with a conflict if the Secret
// is not the one that was read.
func (m *Managed) write(ctx context.Context, read *corev1.Secret, next *material) error {
	data, err := next.data()
	if err != nil {
		return err
	}
	secret := read.DeepCopy()
	if secret.Data == nil {
		secret.Data = map[string][]byte{}
	}
	maps.Copy(secret.Data, data)
	if secret.Labels == nil {
		secret.Labels = map[string]string{}
	}
	secret.Labels[labelName], secret.Labels[labelManagedBy] = gaugeway, gaugeway

	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if secret.ResourceVersion == "" {
		return m.o.Client.Create(ctx, secret)
	}
	return m.o.Client.Update(ctx, secret)
}

// free reports whether a Secret without a usable authority may be written:
// gaugeway made it, or it has none of the keys.
func free(secret *corev1.Secret) bool {
	if secret.Labels[labelManagedBy] == gaugeway {
		return true
	}
	return !slices.ContainsFunc([]string{keyCACert, keyCAKey, keyCert, keyKey}, func(key string) bool {
		return len(secret.Data[key]) > 0
	})
}

// found says for people what was wrong with a Secret that is written.
func found(secret *corev1.Secret, problems []string) string {
	switch {
	case secret.ResourceVersion == "":
		return "no such Secret"
	case len(problems) > 0:
		return strings.Join(problems, "; ")
	}
	return "a good one"
}

// follow serves from a Secret that someone else keeps.
func (m *Managed) follow(stored material, problems []string) error {
	if err := stored.usable(m.o.DNSNames, m.o.Clock.Now()); err != nil {
		return fmt.Errorf("secret %s was not made by gaugeway and cannot be served from: %w (%s); delete it, or name another by --serving-cert-secret",
			m.name, err, strings.Join(problems, "; "))
	}
	return m.serve(stored)
}

// serve makes next what is served, and tells the listeners of a new certificate.
func (m *Managed) serve(next material) error {
	bundle, err := next.bundle()
	if err != nil {
		return fmt.Errorf("encode the CAs: %w", err)
	}
	next.caKey = nil // what is served needs none
	last := m.current.Swap(&serving{material: next, caBundle: bundle})
	if last != nil && bytes.Equal(last.certPEM, next.certPEM) && bytes.Equal(last.keyPEM, next.keyPEM) {
		return nil
	}
	m.o.Logger.Info("Serving certificate in use", "secret", m.name, "serial", next.leaf.SerialNumber.Text(16), "notAfter", next.leaf.NotAfter.UTC().Format(time.RFC3339))
	m.mu.Lock()
	listeners := slices.Clone(m.listeners)
	m.mu.Unlock()
	for _, l := range listeners {
		l.Enqueue()
	}
	return nil
}
