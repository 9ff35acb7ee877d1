package main

import "testing"

// TestWrongCommandLines: what cannot be meant is answered with what can.
func TestWrongCommandLines(t *testing.T) {
	t.Parallel()
	f := func(want string, args ...string) {
		t.Helper()
		if code, out, errOut := runCommand(t, args...); code != exitFailed || out != "" || errOut != want {
			t.Errorf("%v: exit code %d, %s%s\nwant %s", args, code, out, errOut, want)
		}
	}
	f("gaugeway: there is no command \"frobnicate\": gaugeway --help lists them\n", "frobnicate")
	f("gaugeway: there is no command \"chek\": did you mean check?\n", "chek")
	f("gaugeway: unknown flag: --config: gaugeway check --help lists what it takes\n", "check", "--config", "x")
	f("gaugeway: unknown flag: --nothing: gaugeway --help lists what it takes\n", "--nothing")
}
