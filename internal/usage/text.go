package usage

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
)

// ReadList reads one image a line: blank lines and lines that begin with # are
// passed over, anything behind the image is its witness text. It fails on a
// line longer than 64 KiB and on a read error, so that half a list is never
// taken for a whole one.
func ReadList(ctx context.Context, r io.Reader, where string, found func(image, what string)) error {
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		image, what, _ := strings.Cut(strings.TrimSpace(lines.Text()), " ")
		if image == "" || strings.HasPrefix(image, "#") {
			continue
		}
		if what = strings.TrimSpace(what); what == "" {
			what = fmt.Sprintf("%s line %d", where, n)
		}
		found(image, what)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read %s: %w", where, err)
	}
	return nil
}
