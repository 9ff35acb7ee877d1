package lua_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gaugeway/gaugeway/pkg/preset"
	"github.com/gaugeway/gaugeway/pkg/script"
)

// recordings is the folder of recorded expositions, which lies beside the
// repository. Many of them are not ours, so that they are read where they are.
const recordings = "../../shared/captures"

// A recordedScrape is a recording and when it was made, after the first.
type recordedScrape struct {
	at   string
	file string // in recordings
	zero bool   // with all values 0, as if it had been made at the start
}

// A recordedValue is what a preset gives over scrapes, at the last of them.
type recordedValue struct {
	metric string // with labels and by, as in a test file
	want   string // items, as in a test file; empty for no data
}

// A recordedTest is what a gateway's preset gives over some scrapes.
type recordedTest struct {
	name    string
	gateway string
	scrapes []recordedScrape
	values  []recordedValue
}

// sinceStart is a recording, whose counters are taken to have begun 20 s before.
func sinceStart(file string) []recordedScrape {
	return []recordedScrape{{"0s", file, true}, {"20s", file, false}}
}

// needRecordings skips a test where the recordings are not there.
func needRecordings(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(recordings); errors.Is(err, fs.ErrNotExist) && os.Getenv("CI") == "" {
		t.Skipf("%s is not there", recordings)
	}
}

// readRecorded runs tests, each beside the others.
func readRecorded(t *testing.T, tests []recordedTest) {
	t.Helper()
	set := load(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			passes(t, set, recordedCases(t, test.gateway, test.scrapes, test.values), len(test.values))
		})
	}
}

// recordedCases writes a file of tests, with a case for each value.
func recordedCases(t *testing.T, gateway string, scrapes []recordedScrape, values []recordedValue) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("tests:\n")
	for _, v := range values {
		fmt.Fprintf(&b, "- name: '%s'\n  preset: {gateway: %s, metric: %s}\n  input:\n  - pod: gateway-a\n    scrapes:\n", v.metric, gateway, v.metric)
		for _, s := range scrapes {
			file, err := filepath.Abs(filepath.Join(recordings, s.file))
			if err != nil {
				t.Fatal(err)
			}
			if s.zero {
				file = zeroed(t, file)
			}
			fmt.Fprintf(&b, "    - {at: %s, file: %q}\n", s.at, file)
		}
		fmt.Fprintf(&b, "  evaluate:\n  - at: %s\n", scrapes[len(scrapes)-1].at)
		if v.want == "" {
			b.WriteString("    none: true\n")
			continue
		}
		fmt.Fprintf(&b, "    expect: [%s]\n", v.want)
	}
	return b.String()
}

// zeroed returns a copy of an exposition in which all values are 0.
func zeroed(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		if end := strings.LastIndexByte(line, ' '); end > 0 && !strings.HasPrefix(line, "#") {
			line = line[:end] + " 0\n"
		}
		b.WriteString(line)
	}
	out := filepath.Join(t.TempDir(), "zero.prom")
	if err := os.WriteFile(out, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return out
}

// passes runs a file of tests, of which there are n.
func passes(t *testing.T, set *preset.Set, text string, n int) {
	t.Helper()
	file, findings := preset.Parse("recorded_test.yaml", []byte(text), set)
	for _, f := range findings {
		t.Errorf("%s", f)
	}
	if len(file.Cases) != n {
		t.Fatalf("%d cases, want %d", len(file.Cases), n)
	}
	for _, r := range preset.RunAll(file.Cases, script.Limits{}) {
		if r.Passed() {
			continue
		}
		var b strings.Builder
		if err := preset.WriteText(&b, []preset.Result{r}); err != nil {
			t.Fatal(err)
		}
		t.Error(b.String())
	}
}
