package app

import (
	"crypto/rand"
	"encoding/hex"
	"time"
)

// newPlanID names a plan after its time and by chance, as 20060102-150405-abcdef:
// plans made in the same second, even of the same things, have names of their
// own, and none takes the place of one that somebody has already read.
func newPlanID(made time.Time) string {
	var random [3]byte
	rand.Read(random[:])
	return made.UTC().Format("20060102-150405-") + hex.EncodeToString(random[:])
}
