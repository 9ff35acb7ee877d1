package exposition

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCSV(t *testing.T) {
	t.Parallel()
	type m = map[string]float64
	f := func(body string, want m, bad ...string) {
		t.Helper()
		got, stats := parseOnce(t, Options{Format: Csv}, body, "text/plain")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", body, diff)
		}
		var lines []string
		for _, b := range stats.BadLines {
			lines = append(lines, b.String())
		}
		if diff := cmp.Diff(bad, lines); diff != "" || stats.Dropped != len(bad) {
			t.Errorf("%q: %d dropped (-want +got):\n%s", body, stats.Dropped, diff)
		}
	}
	const header = "# pxname,svname,scur,status,type,cookie,addr,rtime,-,\n"
	f(header, m{})
	f(header+"p,FRONTEND,3,OPEN,0,,,,-,\n", m{
		`{__name__="haproxy_csv_scur", proxy="p", type="frontend"}`:                 3,
		`{__name__="haproxy_csv_status", proxy="p", state="OPEN", type="frontend"}`: 1,
		`{__name__="haproxy_csv_status", proxy="p", state="STOP", type="frontend"}`: 0,
	})
	f(header+"p,BACKEND,,UP,1,,,7,-,", m{
		`{__name__="haproxy_csv_rtime", proxy="p", type="backend"}`:                7,
		`{__name__="haproxy_csv_status", proxy="p", state="UP", type="backend"}`:   1,
		`{__name__="haproxy_csv_status", proxy="p", state="DOWN", type="backend"}`: 0,
	})
	f(strings.ReplaceAll(header+"p,s 1,0,DOWN 1/2,2,1,10.0.0.1:80,,,\n\n", "\n", "\r\n"), m{
		`{__name__="haproxy_csv_scur", addr="10.0.0.1:80", proxy="p", server="s 1", type="server"}`:                     0,
		`{__name__="haproxy_csv_status", addr="10.0.0.1:80", proxy="p", server="s 1", state="UP", type="server"}`:       0,
		`{__name__="haproxy_csv_status", addr="10.0.0.1:80", proxy="p", server="s 1", state="DOWN", type="server"}`:     1,
		`{__name__="haproxy_csv_status", addr="10.0.0.1:80", proxy="p", server="s 1", state="NOLB", type="server"}`:     0,
		`{__name__="haproxy_csv_status", addr="10.0.0.1:80", proxy="p", server="s 1", state="MAINT", type="server"}`:    0,
		`{__name__="haproxy_csv_status", addr="10.0.0.1:80", proxy="p", server="s 1", state="DRAIN", type="server"}`:    0,
		`{__name__="haproxy_csv_status", addr="10.0.0.1:80", proxy="p", server="s 1", state="NO CHECK", type="server"}`: 0,
	})
	f("# pxname,svname,type,scur\n\"p, \"\"q\"\"\",sock-1,3,1\n", m{`{__name__="haproxy_csv_scur", listener="sock-1", proxy="p, \"q\"", type="listener"}`: 1})
	f("# pxname,svname,type,status\np,BACKEND,1,strange\n", m{
		`{__name__="haproxy_csv_status", proxy="p", state="UP", type="backend"}`:      0,
		`{__name__="haproxy_csv_status", proxy="p", state="DOWN", type="backend"}`:    0,
		`{__name__="haproxy_csv_status", proxy="p", state="strange", type="backend"}`: 1,
	})
	// Texts in columns of numbers are nothing; large numbers are whole.
	f("# pxname,svname,type,a,b,c\np,BACKEND,1,L7OK,18446744073709551615,-1\n", m{
		`{__name__="haproxy_csv_b", proxy="p", type="backend"}`: 1 << 64,
		`{__name__="haproxy_csv_c", proxy="p", type="backend"}`: -1,
	})
	// Bad rows are dropped, the rest is read.
	f("# pxname,svname,type,scur\np,BACKEND,1,1,\np,BACKEND\nq,BACKEND,4,1\n\xff,BACKEND,1,1\nq,BACKEND,1,2\n", m{
		`{__name__="haproxy_csv_scur", proxy="q", type="backend"}`: 2,
	},
		`line 2, "p,BACKEND,1,1,": it has 5 fields, the header 4`,
		`line 3, "p,BACKEND": it has 2 fields, the header 4`,
		`line 4, "q,BACKEND,4,1": the type "4" is none of 0 to 3`,
		"line 5, \"\\xff,BACKEND,1,1\": the name \"\\xff\" is not UTF-8")
}

// TestCSVStates shows what is left of a status.
func TestCSVStates(t *testing.T) {
	t.Parallel()
	f := func(status, want string) {
		t.Helper()
		if got := stateOf(status); got != want {
			t.Errorf("%q: got %q, want %q", status, got, want)
		}
	}
	f("UP", "UP")
	f("UP 1/2", "UP")
	f("DOWN (agent)", "DOWN")
	f("MAINT (via be/s1)", "MAINT")
	f("NOLB 1/3", "NOLB")
	f("no check", "NO CHECK")
	f("NO CHECK", "NO CHECK")
	f("OPEN", "OPEN")
}

