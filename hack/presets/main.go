// Command presets writes what is to be read about presets from what they say:
// lua/NAME/README.md of each, lua/index.json and docs/gateways.md with all of them. It runs in the
// folder lua.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gaugeway/gaugeway/pkg/preset"
)

// head precedes the tables of docs/gateways.md.
const head = `# Gateways and what they tell

Each gateway that has a preset, and which metrics of the vocabulary it offers: a cell has the labels that the metric can be
selected and grouped by, besides those of its targets, "yes" where there are none, and "no" where the gateway cannot tell,
with the reason and what can be had instead. Each metric of each gateway, and each of its labels, has a test in ` + "`lua/NAME/test.yaml`" + `.
[docs/presets.md](presets.md) tells how presets are used and written. This page is written by ` + "`make generate`" + `.

`

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "presets:", err)
		os.Exit(1)
	}
}

// run writes the files for the presets of a folder; docs is the folder beside it.
func run(dir string) error {
	set, findings, err := preset.LoadSet(os.DirFS(dir), "")
	if err != nil {
		return fmt.Errorf("read the presets: %w", err)
	}
	var errs []error
	for _, f := range findings {
		errs = append(errs, errors.New(f.String()))
	}
	for _, p := range set.All() {
		errs = append(errs, write(filepath.Join(dir, p.Name, "README.md"), p.Readme()))
	}
	index, err := set.Index()
	if err != nil {
		return err
	}
	errs = append(errs, write(filepath.Join(dir, preset.IndexFile), index))
	errs = append(errs, write(filepath.Join(dir, "..", "docs", "gateways.md"), head+set.Tables()))
	return errors.Join(errs...)
}

func write(path, text string) error {
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return fmt.Errorf("write what is to be read of presets: %w", err)
	}
	return nil
}
