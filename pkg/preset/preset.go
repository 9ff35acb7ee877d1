// Package preset runs the tests of metrics: what an expression gives, and how
// many replicas an autoscaler makes of it, over recorded or written-down
// scrapes at given times. Users run the same tests for what they deploy
// (gaugeway test) as are run here.
//
// Load reads files of tests, [Case.Run] runs one. A run depends on nothing but
// its file and the files that it names: time is an input, and there is no state
// that outlives it. The program sees what it sees in service, through the same
// parser, window and sandbox. What the engine does with an answer afterwards is
// not part of it: minimum coverage, scaling by coverage, idle.after, missing and
// maxAge.
package preset

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
	"github.com/gaugeway/gaugeway/pkg/config"
	"github.com/gaugeway/gaugeway/pkg/hpa"
	"github.com/gaugeway/gaugeway/pkg/script"
)

// A File holds the cases of one file, in its order.
type File struct {
	// Path as it was given or, of a file found in a folder, that folder's path
	// and what follows.
	Path  string
	Cases []*Case
}

// A Case is one test, ready to run: an expression, what it reads, and what is
// expected of it at certain times. It is immutable.
type Case struct {
	// Name is unique in its file.
	Name string
	// Path of the file, and the Line where the case begins.
	Path string
	Line int

	// Covers says which of the cases that a preset needs this is: see Situations.
	Covers []string

	presets *Set
	program program
	start   int64 // ms
	parts   []part
	targets []target
	history []past
	pods    script.Addresses
	evals   []evaluation // in the file's order
}

// A program is the expression of a case.
type program struct {
	source string
	// name under which its results are remembered.
	name string
	// origin stands before the line of a mistake: lua, p95.lua, shop.yaml.
	origin string
	// metric is where the expression comes from, nil for one in a test file.
	metric *config.Metric
	// gateway names the preset that gateway is in the expression; "" for none.
	gateway string
	// kind is Level or Total; "" where it is not known.
	kind v1alpha1.MetricType
}

// A part is a source, and what the program may see of it.
type part struct {
	interval int64 // ms
	matchers []*labels.Matcher
}

// An evaluation is a time and what is expected then.
type evaluation struct {
	at   time.Duration
	line int
	want expectation
}

// An expectation is what a program is to return. Where it is not given, only
// the autoscaler's answer is expected.
type expectation struct {
	given bool
	items []wantedItem // in label order; empty without fails and idle: no data
	idle  bool         // no items, but percentiles that observed nothing
	fails string       // a part of the error's text
	hpa   *wantedReplicas
}

type wantedItem struct {
	labels    labels.Labels
	idle      bool
	value     float64
	tolerance float64 // absolute, not negative
	shown     string  // the tolerance as it was given, to print; empty by default
}

type wantedReplicas struct {
	target   hpa.Target
	current  int32
	selector []*labels.Matcher
	want     int32
}

// Load reads files of tests: those that are named, and those below folders that
// are named, in which every test.yaml, test.yml, *_test.yaml and *_test.yml is
// read that is not in a hidden folder. A file is read once. Findings are what is
// wrong in the files, and in files that they name; a file with findings has no
// cases. The error says that a path could not be read. Programs may use the
// presets, which may be nil.
func Load(paths []string, presets *Set) ([]File, []config.Finding, error) {
	names, err := find(paths)
	if err != nil {
		return nil, nil, err
	}
	l := newLoader(presets)
	var files []File
	var findings []config.Finding
	for _, name := range names {
		data, err := readFile(name, config.MaxFileBytes)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		cases, found := l.load(name, data)
		files = append(files, File{Path: name, Cases: cases})
		findings = append(findings, found...)
	}
	return files, findings, nil
}

// Parse reads a file of tests whose text is given. The files that it names are
// read, their paths beginning at the folder of path. Programs may use the presets,
// which may be nil.
func Parse(path string, text []byte, presets *Set) (File, []config.Finding) {
	cases, findings := newLoader(presets).load(path, text)
	return File{Path: path, Cases: cases}, findings
}

// testFile is what files of tests are called.
var testFile = regexp.MustCompile(`^(.*_)?test\.ya?ml$`)

// find returns the files that are named and those below folders that are named,
// each once. Hidden folders and those called testdata are passed over.
func find(paths []string) ([]string, error) {
	var names []string
	add := func(name string) {
		if name = filepath.Clean(name); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			add(path)
			continue
		}
		err = filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir():
				if name != path && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata") {
					return filepath.SkipDir
				}
			case testFile.MatchString(entry.Name()):
				add(name)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return names, nil
}
