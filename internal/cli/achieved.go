package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/plan"
)

// achieved counts what is gone, or back.
type achieved struct{ tags, manifests, attachments int }

func (a *achieved) add(step plan.Step) {
	if step.Why == "attachment" {
		if step.Tag == "" || step.Action == plan.DeleteComponent {
			a.attachments++
		}
		return
	}
	if step.Tag == "" {
		a.manifests++
	} else {
		a.tags++
	}
	a.tags += len(step.Takes)
}

func (a *achieved) String() string {
	what := []string{count(a.tags, "tag")}
	if a.manifests > 0 {
		what = append(what, count(a.manifests, "manifest"))
	}
	if a.attachments > 0 {
		what = append(what, count(a.attachments, "attachment"))
	}
	return and(what)
}

// mostTroubles bounds what is told of a run that went wrong in many ways; the
// journal has all of it.
const mostTroubles = 100

// troubles are the reasons why steps were not done, and what is left of those
// that were, the same once for all steps that had it.
type troubles struct {
	by   map[trouble]*affected
	more int // steps with reasons that found no place
}

type trouble struct{ status, message string }

// affected are the steps of one trouble: how many, the first of them, and some
// of their places, the first ones by name.
type affected struct {
	seq, count int
	places     []string
}

func (t *troubles) add(o journal.Outcome) {
	key := trouble{string(o.Status), o.Error}
	if t.by == nil {
		t.by = map[trouble]*affected{}
	}
	a := t.by[key]
	if a == nil {
		if len(t.by) == mostTroubles {
			t.more++
			return
		}
		a = &affected{seq: o.Seq}
		t.by[key] = a
	}
	a.count++
	a.seq = min(a.seq, o.Seq)
	place := o.Registry + "/" + o.Repository + named(o.Tag, o.Digest)
	at, _ := slices.BinarySearch(a.places, place)
	a.places = slices.Insert(a.places, at, place)
	a.places = a.places[:min(len(a.places), mostNamed)]
}

func (t *troubles) write(w io.Writer, paint palette, run string) {
	order := make([]trouble, 0, len(t.by))
	for key := range t.by {
		order = append(order, key)
	}
	slices.SortFunc(order, func(a, b trouble) int { return t.by[a].seq - t.by[b].seq })
	for _, key := range order {
		a := t.by[key]
		fmt.Fprintf(w, "%s %s: %s\n", paint.yellow(key.status), someOf(a.places, a.count), orElse(strings.TrimSuffix(key.message, "."), "not done"))
	}
	if t.more > 0 {
		fmt.Fprintf(w, "%s %d more, for other reasons; see `regkeep runs %s`\n", paint.yellow("not done"), t.more, run)
	}
	if len(order) > 0 {
		fmt.Fprintln(w)
	}
}
