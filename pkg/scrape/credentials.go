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
}

// BasicAuth is a user name and a password.
type BasicAuth struct {
	Username string
	// PasswordFile holds the password; it is read at each scrape, and blanks
	// around it are removed.
	PasswordFile string
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
	case a != nil && a.CredentialsFile == "":
		return errors.New("authorization has no credentialsFile: name the file that holds the credentials")
	case a != nil && strings.ContainsFunc(a.Type, notPrintable):
		return fmt.Errorf("the authorization type %q is not a word: use Bearer, or what the target asks for", a.Type)
	case b != nil && b.PasswordFile == "":
		return errors.New("basicAuth has no passwordFile: name the file that holds the password")
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
		credentials, err := readCredentials(c.Authorization.CredentialsFile)
		if err != nil {
			return "", fmt.Errorf("credentialsFile: %w", err)
		}
		if strings.ContainsFunc(credentials, notHeader) {
			return "", fmt.Errorf("credentialsFile: %s holds more than one line, or bytes that a header cannot have: keep just the credentials in it",
				c.Authorization.CredentialsFile)
		}
		return kind + " " + credentials, nil
	case c.BasicAuth != nil:
		password, err := readCredentials(c.BasicAuth.PasswordFile)
		if err != nil {
			return "", fmt.Errorf("passwordFile: %w", err)
		}
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(c.BasicAuth.Username+":"+password)), nil
	}
	return "", nil
}

// readCredentials returns what a file holds, without blanks around it.
func readCredentials(name string) (string, error) {
	data, err := readFile(name, maxCredentials)
	if err != nil {
		return "", err
	}
	data = bytes.TrimSpace(data)
	if len(data) == 0 {
		return "", fmt.Errorf("%s is empty: is the secret filled in?", name)
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
