package scrape

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/gaugeway/gaugeway/pkg/exposition"
)

// noon is the time of the tests' clocks; certificates are made for that day.
var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// TestTLS: whom a scraper trusts, and what it says when it does not.
func TestTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca, other := newAuthority(t), newAuthority(t)
	caFile := write(t, dir, "ca.pem", ca.pem)
	certificate, key := ca.issue(t, "gaugeway")
	certFile, keyFile := write(t, dir, "cert.pem", certificate), write(t, dir, "key.pem", key)
	strangeCertificate, strangeKey := other.issue(t, "stranger")
	strangeCert, strangeKeyFile := write(t, dir, "strange.pem", strangeCertificate), write(t, dir, "strange-key.pem", strangeKey)

	at := func(now time.Time) func() time.Time { return func() time.Time { return now } }
	plain := func(*tls.Config) {}
	mutual := func(c *tls.Config) {
		// In TLS 1.3 the request may be on its way before the server refuses.
		c.MaxVersion = tls.VersionTLS12
		c.ClientAuth = tls.RequireAndVerifyClientCert
		c.ClientCAs = x509.NewCertPool()
		c.ClientCAs.AppendCertsFromPEM([]byte(ca.pem))
	}
	old := func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }
	tests := []struct {
		name    string
		server  func(*tls.Config)
		host    string // in the server's certificate
		config  Config
		message string // empty for success
	}{
		{"trusted", plain, "127.0.0.1", Config{TLS: &TLS{CAFile: caFile}, Now: at(noon)}, ""},
		{"by name", plain, "kong.gateways", Config{TLS: &TLS{CAFile: caFile, ServerName: "kong.gateways"}, Now: at(noon)}, ""},
		{"mutual", mutual, "127.0.0.1", Config{TLS: &TLS{CAFile: caFile, CertFile: certFile, KeyFile: keyFile}, Now: at(noon)}, ""},
		{"no authority", plain, "127.0.0.1", Config{Now: at(noon)},
			"no trusted connection, set tlsConfig.ca, in files caFile, to the authority that signed the certificate: " +
				"tls: failed to verify certificate: x509: certificate signed by unknown authority..."},
		{"wrong host name", plain, "kong.gateways", Config{TLS: &TLS{CAFile: caFile}, Now: at(noon)},
			"no trusted connection, set tlsConfig.serverName to a name that the certificate has: tls: failed to verify certificate: x509: ..."},
		{"expired", plain, "127.0.0.1", Config{TLS: &TLS{CAFile: caFile}, Now: at(noon.Add(48 * time.Hour))},
			"no trusted connection, renew the certificate: tls: failed to verify certificate: x509: certificate has expired or is not yet valid: ..."},
		{"not yet valid", plain, "127.0.0.1", Config{TLS: &TLS{CAFile: caFile}, Now: at(noon.Add(-48 * time.Hour))},
			"no trusted connection, renew the certificate: tls: failed to verify certificate: x509: certificate has expired or is not yet valid: ..."},
		{"old protocol", old, "127.0.0.1", Config{TLS: &TLS{CAFile: caFile}, Now: at(noon)},
			"no trusted connection, see tlsConfig, and what the target wants: remote error: tls: protocol version not supported"},
		{"no client certificate", mutual, "127.0.0.1", Config{TLS: &TLS{CAFile: caFile}, Now: at(noon)},
			"no trusted connection, see tlsConfig, and what the target wants: remote error: tls: ..."},
		{"wrong client certificate", mutual, "127.0.0.1", Config{TLS: &TLS{CAFile: caFile, CertFile: strangeCert, KeyFile: strangeKeyFile}, Now: at(noon)},
			"no trusted connection, see tlsConfig, and what the target wants: remote error: tls: ..."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			certificate, key := ca.issue(t, tt.host)
			server := serveTLS(t, certificate, key, tt.server)
			result, err := scraper(t, tt.config).Scrape(t.Context(), server+"/?key=s3cr3t", exposition.NewParser(exposition.Options{}))
			if tt.message != "" {
				checkError(t, err, ReasonTLS, tt.message)
			} else if err != nil || result.Stats.Samples != 1 {
				t.Errorf("%+v, %v", result, err)
			}
		})
	}
}

// TestSamplesAreNotAsOldAsTheConnection: what a connection takes, as where packets
// are lost, makes no sample older. The next scrape has a connection already.
func TestSamplesAreNotAsOldAsTheConnection(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	clock := clocktesting.NewFakeClock(noon)
	certificate, key := ca.issue(t, "127.0.0.1")
	server := serveTLS(t, certificate, key, func(c *tls.Config) {
		// Before the server answers the client's first message: after its last one, the
		// client would not wait for it.
		c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { clock.Step(time.Second); return nil, nil }
	})
	s := scraper(t, Config{TLS: &TLS{CAFile: write(t, t.TempDir(), "ca.pem", ca.pem)}, Now: clock.Now})
	for _, took := range []time.Duration{time.Second, 0} {
		result, err := s.Scrape(t.Context(), server, exposition.NewParser(exposition.Options{}))
		if want := noon.Add(time.Second).UnixMilli(); err != nil || result.Batch.Time != want || result.Duration != took {
			t.Errorf("%+v, %v, want samples of %d", result, err, want)
		}
	}
}

