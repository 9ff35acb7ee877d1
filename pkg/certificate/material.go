package certificate

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

// The keys of the Secret's data.
const (
	keyCACert = "ca.crt" // the authorities that clients are to trust, PEM
	keyCAKey  = "ca.key" // the private key of the one that signs, PEM
	keyCert   = corev1.TLSCertKey
	keyKey    = corev1.TLSPrivateKeyKey
)

// How long certificates hold, and how far they reach back for clients whose
// clocks are behind.
const (
	caValid      = 10 * 365 * 24 * time.Hour
	servingValid = 365 * 24 * time.Hour
	backdate     = time.Hour
)

// material is what the Secret holds, taken apart. What is missing or damaged
// is nil.
type material struct {
	// ca signs with caKey. It is one of trusted.
	ca    *x509.Certificate
	caKey crypto.Signer
	// trusted are the authorities that clients are to trust.
	trusted []*x509.Certificate

	// leaf is the first certificate of chain, which is certPEM; keyPEM is its key.
	leaf            *x509.Certificate
	chain           []*x509.Certificate
	certPEM, keyPEM []byte
}

// parse takes a Secret's data apart. The problems say in words what is missing
// or damaged; none of them quotes what it found.
func parse(data map[string][]byte) (m material, problems []string) {
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }

	trusted, err := cert.ParseCertsPEM(data[keyCACert])
	m.trusted = slices.DeleteFunc(trusted, func(c *x509.Certificate) bool { return !c.IsCA })
	switch {
	case len(data[keyCACert]) == 0:
		problem("%s is missing", keyCACert)
	case err != nil:
		problem("%s does not parse", keyCACert)
	case len(m.trusted) == 0:
		problem("%s holds no certificate of an authority", keyCACert)
	}

	if key, err := keyutil.ParsePrivateKeyPEM(data[keyCAKey]); len(data[keyCAKey]) == 0 {
		problem("%s is missing", keyCAKey)
	} else if signer, ok := key.(crypto.Signer); err != nil || !ok {
		problem("%s does not parse", keyCAKey)
	} else if i := slices.IndexFunc(m.trusted, func(c *x509.Certificate) bool { return belongs(signer, c) }); i < 0 {
		problem("%s belongs to no certificate of %s", keyCAKey, keyCACert)
	} else {
		m.ca, m.caKey = m.trusted[i], signer
	}

	if len(data[keyCert]) == 0 || len(data[keyKey]) == 0 {
		problem("%s or %s is missing", keyCert, keyKey)
	} else if _, err := tls.X509KeyPair(data[keyCert], data[keyKey]); err != nil {
		problem("%s and %s are no pair", keyCert, keyKey)
	} else if chain, err := cert.ParseCertsPEM(data[keyCert]); err != nil {
		problem("%s does not parse", keyCert)
	} else {
		m.leaf, m.chain, m.certPEM, m.keyPEM = chain[0], chain, data[keyCert], data[keyKey]
	}
	return m, problems
}

// belongs reports whether a private key is that of a certificate.
func belongs(key crypto.Signer, c *x509.Certificate) bool {
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(c.PublicKey)
}

// data returns the Secret's data.
func (m *material) data() (map[string][]byte, error) {
	bundle, err := m.bundle()
	if err != nil {
		return nil, err
	}
	caKey, err := keyutil.MarshalPrivateKeyToPEM(m.caKey)
	if err != nil {
		return nil, errors.New("the key of the CA cannot be encoded")
	}
	return map[string][]byte{keyCACert: bundle, keyCAKey: caKey, keyCert: m.certPEM, keyKey: m.keyPEM}, nil
}

// bundle returns the trusted authorities in PEM.
func (m *material) bundle() ([]byte, error) { return cert.EncodeCertificates(m.trusted...) }

// trust adds authorities that are not trusted yet.
func (m *material) trust(authorities ...*x509.Certificate) {
	for _, c := range authorities {
		if !slices.ContainsFunc(m.trusted, c.Equal) {
			m.trusted = append(m.trusted, c)
		}
	}
}

// usable returns nil if clients that trust the trusted authorities accept the
// serving certificate at a time, for each of the names.
func (m *material) usable(names []string, now time.Time) error {
	if m.leaf == nil {
		return errors.New("there is none")
	}
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	for _, c := range m.trusted {
		roots.AddCert(c)
	}
	for _, c := range m.chain[1:] {
		intermediates.AddCert(c)
	}
	if _, err := m.leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates, CurrentTime: now}); err != nil {
		return err
	}
	for _, name := range names {
		if err := m.leaf.VerifyHostname(name); err != nil {
			return err
		}
	}
	return nil
}

// newCA makes a new authority, the first of the trusted ones.
func (m *material) newCA(now time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := newSerial()
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		// Each has a name of its own, so that a client finds the one that signed.
		Subject:               pkix.Name{CommonName: "gaugeway-ca@" + strconv.FormatInt(now.Unix(), 10)},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(caValid),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	ca, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	m.ca, m.caKey = ca, key
	m.trusted = slices.Insert(slices.Clone(m.trusted), 0, ca)
	return nil
}

// newServing makes a new serving certificate, signed by the authority. It ends
// no later than the authority does.
func (m *material) newServing(names []string, now time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := newSerial()
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		// The common name is for people; it may be 64 characters long, and names
		// of services may be longer.
		Subject:     pkix.Name{CommonName: "gaugeway"},
		NotBefore:   now.Add(-backdate),
		NotAfter:    earlier(now.Add(servingValid), m.ca.NotAfter),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    names,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, m.ca, key.Public(), m.caKey)
	if err != nil {
		return err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	certPEM, err := cert.EncodeCertificates(leaf)
	if err != nil {
		return err
	}
	keyPEM, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return err
	}
	m.leaf, m.chain, m.certPEM, m.keyPEM = leaf, []*x509.Certificate{leaf}, certPEM, keyPEM
	return nil
}

// newSerial returns a serial number that no other certificate has.
func newSerial() (*big.Int, error) {
	const bits = 127 // positive in 16 bytes
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), bits))
}

// created returns when a certificate of this package was made.
func created(c *x509.Certificate) time.Time { return c.NotBefore.Add(backdate) }

// renewal returns when a certificate is due to be replaced: after two thirds
// of its life.
func renewal(c *x509.Certificate) time.Time {
	return c.NotBefore.Add(c.NotAfter.Sub(c.NotBefore) / 3 * 2)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
