// Package order compares what names hold: numbers inside text, versions, and
// values that an expression captured.
//
// Every comparison is total and transitive. A name that holds no such value is
// reported as having none; nothing is guessed.
package order

import (
	"cmp"
	"strings"
)

// Natural compares names the way people do: build-9 before build-10. Digits
// compare as numbers of any length and come before other characters; names
// that differ only in leading zeros compare as text.
func Natural(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		if digit(x[0]) && digit(y[0]) {
			var m, n string
			m, x = leadingDigits(x)
			n, y = leadingDigits(y)
			if c := Number(m, n); c != 0 {
				return c
			}
			continue
		}
		if digit(x[0]) != digit(y[0]) {
			if digit(x[0]) {
				return -1
			}
			return 1
		}
		if c := cmp.Compare(x[0], y[0]); c != 0 {
			return c
		}
		x, y = x[1:], y[1:]
	}
	if c := cmp.Compare(len(x), len(y)); c != 0 {
		return c
	}
	return strings.Compare(a, b)
}

// Number compares decimal numbers of any length, given as digits.
func Number(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// IsNumber says whether s is digits and nothing else.
func IsNumber(s string) bool {
	head, tail := leadingDigits(s)
	return head != "" && tail == ""
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func leadingDigits(s string) (head, tail string) {
	i := 0
	for i < len(s) && digit(s[i]) {
		i++
	}
	return s[:i], s[i:]
}
