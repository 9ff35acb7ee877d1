package certificate

import (
	"crypto/x509"
	"fmt"
	"slices"
	"time"
)

const (
	// spread is how long a new authority is trusted before what it signs is
	// served: time for the APIServices to get it and for the API server to see
	// that they did.
	spread = time.Hour
	// retention is how long an authority is trusted after the last certificate
	// that it signed was replaced: time for every replica to serve the new one.
	retention = 24 * time.Hour
	// maxTrusted bounds how many authorities are trusted at once.
	maxTrusted = 8
)

// renew returns what should take the place of the stored material, and in
// words what changes; nothing if it is good as it is. served is what this
// process serves, nil at the start.
//
// An authority is replaced in three steps, so that a client that trusts the
// bundle of any moment accepts what any replica serves at that moment:
//
//  1. a new one becomes trusted, beside the old one, whose key is forgotten and
//     whose serving certificate goes on;
//  2. spread later, the new one signs a new serving certificate;
//  3. retention later, the old one is no longer trusted.
//
// What is damaged or gone takes the same way if what this process serves can
// stand in meanwhile.
func renew(stored material, served *material, names []string, now time.Time) (material, []string, error) {
	next := stored
	next.trusted = slices.Clone(stored.trusted)
	var changes []string

	unusable := next.usable(names, now)
	if unusable != nil && served != nil {
		restored := next
		restored.leaf, restored.chain, restored.certPEM, restored.keyPEM = served.leaf, served.chain, served.certPEM, served.keyPEM
		restored.trust(served.trusted...)
		if restored.usable(names, now) == nil {
			next, unusable = restored, nil
			changes = append(changes, "the serving certificate is restored from memory")
		}
	}

	if reason := dueCA(next.ca, now); reason != "" {
		if err := next.newCA(now); err != nil {
			return material{}, nil, fmt.Errorf("make a CA: %w", err)
		}
		changes = append(changes, "new CA: "+reason)
	}
	if reason := dueServing(&next, unusable, now); reason != "" {
		if err := next.newServing(names, now); err != nil {
			return material{}, nil, fmt.Errorf("make a serving certificate: %w", err)
		}
		changes = append(changes, "new serving certificate: "+reason)
	}
	for _, c := range next.forget(now) {
		changes = append(changes, "no longer trusted: "+c.Subject.CommonName)
	}
	return next, changes, nil
}

// dueCA says why there must be a new authority; empty if there need not.
func dueCA(ca *x509.Certificate, now time.Time) string {
	switch {
	case ca == nil:
		return "there is none that can sign"
	case now.Before(ca.NotBefore):
		return "the present one is not valid yet"
	case !now.Before(renewal(ca)):
		return "the present one ends at " + ca.NotAfter.UTC().Format(time.RFC3339)
	}
	return ""
}

// dueServing says why there must be a new serving certificate; empty if there
// need not. unusable is why the present one cannot be served.
func dueServing(m *material, unusable error, now time.Time) string {
	if unusable != nil {
		return "the present one: " + unusable.Error()
	}
	if m.leaf.CheckSignatureFrom(m.ca) != nil {
		trusted := created(m.ca).Add(spread)
		if now.Before(trusted) && m.leaf.NotAfter.After(trusted) {
			return "" // not before clients trust the new authority
		}
		return "the CA is new"
	}
	if !now.Before(renewal(m.leaf)) {
		return "the present one ends at " + m.leaf.NotAfter.UTC().Format(time.RFC3339)
	}
	return ""
}

// forget drops the authorities that are trusted in vain and returns them.
func (m *material) forget(now time.Time) []*x509.Certificate {
	var dropped []*x509.Certificate
	recent := now.Before(created(m.leaf).Add(retention))
	kept := []*x509.Certificate{m.ca}
	for _, c := range m.trusted {
		switch {
		case c.Equal(m.ca):
		case now.Before(c.NotAfter) && (m.leaf.CheckSignatureFrom(c) == nil || recent && len(kept) < maxTrusted):
			kept = append(kept, c)
		default:
			dropped = append(dropped, c)
		}
	}
	m.trusted = kept
	return dropped
}
