package doctor

import "strings"

// nearest returns the candidate that takes the fewest edits to become name,
// ignoring case; empty where none is within a third of its length. Of several
// the first wins.
func nearest(name string, candidates []string) string {
	best, limit := "", max(1, len(name)/3)+1
	for _, c := range candidates {
		if n := edits(strings.ToLower(name), strings.ToLower(c)); n < limit {
			best, limit = c, n
		}
	}
	return best
}

// edits returns Levenshtein's distance between two strings, in bytes.
func edits(a, b string) int {
	previous := make([]int, len(b)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(previous[j]+cost, previous[j+1]+1, row[j]+1)
		}
		previous = row
	}
	return previous[len(b)]
}
