package scrape

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"
)

// TLS names the files of a TLS connection and the name that the target must
// have. The files are read anew for each new connection, so certificates may be
// renewed in place; a connection that is kept lives on with those that it began
// with.
type TLS struct {
	// CAFile holds the authorities, PEM, that may have signed the target's
	// certificate; empty stands for the system's.
	CAFile string
	// CertFile and KeyFile, PEM, prove who we are; both or none.
	CertFile, KeyFile string
	// ServerName is the name that the target's certificate must have; empty
	// stands for the host of the URL.
	ServerName string
}

// load reads the files. A nil TLS has none.
func (t *TLS) load(now func() time.Time) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, Time: now}
	if t == nil {
		return c, nil
	}
	c.ServerName = t.ServerName
	if t.CAFile != "" {
		pem, err := readFile(t.CAFile, maxCertificate)
		if err != nil {
			return nil, fmt.Errorf("caFile: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("caFile: %s holds no certificate: it must be PEM, with BEGIN CERTIFICATE", t.CAFile)
		}
	}
	switch {
	case t.CertFile == "" && t.KeyFile == "":
		return c, nil
	case t.CertFile == "":
		return nil, errors.New("keyFile is given without certFile: give both or none")
	case t.KeyFile == "":
		return nil, errors.New("certFile is given without keyFile: give both or none")
	}
	cert, err := readFile(t.CertFile, maxCertificate)
	if err != nil {
		return nil, fmt.Errorf("certFile: %w", err)
	}
	key, err := readFile(t.KeyFile, maxCertificate)
	if err != nil {
		return nil, fmt.Errorf("keyFile: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("certFile %s and keyFile %s are no pair: %w: give a certificate and its key, both PEM", t.CertFile, t.KeyFile, err)
	}
	c.Certificates = []tls.Certificate{pair}
	return c, nil
}

// dialer returns how TLS connections are made: with the files as they are then,
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
