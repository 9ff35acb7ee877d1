package scrape

import (
	"errors"
	"strings"
	"testing"

	"github.com/gaugeway/gaugeway/pkg/exposition"
)

// TestBadCredentials: nothing is sent without the credentials that are due.
func TestBadCredentials(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server := serve(t, answer("a 1\n"))
	f := func(c Config, message string) {
		t.Helper()
		_, err := scraper(t, c).Scrape(t.Context(), server, exposition.NewParser(exposition.Options{}))
		checkError(t, err, ReasonCredentials, strings.ReplaceAll(message, "DIR", dir))
	}
	bearer := func(name string) Config {
		return Config{Authorization: &Authorization{CredentialsFile: name}}
	}
	f(bearer(dir+"/none"), "no credentials: credentialsFile: DIR/none: no such file or directory: is it mounted, and the path right?")
	f(bearer(dir), "no credentials: credentialsFile: DIR is not a regular file: name the file itself")
	f(bearer(write(t, dir, "empty", " \n")), "no credentials: credentialsFile: DIR/empty is empty: is the secret filled in?")
	f(bearer(write(t, dir, "lines", "s3cr3t\ns3cr3t\n")),
		"no credentials: credentialsFile: DIR/lines holds more than one line, or bytes that a header cannot have: keep just the credentials in it")
	f(bearer(write(t, dir, "large", strings.Repeat("s3cr3t", 1<<14))), "no credentials: credentialsFile: DIR/large is larger than 64Ki: is it the right file?")
	f(Config{BasicAuth: &BasicAuth{Username: "me", PasswordFile: dir + "/none"}},
		"no credentials: passwordFile: DIR/none: no such file or directory: is it mounted, and the path right?")

	memory := func(value string, err error) Config {
		return Config{Authorization: &Authorization{Credentials: func() ([]byte, error) { return []byte(value), err }}}
	}
	f(memory("s3cr3t", errors.New("there is no Secret kong")), "no credentials: credentials: there is no Secret kong")
	f(memory(" \n", nil), "no credentials: credentials: the value is empty: is the secret filled in?")
	f(memory("s3cr3t\ns3cr3t", nil),
		"no credentials: credentials: the value holds more than one line, or bytes that a header cannot have: keep just the credentials in it")
	f(memory(strings.Repeat("s3cr3t", 1<<14), nil), "no credentials: credentials: larger than 64Ki: is it the right key?")
	f(Config{BasicAuth: &BasicAuth{Username: "me", Password: func() ([]byte, error) { return nil, nil }}},
		"no credentials: password: the value is empty: is the secret filled in?")
}

func TestNewErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	junk := write(t, dir, "junk", "junk")
	f := func(c Config, message string) {
		t.Helper()
		s, err := New(c)
		if err == nil || err.Error() != strings.ReplaceAll(message, "DIR", dir) || s != nil {
			t.Errorf("\n got %v\nwant %s", err, message)
		}
	}
	f(Config{Authorization: &Authorization{CredentialsFile: junk}, BasicAuth: &BasicAuth{PasswordFile: junk}},
		"both authorization and basicAuth are given: remove one of them")
	f(Config{Authorization: &Authorization{}}, "authorization has no credentialsFile: name the file that holds the credentials")
	f(Config{Authorization: &Authorization{Type: "A B", CredentialsFile: junk}},
		`the authorization type "A B" is not a word: use Bearer, or what the target asks for`)
	f(Config{BasicAuth: &BasicAuth{Username: "me"}}, "basicAuth has no passwordFile: name the file that holds the password")
	f(Config{BasicAuth: &BasicAuth{Username: "me:you", PasswordFile: junk}},
		"the username of basicAuth holds a colon, which HTTP does not allow: use another user")
	nothing := func() ([]byte, error) { return nil, errors.New("not there yet") }
	f(Config{Authorization: &Authorization{CredentialsFile: junk, Credentials: nothing}}, "authorization has both credentials and credentialsFile: remove one of them")
	f(Config{BasicAuth: &BasicAuth{PasswordFile: junk, Password: nothing}}, "basicAuth has both password and passwordFile: remove one of them")
	f(Config{TLS: &TLS{CAFile: junk, CA: nothing}}, "both ca and caFile are given: remove one of them")
	f(Config{TLS: &TLS{Cert: nothing}}, "the client's certificate is given without its key: give both or none")
	f(Config{TLS: &TLS{CAFile: dir + "/none"}}, "caFile: DIR/none: no such file or directory: is it mounted, and the path right?")
	f(Config{TLS: &TLS{CAFile: junk}}, "caFile: DIR/junk holds no certificate: it must be PEM, with BEGIN CERTIFICATE")
	f(Config{TLS: &TLS{CertFile: junk}}, "the client's certificate is given without its key: give both or none")
	f(Config{TLS: &TLS{KeyFile: junk}}, "the client's key is given without its certificate: give both or none")
	f(Config{TLS: &TLS{CertFile: dir + "/none", KeyFile: junk}}, "certFile: DIR/none: no such file or directory: is it mounted, and the path right?")
	f(Config{TLS: &TLS{CertFile: junk, KeyFile: dir + "/none"}}, "keyFile: DIR/none: no such file or directory: is it mounted, and the path right?")
	f(Config{TLS: &TLS{CertFile: junk, KeyFile: junk}}, "certFile DIR/junk and keyFile DIR/junk are no pair: "+
		"tls: failed to find any PEM data in certificate input: give a certificate and its key, both PEM")
}

func TestBytesString(t *testing.T) {
	t.Parallel()
	f := func(n int64, want string) {
		t.Helper()
		if got := bytesString(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
	f(0, "0")
	f(1000, "1000")
	f(1024, "1Ki")
	f(64<<20, "64Mi")
	f(3<<29, "1536Mi")
	f(1<<50, "1024Ti")
}
