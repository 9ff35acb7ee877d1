package preset_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gaugeway/gaugeway/lua"
	"github.com/gaugeway/gaugeway/pkg/exposition"
	"github.com/gaugeway/gaugeway/pkg/preset"
)

// TestABodyInAnotherFormatSaysWhichGatewayItIs: whatever the format of the preset
// that was written, and of the one that is right.
func TestABodyInAnotherFormatSaysWhichGatewayItIs(t *testing.T) {
	t.Parallel()
	set, findings, err := preset.OpenSet(lua.Presets, "")
	if err != nil || len(findings) > 0 {
		t.Fatal(findings, err)
	}
	read := func(file ...string) string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(append([]string{"..", "..", "lua"}, file...)...))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	const prometheus = "# TYPE kong_datastore_reachable gauge\nkong_datastore_reachable 1\n"
	var (
		csv     = read("haproxy_csv", "testdata", "t0.csv")
		stub    = read("nginx_stub_status", "testdata", "t0.txt")
		servers = read("nginx_plus", "testdata", "t0.json")
		zones   = read("nginx_plus_zones", "testdata", "t0.json")
		vts     = read("nginx_vts_json", "testdata", "t0.json")
		queues  = read("rabbitmq_management", "testdata", "queues.json")
	)
	f := func(written, body, right string) {
		t.Helper()
		of := set.Get(written)
		sighting := set.NewSighting()
		o := exposition.Options{Format: exposition.Format(of.Format)}
		sighting.Watch(of, &o)
		_, _, err := exposition.NewParser(o).Parse([]byte(body), "", 1000)
		said := sighting.Unlike(of)
		if err != nil {
			said = err.Error()
		}
		want := "does not look like " + written + ": it looks like " + right + " ("
		if right == "" && said != "" || !strings.Contains(said, want) && right != "" || !strings.Contains(said, "; write preset: "+right) && right != "" {
			t.Errorf("%s of %s: %q\nwant %q", written, right, said, want)
		}
	}
	f("kong", prometheus, "")
	f("kong", strings.ReplaceAll(vts, "\n", "\r\n"), "nginx_vts_json")
	f("haproxy_csv", strings.ReplaceAll(prometheus, "\n", "\r\n"), "kong")
	for _, p := range set.All() {
		for body, right := range map[string]string{
			csv: "haproxy_csv", stub: "nginx_stub_status", servers: "nginx_plus", zones: "nginx_plus_zones",
			vts: "nginx_vts_json", queues: "rabbitmq_management", prometheus: "kong",
		} {
			if p.Name == right {
				right = ""
			}
			f(p.Name, body, right)
		}
	}
}

// TestABodyOfNoGatewaySaysWhatItSaidBefore: what no preset knows adds nothing.
func TestABodyOfNoGatewaySaysWhatItSaidBefore(t *testing.T) {
	t.Parallel()
	set, _, err := preset.OpenSet(lua.Presets, "")
	if err != nil {
		t.Fatal(err)
	}
	f := func(written, body, want string) {
		t.Helper()
		of := set.Get(written)
		sighting := set.NewSighting()
		o := exposition.Options{Format: exposition.Format(of.Format)}
		sighting.Watch(of, &o)
		parser, said := exposition.NewParser(o), ""
		for range 2 {
			said = sighting.Unlike(of)
			if _, _, err := parser.Parse([]byte(body), "", 1000); err != nil {
				said = err.Error()
			}
			if said != want {
				t.Errorf("%s: %q\nwant %q", written, said, want)
			}
		}
	}
	f("kong", "<!doctype html>\n", "this is an HTML page: is the path right?")
	f("kong", `{"status": "ok"}`, "this is JSON, not an exposition: is the path right?")
	f("haproxy_csv", "up 1\n", `HAProxy's CSV begins with "# pxname,svname", found "up 1": is the path right?`)
	f("nginx_plus", `{}`, "")
	f("nginx_plus", ``, "the body is empty, not JSON: is the path right?")
}
