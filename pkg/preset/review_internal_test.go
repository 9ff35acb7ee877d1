package preset

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gaugeway/gaugeway/lua"
	"github.com/gaugeway/gaugeway/pkg/exposition"
)

// TestABodyThatFailsInAnotherWayEachTimeIsSeldomReviewed: to read it in all ways takes
// ten times as long as to refuse it, and who is scraped decides how it fails.
func TestABodyThatFailsInAnotherWayEachTimeIsSeldomReviewed(t *testing.T) {
	t.Parallel()
	set, _, err := OpenSet(lua.Presets, "")
	if err != nil {
		t.Fatal(err)
	}
	of := set.Get("haproxy_csv")
	sighting := set.NewSighting()
	o := exposition.Options{Format: exposition.Format(of.Format)}
	sighting.Watch(of, &o)
	parser := exposition.NewParser(o)
	looks := 0
	var last *Sighting
	parse := func(body string) string {
		_, _, err := parser.Parse([]byte(body), "", 1000)
		if err == nil {
			t.Fatalf("%q is read", body)
		}
		if sighting.reviewed != last {
			last = sighting.reviewed
			looks++
		}
		return err.Error()
	}
	for i := range 3 * reviewAgain {
		parse(fmt.Sprintf("broken %d\n", i))
	}
	if looks != 3 {
		t.Errorf("%d of %d bodies were looked at, want 3", looks, 3*reviewAgain)
	}
	said := ""
	for i := range reviewAgain {
		said = parse(fmt.Sprintf("kong_datastore_reachable 1\nother %d\n", i))
	}
	if !strings.Contains(said, "it looks like kong") {
		t.Errorf("another body is looked at within %d scrapes, and it says %s", reviewAgain, said)
	}
}

// TestWhatAnUnreadableBodyShowsIsNotSaidOfOneThatIsRead: of the latter nothing is
// known before it is looked at itself.
func TestWhatAnUnreadableBodyShowsIsNotSaidOfOneThatIsRead(t *testing.T) {
	t.Parallel()
	set, _, err := OpenSet(lua.Presets, "")
	if err != nil {
		t.Fatal(err)
	}
	of := set.Get("nginx_plus")
	sighting := set.NewSighting()
	o := exposition.Options{Format: exposition.Format(of.Format)}
	sighting.Watch(of, &o)
	parser := exposition.NewParser(o)
	if _, _, err := parser.Parse([]byte("kong_datastore_reachable 1\n"), "", 1000); err == nil || !strings.Contains(err.Error(), "it looks like kong") {
		t.Fatalf("it says %v", err)
	}
	for range 2 * reviewAgain {
		if _, _, err := parser.Parse([]byte("{}"), "", 1000); err != nil {
			t.Fatal(err)
		}
		if said := sighting.Unlike(of); said != "" {
			t.Fatalf("it says %s", said)
		}
	}
}