// TestTLSToPlainServer: the scheme is wrong, one way and the other.
func TestTLSToPlainServer(t *testing.T) {
	t.Parallel()
	_, err := scraper(t, Config{}).Scrape(t.Context(), strings.Replace(serve(t, answer("a 1\n")), "http:", "https:", 1), exposition.NewParser(exposition.Options{}))
	checkError(t, err, ReasonTLS, "no trusted connection, the target does not speak TLS: does it want http?: tls: first record does not look like a TLS handshake")

	certificate, key := newAuthority(t).issue(t, "127.0.0.1")
	server := serveTLS(t, certificate, key, func(*tls.Config) {})
	_, err = scraper(t, Config{}).Scrape(t.Context(), strings.Replace(server, "https:", "http:", 1), exposition.NewParser(exposition.Options{}))
	checkError(t, err, ReasonStatus, "status 400 Bad Request: does the port want https?")
}

// TestTLSFilesAreReadAnew: a new connection uses the files as they are then.
func TestTLSFilesAreReadAnew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca, other := newAuthority(t), newAuthority(t)
	certificate, key := ca.issue(t, "127.0.0.1")
	server := serveTLS(t, certificate, key, func(*tls.Config) {})
	s := scraper(t, Config{TLS: &TLS{CAFile: write(t, dir, "ca.pem", other.pem)}, Now: func() time.Time { return noon }})
	scrape := func() error {
		_, err := s.Scrape(t.Context(), server, exposition.NewParser(exposition.Options{}))
		return err
	}
	checkError(t, scrape(), ReasonTLS, "no trusted connection, set tlsConfig.ca, in files caFile...")
	write(t, dir, "ca.pem", ca.pem)
	if err := scrape(); err != nil {
		t.Error(err)
	}
	s.Close()
	write(t, dir, "ca.pem", "junk")
	checkError(t, scrape(), ReasonTLS, "no TLS connection: caFile: "+dir+"/ca.pem holds no certificate: it must be PEM, with BEGIN CERTIFICATE")
}

// TestTLSInMemory: what is in memory is used, and a connection is not kept beyond
// a change of it; where it cannot be read, what there is goes on.
func TestTLSInMemory(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t), newAuthority(t)
	certificate, key := ca.issue(t, "127.0.0.1")
	server := serveTLS(t, certificate, key, func(c *tls.Config) {
		c.ClientAuth = tls.RequireAndVerifyClientCert
		c.ClientCAs = x509.NewCertPool()
		c.ClientCAs.AppendCertsFromPEM([]byte(ca.pem))
	})
	var values sync.Map
	material := func(name string) Material {
		return func() ([]byte, error) {
			v, ok := values.Load(name)
			if !ok {
				return nil, fmt.Errorf("there is no Secret %s", name)
			}
			return []byte(v.(string)), nil
		}
	}
	s := scraper(t, Config{
		TLS: &TLS{CA: material("ca"), Cert: material("cert"), Key: material("key")},
		Now: func() time.Time { return noon },
	})
	scrape := func() error {
		_, err := s.Scrape(t.Context(), server, exposition.NewParser(exposition.Options{}))
		return err
	}
	checkError(t, scrape(), ReasonTLS, "no TLS connection: ca: there is no Secret ca")
	values.Store("ca", ca.pem)
	values.Store("cert", certificate)
	values.Store("key", "s3cr3t")
	checkError(t, scrape(), ReasonTLS, "no TLS connection: cert and key are no pair: tls: failed to find any PEM data in key input: give a certificate and its key, both PEM")
	values.Store("key", key)
	if err := scrape(); err != nil {
		t.Error(err)
	}
	values.Delete("ca")
	if err := scrape(); err != nil {
		t.Errorf("the connection that there is does not go on: %v", err)
	}
	values.Store("ca", other.pem)
	checkError(t, scrape(), ReasonTLS, "no trusted connection, set tlsConfig.ca, in files caFile...")
	values.Store("ca", "s3cr3t")
	checkError(t, scrape(), ReasonTLS, "no TLS connection: ca: the value holds no certificate: it must be PEM, with BEGIN CERTIFICATE")
	values.Store("ca", strings.Repeat("s3cr3t", maxCertificate/6+1))
	checkError(t, scrape(), ReasonTLS, "no TLS connection: ca: larger than 4Mi: is it the right key?")
	values.Store("ca", ca.pem)
	if err := scrape(); err != nil {
		t.Error(err)
	}
}

// serveTLS returns the URL of a server with a certificate.
func serveTLS(t *testing.T, certificate, key string, configure func(*tls.Config)) string {
	t.Helper()
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(answer("a 1\n"))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that fail are the point
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, Time: func() time.Time { return noon }}
	configure(server.TLS)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL
}

// An authority signs certificates for the day of noon.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "authority"},
		NotBefore:             noon.AddDate(-1, 0, 0),
		NotAfter:              noon.AddDate(1, 0, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{certificate, key, block("CERTIFICATE", der)}
}

// issue returns a certificate of a host, a name or an address, and its key.
func (a *authority) issue(t *testing.T, host string) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2),
		Subject:      pkix.Name{CommonName: host},
		NotBefore:    noon.Add(-24 * time.Hour),
		NotAfter:     noon.Add(24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, private.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return block("CERTIFICATE", der), block("PRIVATE KEY", keyDER)
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// TestNoConnectionOutlivesItsScrape: a target that takes connections and then is
// silent does not keep them beyond the timeout.
func TestNoConnectionOutlivesItsScrape(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	closed := make(chan struct{})
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, conn) // the greeting, then nothing
		close(closed)
		conn.Close()
	}()
	s := scraper(t, Config{Timeout: 50 * time.Millisecond})
	_, err = s.Scrape(t.Context(), "https://"+listener.Addr().String(), exposition.NewParser(exposition.Options{}))
	checkError(t, err, ReasonTimeout, "no complete answer within 50ms, given up before the answer began: "+
		"see why the target is slow, or raise spec.scrapeTimeout: context deadline exceeded")
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Error("the connection is still open")
	}
}
