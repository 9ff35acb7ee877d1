package provider

import (
	"cmp"
	"slices"
)

// nearest returns at most three names, those that take the fewest edits to
// become name first, and those equally near in their order.
func nearest(name string, names []string) []string {
	const most = 3
	// No declared name is longer than a label value of the API may be; what is
	// longer is no misspelling and not worth the time.
	const longest = 253
	if len(name) > longest {
		return names[:min(len(names), most)]
	}
	type candidate struct {
		name  string
		edits int
	}
	candidates := make([]candidate, len(names))
	for i, n := range names {
		candidates[i] = candidate{n, edits(name, n)}
	}
	slices.SortStableFunc(candidates, func(a, b candidate) int { return cmp.Compare(a.edits, b.edits) })
	var near []string
	for _, c := range candidates[:min(len(candidates), most)] {
		near = append(near, c.name)
	}
	return near
}

// edits returns Levenshtein's distance between two strings: the least number of
// bytes to insert, delete or replace. It keeps one row of the usual table.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			above := row[j+1]
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			row[j+1] = min(replace, above+1, row[j]+1)
			diagonal = above
		}
	}
	return row[len(b)]
}
