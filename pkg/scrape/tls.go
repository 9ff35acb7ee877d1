package scrape

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// TLS is what a TLS connection needs, from files or from memory, and the name
// that the target must have. All is read anew for each new connection, so
// certificates may be renewed in place. A connection that is kept lives on with
// files that it began with; where memory has changed, it is not used again.
type TLS struct {
	// CAFile holds the authorities, PEM, that may have signed the target's
	// certificate. Without it and CA the system's are trusted.
	CAFile string
	// CertFile and KeyFile, PEM, prove who we are; both or none.
	CertFile, KeyFile string
	// CA, Cert and Key return the same instead of files.
	CA, Cert, Key Material
	// ServerName is the name that the target's certificate must have; empty
	// stands for the host of the URL.
	ServerName string
}

func (t *TLS) ca() origin   { return origin{"ca", t.CAFile, t.CA} }
func (t *TLS) cert() origin { return origin{"cert", t.CertFile, t.Cert} }
func (t *TLS) key() origin  { return origin{"key", t.KeyFile, t.Key} }

// check checks what can be checked without reading what is in memory: it may
// not be there yet. Files are read.
func (t *TLS) check(now func() time.Time) error {
	if t == nil {
		return nil
	}
	for _, o := range []origin{t.ca(), t.cert(), t.key()} {
		if o.file != "" && o.from != nil {
			return fmt.Errorf("both %s and %sFile are given: remove one of them", o.field, o.field)
		}
	}
	if err := t.checkPair(); err != nil {
		return err
	}
	files := TLS{CAFile: t.CAFile}
	if t.Cert == nil && t.Key == nil {
		files.CertFile, files.KeyFile = t.CertFile, t.KeyFile
	}
	_, err := files.load(now)
	return err
}

func (t *TLS) checkPair() error {
	switch cert, key := t.cert(), t.key(); {
	case cert.given() && !key.given():
		return errors.New("the client's certificate is given without its key: give both or none")
	case key.given() && !cert.given():
		return errors.New("the client's key is given without its certificate: give both or none")
	}
	return nil
}

// load makes the configuration of a connection. A nil TLS has none of its own.
func (t *TLS) load(now func() time.Time) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, Time: now}
	if t == nil {
		return c, nil
	}
	c.ServerName = t.ServerName
	if ca := t.ca(); ca.given() {
		pem, err := ca.read(maxCertificate)
		if err != nil {
			return nil, err
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate: it must be PEM, with BEGIN CERTIFICATE", ca)
		}
	}
	cert, key := t.cert(), t.key()
	if !cert.given() {
		return c, nil
	}
	certificate, err := cert.read(maxCertificate)
	if err != nil {
		return nil, err
	}
	secret, err := key.read(maxCertificate)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certificate, secret)
	if err != nil {
		return nil, fmt.Errorf("%s and %s are no pair: %w: give a certificate and its key, both PEM", cert.name(), key.name(), err)
	}
	c.Certificates = []tls.Certificate{pair}
	return c, nil
}

// dialer returns how TLS connections are made: with what is to be read then,
// and the handshake done by the timeout.
func (t *TLS) dialer(now func() time.Time, timeout time.Duration) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := t.load(now)
		if err != nil {
			return nil, &Error{Reason: ReasonTLS, what: "no TLS connection", err: err}
		}
		return (&tls.Dialer{NetDialer: &net.Dialer{Timeout: timeout}, Config: c}).DialContext(ctx, network, address)
	}
}

// inMemory reports whether what is needed may change without a file.
func (t *TLS) inMemory() bool { return t != nil && (t.CA != nil || t.Cert != nil || t.Key != nil) }

// fingerprint tells one state of what is in memory from another; false where it
// cannot be read.
func (t *TLS) fingerprint() (sum [sha256.Size]byte, ok bool) {
	h := sha256.New()
	for _, from := range []Material{t.CA, t.Cert, t.Key} {
		if from == nil {
			continue
		}
		data, err := from()
		if err != nil {
			return sum, false
		}
		fmt.Fprintf(h, "%d:", len(data))
		h.Write(data)
	}
	return [sha256.Size]byte(h.Sum(nil)), true
}

// connections are the connections that are kept, all made with the same TLS.
type connections struct {
	*http.Transport
	fingerprint [sha256.Size]byte
}

// connections returns those that a scrape uses: new ones where what is in memory
// for TLS has changed. Where it cannot be read, what there is goes on.
func (s *Scraper) connections() *http.Transport {
	if !s.config.TLS.inMemory() {
		return s.kept.Load().Transport
	}
	for {
		kept := s.kept.Load()
		fingerprint, ok := s.config.TLS.fingerprint()
		if !ok || fingerprint == kept.fingerprint {
			return kept.Transport
		}
		if s.kept.CompareAndSwap(kept, &connections{newTransport(s.config), fingerprint}) {
			kept.CloseIdleConnections()
		}
	}
}
