package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// MaxFileBytes limits a configuration file, as Kubernetes limits a ConfigMap; a
// larger one is a finding.
const MaxFileBytes = 1 << 20

// Objects are the objects of a folder, each valid in itself with its defaults
// applied, in the order of the files, and what is wrong with the others.
type Objects struct {
	Sources  []*Source
	Metrics  []*Metric
	Findings []Finding
	// Autoscalers are the HorizontalPodAutoscalers that lie beside them, unchecked.
	Autoscalers []Autoscaler

	folders     []string // all that was read from, absolute and without links: what to watch
	byAge       []string // metrics of the cluster by Object, usable or not, oldest first; nil for files
	fingerprint fingerprint
}

// An Autoscaler is a HorizontalPodAutoscaler, not decoded, and where it begins.
type Autoscaler struct {
	// File is the path of the file, the folder's path included; Line counts from 1.
	File string
	Line int
	// JSON is the object.
	JSON []byte
}

// A fingerprint tells whether files have changed: names and contents.
type fingerprint [sha256.Size]byte

// Read reads every *.yaml and *.yml file of a folder and of the folders in it.
// Hidden files and folders are left out, so that the ..data folder of a mounted
// ConfigMap is read once, through the links to it; so is a second link to a file
// already read. A document with tests, which is what gaugeway test reads, is no
// object and left out as well, and so is a Kustomization; HorizontalPodAutoscalers,
// which belong to the cluster, are only collected. A file that cannot be read is a
// finding; the error says that the folder itself cannot. Nil presets know none.
func Read(dir string, presets Presets) (*Objects, error) {
	c, err := list(dir)
	if err != nil {
		return nil, err
	}
	return c.parse(presets), nil
}

// A content is what a folder's files hold, not parsed yet.
type content struct {
	files       []file
	folders     []string  // as in Objects
	findings    []Finding // of files that cannot be found
	fingerprint fingerprint
}

// A file is what was read of it, or why it was not.
type file struct {
	path string
	data []byte
	err  error
}

// list reads the files of a folder.
func list(dir string) (*content, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("configuration folder cannot be read: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a folder: name the folder that the file is in", dir)
	}
	w := folderWalk{seen: map[string]bool{}}
	if err := w.folder(dir); err != nil {
		return nil, fmt.Errorf("configuration folder cannot be read: %w", err)
	}
	slices.Sort(w.files)

	c := &content{folders: w.folders, findings: w.findings}
	hash := sha256.New()
	for _, path := range w.files {
		data, err := readFile(path)
		fmt.Fprintf(hash, "%q %d %v\n", path, len(data), err)
		hash.Write(data)
		c.files = append(c.files, file{path, data, err})
	}
	for _, f := range w.findings {
		fmt.Fprintln(hash, f)
	}
	hash.Sum(c.fingerprint[:0])
	return c, nil
}

// parse makes objects of the files.
func (c *content) parse(presets Presets) *Objects {
	objects := &Objects{Findings: c.findings, folders: c.folders, fingerprint: c.fingerprint}
	p := newParser(objects, presets)
	for _, f := range c.files {
		if f.err != nil {
			objects.Findings = append(objects.Findings, unreadable(f.path, f.err))
			continue
		}
		p.file(f.path, f.data)
	}
	return objects
}

// A folderWalk collects files, each once, also where links lead in circles.
type folderWalk struct {
	files    []string
	folders  []string
	findings []Finding
	seen     map[string]bool // real paths
}

// folder collects a folder's files; the error says that the folder cannot be listed.
func (w *folderWalk) folder(dir string) error {
	real, again, err := w.again(dir)
	if again || err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	w.note(real)
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), ".") {
			w.entry(filepath.Join(dir, entry.Name()))
		}
	}
	return nil
}

func (w *folderWalk) entry(path string) {
	isYAML := slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(path))
	info, err := os.Stat(path) // of what a link leads to
	switch {
	case err != nil:
		if isYAML {
			w.findings = append(w.findings, unreadable(path, err))
		}
	case info.IsDir():
		if err := w.folder(path); err != nil {
			w.findings = append(w.findings, unreadable(path, err))
		}
	case isYAML:
		real, again, err := w.again(path)
		if err != nil {
			w.findings = append(w.findings, unreadable(path, err))
		} else if !again {
			w.files = append(w.files, path)
			w.note(filepath.Dir(real)) // another folder where path is a link
		}
	}
}

// again returns where the links of a path lead, and whether that was seen before.
func (w *folderWalk) again(path string) (real string, again bool, err error) {
	if real, err = filepath.EvalSymlinks(path); err != nil {
		return "", false, err
	}
	again = w.seen[real]
	w.seen[real] = true
	return real, again, nil
}

// note remembers a folder, for a Watcher.
func (w *folderWalk) note(real string) {
	if abs, err := filepath.Abs(real); err == nil && !slices.Contains(w.folders, abs) {
		w.folders = append(w.folders, abs)
	}
}

// errTooLarge says that a file is longer than MaxFileBytes.
var errTooLarge = fmt.Errorf("larger than the limit of %d MiB", MaxFileBytes>>20)

func readFile(path string) ([]byte, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > MaxFileBytes {
		return nil, errTooLarge
	}
	return data, nil
}

func unreadable(path string, err error) Finding {
	f := Finding{File: path, Message: "cannot be read: " + reason(err), Cure: "make it readable or remove it"}
	switch {
	case errors.Is(err, errTooLarge):
		f.Message, f.Cure = err.Error(), "split it into several files"
	case errors.Is(err, fs.ErrNotExist):
		f.Cure = "correct the link or remove it"
	}
	return f
}

// reason returns an error's text without the path, which the finding has.
func reason(err error) string {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err.Error()
	}
	return err.Error()
}
