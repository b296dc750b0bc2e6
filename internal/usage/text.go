package usage

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

// ReadList reads one image a line: blank lines and lines that begin with # are
// passed over, anything behind the image is its witness text. A line
// "# as of TIME" (RFC 3339) says when the list was true; the last one counts,
// and asOf is zero where there is none. It fails on a line longer than 64 KiB
// and on a read error, so that half a list is never taken for a whole one.
func ReadList(ctx context.Context, r io.Reader, where string, found func(image, what string)) (asOf time.Time, err error) {
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		if err := context.Cause(ctx); err != nil {
			return asOf, err
		}
		line := strings.TrimSpace(lines.Text())
		if text, dated := strings.CutPrefix(line, "# as of "); dated {
			if asOf, err = time.Parse(time.RFC3339, strings.TrimSpace(text)); err != nil {
				return asOf, fmt.Errorf("%s line %d: %q is no time such as 2026-01-31T12:00:00Z", where, n, text)
			}
		}
		image, what, _ := strings.Cut(line, " ")
		if image == "" || strings.HasPrefix(image, "#") {
			continue
		}
		if what = strings.TrimSpace(what); what == "" {
			what = fmt.Sprintf("%s line %d", where, n)
		}
		found(image, what)
	}
	if err := lines.Err(); err != nil {
		return asOf, fmt.Errorf("read %s: %w", where, err)
	}
	return asOf, nil
}

// Freshness is how old evidence may be. MaxAge 0 means that its age does not
// matter. Now is the instant of the looking.
type Freshness struct {
	MaxAge time.Duration
	Now    time.Time
}

// skew is how far two clocks may be apart.
const skew = 5 * time.Minute

// Check refuses evidence that is too old, that does not say how old it is, or
// that is dated in the future, which says nothing of its age.
func (f Freshness) Check(where string, at time.Time) error {
	switch age := f.Now.Sub(at); {
	case f.MaxAge == 0:
		return nil
	case at.IsZero():
		return fmt.Errorf("%s does not say how old it is: let it write a line \"# as of TIME\"", where)
	case age < -skew:
		return fmt.Errorf("%s is dated %s, in the future: check the clocks", where, at.UTC().Format(time.RFC3339))
	case age > f.MaxAge:
		return fmt.Errorf("%s was written %s ago, more than its max_age of %s: see why nothing writes it", where, age.Round(time.Second), days(f.MaxAge))
	}
	return nil
}
