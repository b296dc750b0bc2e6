package oci

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"strings"
)

// Digest is a content address such as "sha256:9f86d0…" (image-spec
// descriptor.md, "Digests"). The zero value means "not known"; every other
// value was checked by ParseDigest or made by FromBytes.
type Digest string

// digestHex maps the registered algorithms to the length of their hex part.
var digestHex = map[string]int{"sha256": 64, "sha512": 128}

// ParseDigest checks s against the grammar of the registered algorithms
// (sha256 and sha512, lower-case hex).
func ParseDigest(s string) (Digest, error) {
	algorithm, encoded, found := strings.Cut(s, ":")
	want, known := digestHex[algorithm]
	switch {
	case !found:
		return "", fmt.Errorf("digest %q: no algorithm before a colon", clip(s))
	case !known:
		return "", fmt.Errorf("digest %q: unknown algorithm %q", clip(s), clip(algorithm))
	case len(encoded) != want:
		return "", fmt.Errorf("digest %q: %s needs %d hex digits, found %d", clip(s), algorithm, want, len(encoded))
	case !isLowerHex(encoded):
		return "", fmt.Errorf("digest %q: not lower-case hexadecimal", clip(s))
	}
	return Digest(s), nil
}

// FromBytes is the sha256 digest of body.
func FromBytes(body []byte) Digest {
	sum := sha256.Sum256(body)
	return digestOf("sha256", sum[:])
}

// FromSum is the digest whose hex part is the sum in hexadecimal: 32 bytes are
// sha256, 64 sha512. Of any other number it is "".
func FromSum(sum []byte) Digest {
	switch len(sum) {
	case sha256.Size:
		return digestOf("sha256", sum)
	case sha512.Size:
		return digestOf("sha512", sum)
	}
	return ""
}

// Sum is the hex part in bytes.
func (d Digest) Sum() []byte {
	sum, _ := hex.DecodeString(d.Hex()) // which was checked
	return sum
}

func digestOf(algorithm string, sum []byte) Digest {
	text := make([]byte, 0, len("sha512:")+2*sha512.Size)
	text = append(append(text, algorithm...), ':')
	return Digest(hex.AppendEncode(text, sum))
}

// Algorithm is the part before the colon.
func (d Digest) Algorithm() string {
	algorithm, _, _ := strings.Cut(string(d), ":")
	return algorithm
}

// Hex is the part after the colon.
func (d Digest) Hex() string {
	_, encoded, _ := strings.Cut(string(d), ":")
	return encoded
}

// Short is the first twelve hex digits, for people.
func (d Digest) Short() string {
	encoded := d.Hex()
	return encoded[:min(12, len(encoded))]
}

func (d Digest) String() string { return string(d) }

// Verify says whether body has this digest.
func (d Digest) Verify(body []byte) error {
	var got Digest
	switch d.Algorithm() {
	case "sha256":
		got = FromBytes(body)
	case "sha512":
		sum := sha512.Sum512(body)
		got = digestOf("sha512", sum[:])
	default:
		return fmt.Errorf("digest %q: cannot be verified", clip(string(d)))
	}
	if got != d {
		return fmt.Errorf("content has digest %s, expected %s", got, d)
	}
	return nil
}

func isLowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// clip keeps foreign text short enough for an error message.
func clip(s string) string {
	const most = 96
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
