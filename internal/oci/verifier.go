package oci

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
)

// Verifier checks a stream against a digest: write everything, then Verify.
type Verifier struct {
	hash.Hash
	want Digest
}

// Verifier starts a check of content that should have this digest.
func (d Digest) Verifier() (*Verifier, error) {
	switch d.Algorithm() {
	case "sha256":
		return &Verifier{sha256.New(), d}, nil
	case "sha512":
		return &Verifier{sha512.New(), d}, nil
	default:
		return nil, fmt.Errorf("digest %q: cannot be verified", clip(string(d)))
	}
}

// Verify says whether what was written has the digest.
func (v *Verifier) Verify() error {
	if got := v.want.Algorithm() + ":" + hex.EncodeToString(v.Sum(nil)); got != string(v.want) {
		return fmt.Errorf("content has digest %s, expected %s", got, v.want)
	}
	return nil
}
