package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gaugeway/gaugeway/pkg/preset"
)

// TestPresetsAreReloaded: what is broken goes on as it was, and is told once.
func TestPresetsAreReloaded(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "examples", "presets", "teapot", "preset.lua"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(source string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "teapot.lua"), []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(string(text))
	set, findings, err := loadPresets(dir)
	if err != nil || len(findings) > 0 {
		t.Fatal(findings, err)
	}
	live := newLivePresets(dir, set, findings)
	used := 0
	f := func(wantUsed int, told bool, title, finding string) {
		t.Helper()
		used = 0
		live.reload(func(*preset.Set) { used++ })
		now, findings := live.now()
		said := ""
		for _, f := range findings {
			said += strings.ReplaceAll(f.String(), dir, "DIR") + "\n"
		}
		if got := now.Get("teapot").Title; used != wantUsed || got != title || said != finding || len(live.changed) != 0 != told {
			t.Errorf("given to use %d times, told %v, %s, %s\nwant %d, %v, %s, %s", used, len(live.changed) != 0, got, said, wantUsed, told, title, finding)
		}
		if told {
			<-live.changed
		}
	}
	f(0, false, "Teapot", "")
	write(strings.Replace(string(text), `"Teapot"`, `"Kettle"`, 1))
	f(1, true, "Kettle", "")
	write(strings.Replace(string(text), "return rps(", "return rsp(", 1))
	const broken = "DIR/teapot.lua:16:16: error_ratio: there is no function rsp; did you mean rps? (the last good version stays in use)\n" +
		"DIR/teapot.lua:16:16: requests_per_second: there is no function rsp; did you mean rps? (the last good version stays in use)\n"
	f(0, true, "Kettle", broken)
	f(0, false, "Kettle", broken)
	write(string(text))
	f(1, true, "Teapot", "")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	f(0, true, "Teapot", "DIR: no such file or directory; correct the folder, or start without --presets (the last good version stays in use)\n")
}
