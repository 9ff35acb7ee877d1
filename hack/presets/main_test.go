package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestFilesAreUpToDate: what is committed is what would be written.
func TestFilesAreUpToDate(t *testing.T) {
	t.Parallel()
	const root = "../.."
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "docs"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, "lua"), os.DirFS(filepath.Join(root, "lua"))); err != nil {
		t.Fatal(err)
	}
	if err := run(filepath.Join(dir, "lua")); err != nil {
		t.Fatal(err)
	}
	written, err := filepath.Glob(filepath.Join(dir, "lua", "*", "README.md"))
	if err != nil || len(written) == 0 {
		t.Fatalf("nothing was written: %v", err)
	}
	for _, path := range append(written, filepath.Join(dir, "lua", "index.json"), filepath.Join(dir, "docs", "gateways.md")) {
		name, err := filepath.Rel(dir, path)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil || string(got) != string(want) {
			t.Errorf("%s is out of date (%v); run make generate", name, err)
		}
	}
}
