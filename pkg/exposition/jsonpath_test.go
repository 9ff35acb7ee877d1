package exposition

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/util/jsonpath"
)

const pathDocument = `{
	"a": {"b": 1, "b.c": 2, "*": 3, "é": 4, "b\"": 5, "": 6},
	"l": [10, 11, 12, 13],
	"none": [],
	"lists": [[1], [], [2, 3]],
	"peers": [
		{"n": "p0", "up": true, "w": 1, "r": 0.5, "m": null},
		{"n": "p1", "up": false, "w": 2, "r": 2},
		{"n": "p)2", "w": 10, "r": 1e1, "tags": ["x"]}
	],
	"zones": {"z1": {"s": "up", "v": 1}, "a0": {"s": "down", "v": 2}},
	"null": null, "text": "abc"
}`

// TestJSONPath shows what paths find.
func TestJSONPath(t *testing.T) {
	t.Parallel()
	var d jsonDocument
	if err := d.parse([]byte(pathDocument)); err != nil {
		t.Fatal(err)
	}
	f := func(path string, want ...string) {
		t.Helper()
		p, err := newJSONPath(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return
		}
		var got []string
		d.find(p.steps, 0, func(at uint32) { got = append(got, string(d.raw(at))) })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
		first, ok := d.first(p.steps, 0)
		if ok != (len(want) > 0) || ok && string(d.raw(first)) != want[0] {
			t.Errorf("%s: the first is %v, %v", path, first, ok)
		}
	}

	// Fields, with and without what may be left out.
	f("a.b", "1")
	f(".a.b", "1")
	f("$.a.b", "1")
	f("@.a.b", "1")
	f("{.a.b}", "1")
	f(" {$.a['b']} ", "1")
	f(`.a.b\.c`, "2")
	f(`.a['b\.c']`, "2")
	f(`.a.\*`, "3")
	f(`.a['\*']`, "3")
	f(".a.é", "4")
	f(".a.*", "1", "2", "3", "4", "5", "6")
	f(".a['b','*','é']", "1", "1", "2", "3", "4", "5", "6", "4") // '*' is all, unless escaped

	// Lists.
	f(".l[0]", "10")
	f(".l[-1]", "13")
	f(".l[-4]", "10")
	f(".l[1:3]", "11", "12")
	f(".l[1:]", "11", "12", "13")
	f(".l[:2]", "10", "11")
	f(".l[-2:]", "12", "13")
	f(".l[:-1]", "10", "11", "12")
	f(".l[::2]", "10", "12")
	f(".l[3,0]", "13", "10")
	f(".l[*]", "10", "11", "12", "13")
	f(".lists[*][*]", "1", "2", "3")
	f(".lists[*][-1]", "1", "3")
	f(".lists[*][1:]", "3")

	// What is not there.
	f(".x")
	f(".a.x.y")
	f(".text.x")
	f(".text[0]")
	f(".text[*]")
	f(".text.*")
	f(".null.x")
	f(".null[*]")
	f(".l[4]")
	f(".l[-5]")
	f(".l[7:9]")
	f(".l[3:1]")
	f(".l[2:9]", "12", "13")
	f(".l[-9:2]", "10", "11")
	f(".l.x")
	f(".a[0]")
	f(".a[*]")
	f(".none[*]")

	// Everywhere.
	f("..v", "1", "2")
	f(".zones..v", "1", "2")
	f(".lists..[0]", "[1]", "1", "2")

	// Filters.
	f(`.peers[?(@.n=="p1")].w`, "2")
	f(`.peers[?(@.n == 'p)2')].w`, "10")
	f(`.peers[?(@.n!="p1")].w`, "1", "10")
	f(".peers[?(@.w>1)].n", "p1", "p)2")
	f(".peers[?(@.w<=2)].n", "p0", "p1")
	f(".peers[?(@.r>=0.5)].n", "p0", "p1", "p)2")
	f(".peers[?(@.r==10)].n", "p)2")
	f(".peers[?(@.w==@.r)].n", "p1", "p)2")
	f(".peers[?(@.up==true)].n", "p0")
	f(".peers[?(@.up)].n", "p0", "p1")
	f(".peers[?(@.tags)].n", "p)2")
	f(".peers[?(@.tags[0]=='x')].n", "p)2")
	f(".peers[?(@.w=='1')].n")
	f(".peers[?(@.w!='1')].n", "p0", "p1", "p)2")
	f(".peers[?(@.m==1)].n")
	f(".peers[?(@.x<1)].n")
	f(`.zones[?(@.s=="up")].v`, "1")
	f(".text[?(@.s)]")
}

