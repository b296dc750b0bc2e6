package document

import "strings"

// Suggest finds the known word that a mistyped one most likely stands for; ""
// when none is near and none begins with it.
func Suggest(word string, known []string) string {
	plain := simplify(word)
	best, bestDistance := "", 1+max(1, len(plain)/3)
	for _, candidate := range known {
		if distance := distance(plain, simplify(candidate)); distance < bestDistance {
			best, bestDistance = candidate, distance
		}
	}
	if best == "" && len(plain) > 2 {
		for _, candidate := range known {
			if strings.HasPrefix(simplify(candidate), plain) {
				return candidate
			}
		}
	}
	return best
}

// simplify folds what people mix up: olderThan, older-than, OLDER_THAN.
func simplify(word string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "_", "", " ", "").Replace(word))
}

// distance is Damerau's: insertions, deletions, replacements and swaps of
// neighbours.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