// TestCSVErrors: bodies of which nothing is taken.
func TestCSVErrors(t *testing.T) {
	t.Parallel()
	f := func(body, want string) {
		t.Helper()
		batch, _, err := NewParser(Options{Format: Csv}).Parse([]byte(body), "text/plain", 1)
		if err == nil || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %v", body, err, want)
		}
		if batch.Table != nil {
			t.Errorf("%q: a batch beside the error", body)
		}
	}
	f("", `HAProxy's CSV begins with "# pxname,svname", found "": is the path right?`)
	f("a,b\n1,2\n", `HAProxy's CSV begins with "# pxname,svname", found "a,b": is the path right?`)
	f("<html>", "this is an HTML page: is the path right? HAProxy's ends with ;csv")
	f(`[{"objType": "Frontend"}]`, "this is JSON, not CSV: is the path right? HAProxy's ends with ;csv")
	f("# HELP haproxy_up x\n", "this is an exposition of Prometheus, not CSV: choose the format Auto, or another path")
	f("# pxname,svname,scur\n", "the CSV lacks one of the columns pxname, svname and type: is it HAProxy's?")
	f("# pxname,svname,type\np\nq,\n", `none of 2 rows can be read (the first is line 2, "p": it has 1 fields, the header 3): is the path right?`)
}

// TestCSVCaptures compares with what was counted and read by hand.
func TestCSVCaptures(t *testing.T) {
	t.Parallel()
	captureNames(t)
	f := func(name string, want map[string]float64) {
		t.Helper()
		body := string(readCapture(t, name))
		got, stats := parseOnce(t, Options{Format: Csv}, body, "text/plain")
		if n := countCSV(body); stats.Samples != n || stats.Dropped != 0 || stats.Duplicates != 0 {
			t.Errorf("%s: %+v, want %d samples", name, stats, n)
		}
		for series, v := range want {
			if g, ok := got[series]; !ok || g != v {
				t.Errorf("%s: %s is %v (found: %v), want %v", name, series, g, ok, v)
			}
		}
	}
	f("haproxy/local/local__stats_csv_t1.csv.txt", map[string]float64{
		`{__name__="haproxy_csv_req_tot", proxy="fe_api", type="frontend"}`:                             5341,
		`{__name__="haproxy_csv_hrsp_5xx", proxy="be_api", server="pod-a", type="server"}`:              122,
		`{__name__="haproxy_csv_rtime", proxy="be_api", server="pod-b", type="server"}`:                 125,
		`{__name__="haproxy_csv_qcur", proxy="be_api", type="backend"}`:                                 16,
		`{__name__="haproxy_csv_scur", proxy="stats", type="frontend"}`:                                 1,
		`{__name__="haproxy_csv_status", proxy="be_api", server="pod-b", state="UP", type="server"}`:    1,
		`{__name__="haproxy_csv_status", proxy="be_api", server="pod-b", state="DRAIN", type="server"}`: 0,
		`{__name__="haproxy_csv_h1_total_streams", proxy="be_api", type="backend"}`:                     5384,
	})
	f("haproxy/local/local__stats_csv_t0.csv.txt", nil)
	f("haproxy/local/local__stats_csv_t2_after_nginx_reload.csv.txt", nil)
	f("haproxy/DataDog__integrations-core__stats_csv.csv.txt", map[string]float64{
		`{__name__="haproxy_csv_status", proxy="b", server="i-1", state="UP", type="server"}`:                                            1,
		`{__name__="haproxy_csv_status", proxy="b", server="i-5", state="MAINT", type="server"}`:                                         1,
		`{__name__="haproxy_csv_status", proxy="be_edge_http_sre-production_elk-kibana", server="i-3", state="NO CHECK", type="server"}`: 1,
		`{__name__="haproxy_csv_stot", proxy="b", type="backend"}`:                                                                       421,
	})
}

// countCSV counts the samples of a CSV: fields that are digits, but for the types
// and, as one for each state, the status. It knows no quotes but that around a text
// with one comma.
func countCSV(body string) int {
	states := map[string]int{"0": 2, "1": 2, "2": 6, "3": 3}
	lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(body, `"space, afterspace"`, "text")), "\n")
	header := strings.Split(lines[0], ",")
	n := 0
	for _, line := range lines[1:] {
		for i, v := range strings.Split(line, ",") {
			if header[i] == "type" {
				n += states[v]
			} else if header[i] == "check_status" {
				continue // a text, though that of 8 servers in a golden file is 1
			} else if _, err := strconv.ParseUint(v, 10, 64); err == nil {
				n++
			}
		}
	}
	return n
}

// FuzzCSV feeds any body: a second parse gives the same as the first.
func FuzzCSV(f *testing.F) {
	for _, body := range []string{
		"# pxname,svname,scur,status,type,cookie,addr,rtime,-,\np,FRONTEND,3,OPEN,0,,,,-,\np,s,3,DOWN 1/2,2,,10.0.0.1:80,5,-,\n",
		"# pxname,svname,type,scur\r\n\"p, \"\"q\"\"\",sock-1,3,1\r\n\"unclosed\np,BACKEND,1,1",
		" # pxname,svname,type,scur,scur,addr\np,BACKEND,1,1,2,\xff\n",
		"# pxname,pxname,svname,status,type\n,,,,0\n",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		checkTwice(t, Options{Format: Csv}, body)
	})
}
