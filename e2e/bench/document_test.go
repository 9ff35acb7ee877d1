package main

import (
	"strings"
	"testing"
	"time"
)

func TestMergeReplacesTheLinesThatWereMeasured(t *testing.T) {
	t.Parallel()
	of := func(line, what string) row { return row{line: line, what: what} }
	from := func(line, commit string) origin { return origin{line: line, commit: commit, at: time.Unix(0, 0)} }
	first := results{
		rows:    []row{of("1", "old parse"), of("3", "old fleet"), of("3", "old fleet too")},
		origins: []origin{from("1", "c1"), from("3", "c1")},
	}
	document, err := merge("# Before\n"+beginMark+endMark+"After\n", first)
	if err != nil {
		t.Fatal(err)
	}
	second := results{rows: []row{of("3", "new fleet"), of("2", "new captures")}, origins: []origin{from("3", "c2"), from("2", "c2")}}
	document, err = merge(document, second)
	if err != nil {
		t.Fatal(err)
	}
	want := "# Before\n" + beginMark + tableHead +
		of("1", "old parse").String() + of("2", "new captures").String() + of("3", "new fleet").String() +
		"\n" + originHead + from("1", "c1").String() + from("2", "c2").String() + from("3", "c2").String() + endMark + "After\n"
	if document != want {
		t.Errorf("got\n%s\nwant\n%s", document, want)
	}
}

func TestMergeNeedsTheMarkers(t *testing.T) {
	t.Parallel()
	if _, err := merge("nothing here", results{}); err == nil || !strings.Contains(err.Error(), "markers") {
		t.Errorf("got error %v, want one about the markers", err)
	}
}
