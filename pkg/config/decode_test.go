package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type menu struct {
	Dishes []dish `json:"dishes"`
}

type dish struct {
	Name  string `json:"name"`
	Price price  `json:"price"`
}

type price string

func (p *price) UnmarshalJSON(data []byte) error {
	*p = price(strings.Trim(string(data), `"`))
	if !strings.HasSuffix(string(*p), "EUR") {
		return errors.New("no price")
	}
	return nil
}

func (*price) Cure() string { return "write it in EUR" }

func TestDecode(t *testing.T) {
	t.Parallel()
	f := func(text string, want menu, findings ...string) {
		t.Helper()
		var got menu
		_, found := Decode("menu.yaml", []byte(text), &got)
		var lines []string
		for _, f := range found {
			lines = append(lines, f.String())
		}
		if diff := cmp.Diff(findings, lines); diff != "" {
			t.Errorf("findings of %q (-want +got):\n%s", text, diff)
		}
		if len(found) == 0 {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%q (-want +got):\n%s", text, diff)
			}
		}
	}
	f("", menu{})
	f("# nothing\n---\n", menu{})
	f("dishes:\n- {name: soup, price: 5 EUR}\n", menu{Dishes: []dish{{Name: "soup", Price: "5 EUR"}}})
	f("dishes:\n- {nam: soup}\n", menu{}, "menu.yaml:2:4: dishes[0].nam: unknown field; did you mean name?")
	f("dishes: soup\n", menu{}, `menu.yaml:1:9: dishes: expected a list, found the string "soup"; write - before each element, or put it in [ ]`)
	f("dishes:\n- {price: 5 USD}\n", menu{}, `menu.yaml:2:11: dishes[0].price: bad value "5 USD"; write it in EUR`)
	f("soup\n", menu{}, `menu.yaml:1:1: expected fields, found the string "soup"; write {dishes: ...}`)
	f("dishes: []\n---\ndishes: []\n", menu{}, "menu.yaml:3:1: a second document; put all into one document, without --- before it")
	f("dishes: [\n", menu{}, "menu.yaml:1: not YAML: did not find expected node content; correct the syntax here or just below")
}

func TestDocumentPlaces(t *testing.T) {
	t.Parallel()
	var m menu
	d, _ := Decode("menu.yaml", []byte("# lunch\ndishes:\n- name: soup\n- name: fish\n"), &m)
	f := func(field string, want int) {
		t.Helper()
		if got := d.Line(field); got != want {
			t.Errorf("line of %q is %d, want %d", field, got, want)
		}
	}
	f("", 2)
	f("dishes", 2)
	f("dishes[1]", 4)
	f("dishes[1].name", 4)
	f("dishes[1].price", 4)
	if got, want := fmt.Sprint(d.Finding("dishes[0].name", "cold", "heat it")), "menu.yaml:3:9: dishes[0].name: cold; heat it"; got != want {
		t.Errorf("finding %q, want %q", got, want)
	}
	if empty, _ := Decode("menu.yaml", nil, &m); empty.Line("dishes") != 1 {
		t.Errorf("line in an empty file is %d, want 1", empty.Line("dishes"))
	}
}

func TestReadLeavesTestsAndKustomizationsOut(t *testing.T) {
	t.Parallel()
	objects := parsed("a.yaml", kongYAML, "a_test.yaml", "tests:\n- name: nothing is read of this\n",
		"kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n")
	if len(objects.Findings) != 0 || len(objects.Sources) != 1 {
		t.Errorf("read %d sources with findings %v, want 1 without any", len(objects.Sources), objects.Findings)
	}
}