// TestJSONPathErrors shows which paths are refused.
func TestJSONPathErrors(t *testing.T) {
	t.Parallel()
	f := func(path, want string) {
		t.Helper()
		_, err := newJSONPath(path)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", path, err, want)
		}
	}
	f("", "the path is empty")
	f("{", "unclosed action")
	f("{}{}", "more than one path")
	f("{.a}{.b}", "more than one path")
	f("{.a} text", "more than one path")
	f(".a[", "unterminated array")
	f(".a[]", "[] lacks an index: write [*] for all")
	f(".a[x]", "invalid array index x")
	f(".a[::0]", "the step must be 1 at least")
	f(".a[0:1:-1]", "the step must be 1 at least")
	f("{range .a[*]}", "has no place here")
	f("{'text'}", "has no place here")
	f("{1}", "has no place here")
	f(".a b", "has no place here")
	f("..a..b", ".. may come once")
	f(".a[?(@.b=~'x')]", "unrecognized character in action")
	f(".a[?(@.b===1)]", "a filter cannot compare with ===")
	f(".a[?('x')]", "a filter is a constant")
	f(".a[?(@.b", "unterminated filter")
	f("."+strings.Repeat("a", maxPath), "is too long: 1000 are allowed")
}

// TestJSONPathLikeClientGo compares with client-go's evaluation where that knows
// an answer. It has the keys of objects in no order.
func TestJSONPathLikeClientGo(t *testing.T) {
	t.Parallel()
	var data any
	if err := json.Unmarshal([]byte(pathDocument), &data); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"{.a.b}", `{.a.b\.c}`, `{.a.\*}`, "{.a.*}", "{.a['b','é']}", "{.l[0]}", "{.l[-1]}", "{.l[1:3]}", "{.l[1:]}", "{.l[:2]}", "{.l[-2:]}",
		"{.l[:-1]}", "{.l[::2]}", "{.l[3,0]}", "{.l[*]}", "{.lists[0,2][*]}", "{..v}", "{.zones..v}", `{.peers[?(@.n=="p1")].w}`,
		`{.peers[?(@.n!="p1")].w}`, "{.peers[?(@.r>=0.5)].n}", "{.peers[?(@.w==@.r)].n}", "{.peers[?(@.up==true)].n}", "{.peers[?(@.up)].n}",
		"{.peers[?(@.tags)].n}", "{.x}", "{.a.x.y}", "{.none[*]}", "{@}", "{$}",
	} {
		want := clientGo(t, path, data)
		got, err := foundBy(path, []byte(pathDocument))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-client-go +got):\n%s", path, diff)
		}
	}
}

// clientGo returns what client-go finds, sorted.
func clientGo(t *testing.T, path string, data any) []string {
	t.Helper()
	p := jsonpath.New("test").AllowMissingKeys(true)
	if err := p.Parse(path); err != nil {
		t.Fatal(err)
	}
	results, err := p.FindResults(data)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	var found []string
	for _, list := range results {
		for _, v := range list {
			found = append(found, canonical(t, v.Interface()))
		}
	}
	slices.Sort(found)
	return found
}

// foundBy returns what a path finds in a document, sorted.
func foundBy(path string, body []byte) ([]string, error) {
	p, err := newJSONPath(path)
	if err != nil {
		return nil, err
	}
	var d jsonDocument
	if err := d.parse(body); err != nil {
		return nil, err
	}
	var found []string
	d.find(p.steps, 0, func(at uint32) {
		v := d.values[at]
		raw := d.body[v.text[0]:v.text[1]]
		if v.kind == jsonString {
			raw = d.body[v.text[0]-1 : v.text[1]+1]
		}
		var data any
		if err = json.Unmarshal(raw, &data); err != nil {
			return
		}
		text, _ := json.Marshal(data)
		found = append(found, string(text))
	})
	slices.Sort(found)
	return found, err
}

