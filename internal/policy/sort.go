package policy

import (
	"slices"

	"github.com/regkeep/regkeep/internal/oci"
)

func sortDigests(digests []oci.Digest) []oci.Digest {
	slices.Sort(digests)
	return digests
}
