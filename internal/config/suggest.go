package config

import "strings"

// closest is the choice that a mistyped word was most likely meant to be, or "".
func closest(word string, choices []string) string {
	const most = 4 // letters changed: beyond that it is another word
	best, least := "", min(len(word)/2+1, most)
	for _, c := range choices {
		if d := distance(strings.ToLower(word), c); d < least {
			best, least = c, d
		}
	}
	return best
}

// distance is the number of single-letter changes between two words, a swap of
// neighbours counting as one (optimal string alignment).
func distance(a, b string) int {
	const most = 64
	x, y := []rune(a), []rune(b)
	if len(x) > most || len(y) > most {
		return most
	}
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range y {
		rows[0][j+1] = j + 1
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			change := 1
			if x[i-1] == y[j-1] {
				change = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+change)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(x)][len(y)]
}
