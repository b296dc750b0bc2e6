package undo_test

import (
	"errors"
	"testing"

	"github.com/regkeep/regkeep/internal/apply/applytest"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
	"github.com/regkeep/regkeep/internal/undo"
)

// written counts the steps that have been written, and fails where it is told.
type written struct{ steps, most int }

func (w *written) Line(line any) error {
	if _, is := line.(*plan.Step); is {
		if w.steps++; w.steps == w.most {
			return errors.New("the disk is full")
		}
	}
	return nil
}

func (*written) End(*plan.Summary) error { return nil }

// What one repository needs is written before the next one is read, so that
// memory follows the largest repository; and nobody reads on where it cannot be
// written or read.
func TestARepositoryIsWrittenBeforeTheNextIsRead(t *testing.T) {
	w := world.New(world.DefaultNow)
	tags := applytest.Remove{}
	for _, name := range []string{"a", "b", "c"} {
		w.Repository(name).Tag("v1", w.Repository(name).Image(world.Image{}))
		w.Repository(name).Tag("kept", w.Repository(name).Image(world.Image{}))
		tags[name] = []string{"v1"}
	}
	r := remove(t, w, tags, memory.Options{})
	lost := errors.New("the state is gone")
	for name, c := range map[string]struct {
		most, lost int
		asked      []int // steps that had been written when a repository was asked for
		fails      bool
	}{
		"all":       {asked: []int{0, 2, 4}},
		"full disk": {most: 3, asked: []int{0, 2}, fails: true},
		"unread":    {lost: 2, asked: []int{0, 2}, fails: true},
	} {
		req := r.undoing(t)
		all, out := req.Removed, &written{most: c.most}
		var asked []int
		req.Removed = func(yield func(*undo.Removed, error) bool) {
			for removed, err := range all {
				asked = append(asked, out.steps)
				if len(asked) == c.lost {
					removed, err = nil, lost
				}
				if !yield(removed, err) || err != nil {
					return
				}
			}
		}
		_, err := undo.Build(t.Context(), req, out)
		if (err != nil) != c.fails || c.lost > 0 && !errors.Is(err, lost) {
			t.Errorf("%s: %v", name, err)
		}
		if len(asked) != len(c.asked) {
			t.Fatalf("%s: asked for %d repositories", name, len(asked))
		}
		for i := range asked {
			if asked[i] != c.asked[i] {
				t.Errorf("%s: repository %d is read after %d steps, want %d", name, i, asked[i], c.asked[i])
			}
		}
	}
}
