// Package oci holds the words of the OCI image and distribution specifications
// as types: digests, references, descriptors and decoded manifests with their
// edges (children, subject, attachment tags).
//
// It promises that a value of its types is well formed: whoever holds a Digest
// holds a checked one. It does no network, no files and no clock, and it knows
// nothing of registries, policies or deletion.
package oci