func canonical(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// FuzzJSON feeds any body and any path to the decoder: it must not panic, a
// second parse gives the same as the first, and the tree is that of
// encoding/json.
func FuzzJSON(f *testing.F) {
	for _, path := range []string{".a.*", "..v", ".peers[?(@.w>1)].w", ".l[1:-1:2]", ".a['b','é']", "[*]", "{.a}{.b}", "{range .a}{end}"} {
		f.Add([]byte(pathDocument), path)
	}
	f.Add([]byte(`[{"name": "\u00e9\ud800", "messages": 1.5e3, "durable": true, "x": null}, 1, "2"]`), ".name")
	f.Add([]byte("[\"\xff\\\"\", {\"\xff\": 1}]\r\n"), "[-1]")
	f.Fuzz(func(t *testing.T, body []byte, path string) {
		data := []any{
			map[string]any{"each": map[string]any{"path": path, "key": "k"}, "metrics": map[string]any{
				"x": ".", "h": map[string]any{"bounds": path, "counts": ".", "sum": path},
				"d": map[string]any{"path": path, "default": 1.0, "is": "x", "scale": 0.5},
			}},
			map[string]any{"labels": map[string]any{"a": "p" + path, "b": "{" + path + "}"}, "metrics": map[string]any{"y": path}},
		}
		rules, err := NewJSONRules(data)
		if err != nil {
			data[1] = map[string]any{"metrics": map[string]any{"x": "."}}
			if rules, err = NewJSONRules(data); err != nil {
				rules = jsonRules(t, `[{"each": {"path": "..", "key": "k"}, "labels": {"n": "{.name}"}, "metrics": {"x": ".*"}}]`)
			}
		}
		checkTwice(t, Options{Format: Json, JSON: rules}, body)
		compareToEncodingJSON(t, body)
	})
}

// checkTwice parses a body twice with one parser, which gives the same.
func checkTwice(t *testing.T, o Options, body []byte) {
	t.Helper()
	p := NewParser(o)
	cold, coldStats, coldErr := p.Parse(slices.Clone(body), "", 1)
	warm, warmStats, warmErr := p.Parse(slices.Clone(body), "", 1)
	if fmt.Sprint(coldErr) != fmt.Sprint(warmErr) {
		t.Fatalf("cold %v, warm %v", coldErr, warmErr)
	}
	if diff := cmp.Diff(coldStats, warmStats); diff != "" {
		t.Fatalf("cold and warm differ:\n%s", diff)
	}
	if coldErr != nil {
		return
	}
	checkBatch(t, cold, coldStats)
	if !slices.Equal(cold.IDs, warm.IDs) || !slices.EqualFunc(cold.Values, warm.Values, sameFloat) {
		t.Fatalf("cold %+v, warm %+v", cold, warm)
	}
}

// compareToEncodingJSON compares the values of a document, but for those of keys
// that come twice, with what encoding/json reads.
func compareToEncodingJSON(t *testing.T, body []byte) {
	t.Helper()
	var d jsonDocument
	if err := d.parse(body); err != nil {
		if json.Valid(body) && !strings.Contains(err.Error(), "nested") {
			t.Fatalf("valid JSON is refused: %v", err)
		}
		return
	}
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.UseNumber()
	var data any
	if err := decoder.Decode(&data); err != nil {
		t.Fatal(err)
	}
	sameTree(t, &d, 0, data)
}

func sameTree(t *testing.T, d *jsonDocument, at uint32, want any) {
	t.Helper()
	v := d.values[at]
	switch want := want.(type) {
	case []any:
		if v.kind != jsonList || d.length(at) != len(want) {
			t.Fatalf("%s: %d elements, want %d", d.place(at), d.length(at), len(want))
		}
		child := at + 1
		for i := range want {
			sameTree(t, d, child, want[i])
			child = d.values[child].next
		}
	case map[string]any:
		last := map[string]uint32{}
		for child := at + 1; child < v.next; child = d.values[child].next {
			last[string(d.appendKey(nil, child))] = child
		}
		if v.kind != jsonObject || len(last) != len(want) {
			t.Fatalf("%s: the keys %v, want %v", d.place(at), last, want)
		}
		for key, child := range last {
			sameTree(t, d, child, want[key])
		}
	case nil:
		if v.kind != jsonNull {
			t.Fatalf("%s is %v, not null", d.place(at), v.kind)
		}
	default:
		if got, err := d.text(at); err != nil || string(got) != fmt.Sprint(want) {
			t.Fatalf("%s is %q, %v, want %v", d.place(at), got, err, want)
		}
	}
}
