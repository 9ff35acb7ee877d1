package server

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// An access is what a client of a standalone server needs to know.
type access struct {
	server string // URL
	ca     []byte // PEM
	token  string
}

// stateFiles are what a standalone server leaves on disk while it runs.
type stateFiles struct {
	kubeconfig string // path
	written    []stateFile
	// made is the folder, if it did not exist before.
	made string
}

// A stateFile is a file and what was written to it.
type stateFile struct {
	path    string
	content []byte
}

// writeStateFiles writes the token and a kubeconfig to dir, or where that is
// empty, to a folder for the server's port under the user's cache folder. Both
// files have mode 0600 and replace those of a server that was killed. What was
// written before an error is returned with it.
func writeStateFiles(dir string, a access) (*stateFiles, error) {
	dir, err := stateDir(dir, a.server)
	if err != nil {
		return nil, err
	}
	files := &stateFiles{kubeconfig: filepath.Join(dir, "kubeconfig")}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		files.made = dir
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the state folder: %w", err)
	}
	kubeconfig, err := a.kubeconfig()
	if err != nil {
		return files, fmt.Errorf("print the kubeconfig: %w", err)
	}
	for _, file := range []stateFile{
		{filepath.Join(dir, "token"), []byte(a.token)},
		{files.kubeconfig, kubeconfig},
	} {
		if err := writePrivate(file); err != nil {
			return files, fmt.Errorf("write the state file: %w", err)
		}
		files.written = append(files.written, file)
	}
	return files, nil
}

// stateDir returns dir as an absolute path, or the default folder.
func stateDir(dir, server string) (string, error) {
	if dir != "" {
		return filepath.Abs(dir)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the user's cache folder: %w; choose a state folder", err)
	}
	address, err := url.Parse(server)
	if err != nil {
		return "", fmt.Errorf("name the state folder: %w", err)
	}
	_, port, err := net.SplitHostPort(address.Host)
	if err != nil {
		return "", fmt.Errorf("name the state folder: %w", err)
	}
	return filepath.Join(cache, "gaugeway", "standalone-"+port), nil
}

// writePrivate writes a file that only its owner can read, at once as a whole:
// a reader sees the old content or the new one.
func writePrivate(file stateFile) error {
	f, err := os.CreateTemp(filepath.Dir(file.path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(file.content)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// remove removes the files, and the folder if it was made for them and is
// empty. Files that another server has replaced since stay. A nil *stateFiles
// has none.
func (s *stateFiles) remove() error {
	if s == nil {
		return nil
	}
	var problems []error
	for _, file := range s.written {
		content, err := os.ReadFile(file.path)
		if err == nil && bytes.Equal(content, file.content) {
			err = os.Remove(file.path)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			problems = append(problems, fmt.Errorf("remove the state file: %w", err))
		}
	}
	if s.made != "" {
		// Not empty means that others keep files there.
		_ = os.Remove(s.made)
	}
	return errors.Join(problems...)
}

// kubeconfig prints a kubeconfig with this access as its only context.
func (a *access) kubeconfig() ([]byte, error) {
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: a.server, CertificateAuthorityData: a.ca}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: a.token}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	return clientcmd.Write(*config)
}
