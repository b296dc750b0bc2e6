package policy

import (
	"slices"

	"github.com/regkeep/regkeep/internal/oci"
)

func sortDigests(digests []oci.Digest) []oci.Digest {
	slices.Sort(digests)
	return digests
}

// selectNth gives the value that would stand at n if the values were sorted.
// It moves the values about.
func selectNth(values []int64, n int) int64 {
	low, high := 0, len(values)-1
	for low < high {
		pivot := values[low+(high-low)/2]
		i, j := low, high
		for i <= j {
			for values[i] < pivot {
				i++
			}
			for values[j] > pivot {
				j--
			}
			if i <= j {
				values[i], values[j] = values[j], values[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case n <= j:
			high = j
		case n >= i:
			low = i
		default:
			return values[n]
		}
	}
	return values[n]
}

// densest is the largest number of values inside one window, its end excluded.
func densest(values []int64, window int64) int {
	slices.Sort(values)
	most, from := 0, 0
	for to := range values {
		for values[to]-values[from] >= window {
			from++
		}
		most = max(most, to-from+1)
	}
	return most
}
