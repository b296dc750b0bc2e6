package cli

import (
	"fmt"
	"io"

	"github.com/regkeep/regkeep/internal/plan"
)

// restored writes what a plan that puts back does in one repository: the tags
// that come back, and how many manifests it takes.
func (v planView) restored(w io.Writer, repo *plan.Repository) {
	manifests := 0
	t := newTable(v.t, "  ", "tag", "", "digest")
	for _, step := range repo.Steps {
		switch {
		case step.Action == plan.PutManifest:
			manifests++
		case step.Replaces != "":
			t.row(step.Tag, v.t.paint.yellow("moved back"), short(step.Digest)+", away from "+short(step.Replaces))
		default:
			t.row(step.Tag, v.t.paint.green("put back"), short(step.Digest))
		}
	}
	fmt.Fprintf(w, "%s  %s to put back\n", v.t.paint.bold(v.name(repo)), and([]string{
		count(len(repo.Steps)-manifests, "tag"), count(manifests, "manifest"),
	}))
	t.write(w)
	for _, line := range repo.Blocked {
		v.wrapped(w, v.t.paint.yellow("blocked")+" "+blockedSentence(line), "  ", "    ")
	}
	fmt.Fprintln(w)
}
