package policy

import "github.com/regkeep/regkeep/internal/policy/duration"

// Duration is a length of time as policies write it.
type Duration = duration.Duration

// ParseDuration reads a duration such as 90m, 36h, 30d, 2w, 6mo, 1y or 1w2d.
func ParseDuration(text string) (Duration, error) { return duration.Parse(text) }

// ParseSize reads a size such as 10MB or 2GiB, in bytes.
func ParseSize(text string) (int64, error) { return duration.ParseSize(text) }
