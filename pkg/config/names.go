package config

import (
	"strings"

	"github.com/gaugeway/gaugeway/pkg/apis/v1alpha1"
)

// unknownFieldCure says what to write instead of an unknown field: for names
// that people know from elsewhere what this version has for them, else the
// closest name, else the names that there are.
func unknownFieldCure(kind, path, name string, names []string) string {
	switch kind + " " + path {
	case v1alpha1.KindGatewaySource + " spec.port", v1alpha1.KindGatewaySource + " spec.path":
		return "it belongs to the targets; write pods: {selector: {matchLabels: {...}}, port: ..., path: ...} or service: {name: ..., port: ..., path: ...}"
	case v1alpha1.KindGatewaySource + " spec.selector":
		return "it belongs to the targets; write pods: {selector: {matchLabels: {...}}, port: ...}"
	case v1alpha1.KindGatewaySource + " spec.url", v1alpha1.KindGatewaySource + " spec.urls":
		return "write static: {urls: [http://host:port/metrics]}"
	}
	if near := Nearest(name, names); near != "" {
		return "did you mean " + near + "?"
	}
	if strings.HasPrefix(path, "metadata.") {
		return "remove it"
	}
	return "the fields here are " + strings.Join(names, ", ")
}

// Nearest returns the candidate that differs least from a name, ignoring case;
// empty if none is within a third of the name's length. Of several the first wins.
func Nearest(name string, candidates []string) string {
	best, limit := "", max(1, len(name)/3)+1
	for _, c := range candidates {
		if d := editDistance(strings.ToLower(name), strings.ToLower(c), limit); d < limit {
			best, limit = c, d
		}
	}
	return best
}

// editDistance returns how many bytes must be inserted, removed or replaced to
// turn a into b (Levenshtein's distance), or limit if that is at least limit.
func editDistance(a, b string, limit int) int {
	if max(len(a)-len(b), len(b)-len(a)) >= limit {
		return limit
	}
	row := make([]int, len(b)+1) // distances of a[:i] to each b[:j]
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0] // of a[:i] to b[:j]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return min(row[len(b)], limit)
}
