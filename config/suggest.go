package config

import "strings"

// nearest gives the known name that a wrong one was most likely meant to be, or
// nothing when none is close: at most a third of the letters may differ.
func nearest(wrong string, known []string) string {
	best, bestDistance := "", len(wrong)/3+1
	for _, name := range known {
		d := distance(strings.ToLower(wrong), strings.ToLower(name))
		if d < bestDistance {
			best, bestDistance = name, d
		}
	}
	return best
}

// distance is Levenshtein's: how many letters to put in, leave out or change.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
