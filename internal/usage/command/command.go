// Package command asks a program which images are in use: one image a line on
// its standard output, what uses it behind the image.
//
// It promises that a program that fails, or is stopped, makes the evidence
// incomplete. It does not know what the program looks at.
package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"github.com/regkeep/regkeep/internal/usage"
)

// Finder runs Args, the first of which is the program. No shell is involved.
// Where there is a MaxAge the program must say as of when its list is.
type Finder struct {
	Args []string
	usage.Freshness
}

// Name is the command as written.
func (f Finder) Name() string { return "command " + strings.Join(f.Args, " ") }

// mostErrorText bounds how much of a failing program's words is repeated.
const mostErrorText = 400

// Find runs the program to its end and reads what it printed.
func (f Finder) Find(ctx context.Context, found func(image, what string)) error {
	if len(f.Args) == 0 {
		return errors.New("no program named")
	}
	command := exec.CommandContext(ctx, f.Args[0], f.Args[1:]...)
	var out, failure bytes.Buffer
	command.Stdout, command.Stderr = &out, &limited{w: &failure, left: mostErrorText}
	if err := command.Run(); err != nil {
		if text := strings.TrimSpace(failure.String()); text != "" {
			return fmt.Errorf("%s: %w: %s", f.Args[0], err, text)
		}
		return fmt.Errorf("%s: %w", f.Args[0], err)
	}
	at, err := usage.ReadList(ctx, &out, f.Name(), found)
	if err != nil {
		return err
	}
	return f.Check(f.Name(), at)
}

// limited passes on the first bytes and swallows the rest.
type limited struct {
	w    io.Writer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	keep := p[:min(len(p), l.left)]
	l.left -= len(keep)
	if _, err := l.w.Write(keep); err != nil {
		return 0, err
	}
	return len(p), nil
}
