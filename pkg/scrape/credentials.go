package scrape

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// Authorization is a header `Authorization: <Type> <credentials>`.
type Authorization struct {
	// Type of the credentials; empty is Bearer.
	Type string
	// CredentialsFile holds the credentials; it is read at each scrape, and
	// blanks around them are removed.
	CredentialsFile string
	// Credentials returns them instead of a file; it is called at each scrape.
	Credentials Material
}

// A Material returns what a file would hold: credentials, or PEM. It is called
// by many goroutines and does no I/O. Its errors are shown, so they hold nothing
// that is secret.
type Material func() ([]byte, error)

// BasicAuth is a user name and a password.
type BasicAuth struct {
	Username string
	// PasswordFile holds the password; it is read at each scrape, and blanks
	// around it are removed.
	PasswordFile string
	// Password returns it instead of a file; it is called at each scrape.
	Password Material
}

const (
	maxCredentials = 64 << 10 // bytes of a file with credentials
	maxCertificate = 4 << 20  // bytes of a file with certificates or a key
)

// checkCredentials checks what can be checked without reading files.
func checkCredentials(a *Authorization, b *BasicAuth) error {
	switch {
	case a != nil && b != nil:
		return errors.New("both authorization and basicAuth are given: remove one of them")
	case a != nil && a.CredentialsFile == "" && a.Credentials == nil:
		return errors.New("authorization has no credentialsFile: name the file that holds the credentials")
	case a != nil && a.CredentialsFile != "" && a.Credentials != nil:
		return errors.New("authorization has both credentials and credentialsFile: remove one of them")
	case a != nil && strings.ContainsFunc(a.Type, notPrintable):
		return fmt.Errorf("the authorization type %q is not a word: use Bearer, or what the target asks for", a.Type)
	case b != nil && b.PasswordFile == "" && b.Password == nil:
		return errors.New("basicAuth has no passwordFile: name the file that holds the password")
	case b != nil && b.PasswordFile != "" && b.Password != nil:
		return errors.New("basicAuth has both password and passwordFile: remove one of them")
	case b != nil && strings.Contains(b.Username, ":"):
		return errors.New("the username of basicAuth holds a colon, which HTTP does not allow: use another user")
	}
	return nil
}

// authorization returns the header Authorization, empty for none.
func (c *Config) authorization() (string, error) {
	switch {
	case c.Authorization != nil:
		kind := c.Authorization.Type
		if kind == "" {
			kind = "Bearer"
		}
		from := origin{"credentials", c.Authorization.CredentialsFile, c.Authorization.Credentials}
		credentials, err := from.secret()
		if err != nil {
			return "", err
		}
		if strings.ContainsFunc(credentials, notHeader) {
			return "", fmt.Errorf("%s holds more than one line, or bytes that a header cannot have: keep just the credentials in it", from)
		}
		return kind + " " + credentials, nil
	case c.BasicAuth != nil:
		password, err := origin{"password", c.BasicAuth.PasswordFile, c.BasicAuth.Password}.secret()
		if err != nil {
			return "", err
		}
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(c.BasicAuth.Username+":"+password)), nil
	}
	return "", nil
}

// An origin is where something is read: a file or memory.
type origin struct {
	field string // its name in the configuration, without File
	file  string
	from  Material
}

// String begins a sentence about what was read.
func (o origin) String() string {
	if o.from != nil {
		return o.field + ": the value"
	}
	return o.field + "File: " + o.file
}

// name names the origin within a sentence.
func (o origin) name() string {
	if o.from != nil {
		return o.field
	}
	return o.field + "File " + o.file
}

// given reports whether the configuration names something.
func (o origin) given() bool { return o.from != nil || o.file != "" }

// read returns limit bytes at most. Its errors name the origin and the cure.
func (o origin) read(limit int64) ([]byte, error) {
	if o.from == nil {
		data, err := readFile(o.file, limit)
		if err != nil {
			return nil, fmt.Errorf("%sFile: %w", o.field, err)
		}
		return data, nil
	}
	data, err := o.from()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.field, err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s: larger than %s: is it the right key?", o.field, bytesString(limit))
	}
	return data, nil
}

// secret returns credentials, without blanks around them.
func (o origin) secret() (string, error) {
	data, err := o.read(maxCredentials)
	if err != nil {
		return "", err
	}
	data = bytes.TrimSpace(data)
	if len(data) == 0 {
		return "", fmt.Errorf("%s is empty: is the secret filled in?", o)
	}
	return string(data), nil
}

// readFile reads a regular file of limit bytes at most. Its errors name the file
// and the cure.
func readFile(name string, limit int64) ([]byte, error) {
	// A pipe would hang when it is opened, and a device never end.
	info, err := os.Stat(name)
	if err != nil {
		return nil, fileError(name, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file: name the file itself", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fileError(name, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fileError(name, err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s is larger than %s: is it the right file?", name, bytesString(limit))
	}
	return data, nil
}

func fileError(name string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	cure := "is it mounted, and the path right?"
	if errors.Is(err, fs.ErrPermission) {
		cure = "let the user that gaugeway runs as read it"
	}
	return fmt.Errorf("%s: %w: %s", name, err, cure)
}

// notPrintable reports whether r cannot be in a word of a header.
func notPrintable(r rune) bool { return r <= ' ' || r >= 0x7f }

// notHeader reports whether r cannot be in the value of a header.
func notHeader(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
