package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/gaugeway/gaugeway/e2e/build"
)

// machine describes where it was measured: processor, cores, kernel and Go.
func machine() (string, error) {
	model, err := processor()
	if err != nil {
		return "", err
	}
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, %d cores, Linux %s, %s", model, runtime.NumCPU(), strings.TrimSpace(string(kernel)), runtime.Version()), nil
}

// processor returns the processor's name, with family and model, because
// virtual machines hide more than that.
func processor() (string, error) {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "", err
	}
	defer f.Close()
	facts := map[string]string{}
	for lines := bufio.NewScanner(f); lines.Scan() && lines.Text() != ""; {
		name, value, _ := strings.Cut(lines.Text(), ":")
		facts[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	return fmt.Sprintf("%s (family %s, model %s)", facts["model name"], facts["cpu family"], facts["model"]), nil
}

// commit names the checkout that is measured, or the program instead of it.
func commit() (string, error) {
	if path := os.Getenv("GAUGEWAY_BINARY"); path != "" {
		return path, nil
	}
	root, err := build.Root()
	if err != nil {
		return "", err
	}
	git := func(args ...string) (string, error) {
		cmd := exec.Command("git", args...)
		cmd.Dir = root
		out, err := cmd.Output()
		if err != nil {
			return "", fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
		}
		return strings.TrimSpace(string(out)), nil
	}
	name, err := git("describe", "--tags", "--always")
	if err != nil {
		return "", err
	}
	// What an earlier line has written does not make it another program.
	changed, err := git("status", "--porcelain", "--", ".", ":!docs/performance.md")
	if changed != "" {
		name += "-dirty"
	}
	return name, err
}

// documentPath is where the results are kept.
func documentPath() (string, error) {
	root, err := build.Root()
	return filepath.Join(root, "docs", "performance.md"), err
}
