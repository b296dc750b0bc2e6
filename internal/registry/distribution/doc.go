// Package distribution reads and changes any registry that speaks the OCI
// distribution API over HTTP, with the quirks of those that nearly do.
//
// It promises that a listing which ends without an error is complete, that
// every manifest has the digest it was asked for, that its Registry cannot
// send anything but reads, and that its Mutator sends what may have an effect
// exactly once. It knows no vendor's own API, no policy and no plan, and
// leaves the question whether a deletion is right to its caller.
package distribution
