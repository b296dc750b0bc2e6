package oci

import "strings"

// ParseAttachmentTag recognises the two tag schemes that tie one manifest to
// another without a subject field: the referrers fallback tag "sha256-<hex>"
// (distribution-spec, "Referrers Tag Schema") and cosign's "sha256-<hex>.sig",
// ".att", ".sbom" and other suffixes. It returns the digest of the manifest
// that the tag belongs to and the suffix without its dot ("" for the fallback).
func ParseAttachmentTag(tag string) (subject Digest, suffix string, ok bool) {
	algorithm, rest, found := strings.Cut(tag, "-")
	length, known := digestHex[algorithm]
	if !found || !known || len(rest) < length {
		return "", "", false
	}
	encoded, tail := rest[:length], rest[length:]
	if !isLowerHex(encoded) {
		return "", "", false
	}
	switch {
	case tail == "":
	case len(tail) > 1 && tail[0] == '.':
		suffix = tail[1:]
	default:
		return "", "", false
	}
	return Digest(algorithm + ":" + encoded), suffix, true
}

// FallbackTag is the referrers fallback tag of a subject
// (distribution-spec, "Referrers Tag Schema"): the digest with its colon as a
// dash, at most 128 characters.
func FallbackTag(subject Digest) string {
	tag := strings.Replace(string(subject), ":", "-", 1)
	return tag[:min(128, len(tag))]
}
