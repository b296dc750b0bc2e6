package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/regkeep/regkeep/internal/app"
	"github.com/regkeep/regkeep/internal/registry"
)

func (p *program) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor REGISTRY",
		Short: "Show what a registry can do, checked, and what regkeep does about it",
		Long: `Signs in and asks a registry what it can do. Nothing is deleted: what is tried
has names that cannot exist. HOST/REPOSITORY tries it in that repository.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := p.open()
			if err != nil {
				return err
			}
			d, err := a.Diagnose(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			p.progress.clear()
			return p.showDiagnosis(d)
		},
	}
}

// finding is one capability with what it means.
type finding struct {
	Type    string           `json:"type"` // "capability"
	Name    string           `json:"name"`
	Support registry.Support `json:"support"`
	Means   string           `json:"means"`
}

// findings says about each capability what regkeep does. The probe knows more
// about deletions than the description.
func findings(d *app.Diagnosis) []finding {
	c := d.Info.Capabilities
	merge := func(probed, described registry.Support) registry.Support {
		if probed != registry.SupportUnknown {
			return probed
		}
		return described
	}
	var all []finding
	add := func(name string, support registry.Support, yes, no, unknown string) {
		means := [...]string{registry.SupportUnknown: unknown, registry.SupportYes: yes, registry.SupportNo: no}[support]
		all = append(all, finding{"capability", name, support, means})
	}
	if c.ComponentDelete == registry.SupportYes {
		add("delete components", c.ComponentDelete, "tags go one by one; images without tags go with the registry's own tasks (regkeep reclaim)", "", "")
	} else {
		add("delete by digest", merge(d.Probed.DigestDelete, c.DigestDelete),
			"images are deleted with all their tags, when none of them stays",
			deletesOff, "apply tries before it deletes anything")
		add("delete one tag", merge(d.Probed.TagDelete, c.TagDelete),
			"a tag goes alone when its image stays",
			"a tag whose image stays under another name is blocked, unless the policy says untag: overwrite",
			"apply tries before it deletes anything")
	}
	add("list repositories", c.Catalog, "a plan can cover the whole registry", "name repositories one by one: HOST/REPOSITORY", "not known")
	add("list referrers", c.Referrers, "signatures and SBOMs are found through the registry", "signatures and SBOMs are found by their tags", "signatures and SBOMs are looked for both ways")
	add("push times", c.PushTimes, "age counts from the push", "age counts from the build time in the image, or from when regkeep first saw it", "age counts from the build time in the image")
	add("pull times", c.PullTimes, "rules about last use work", "rules about last use hold what they would remove", "rules about last use hold what they would remove")
	add("list untagged images", c.Untagged, "untagged images can be removed by rules", "only untagged images that indexes and attachments lead to are seen", "only untagged images that indexes and attachments lead to are seen")
	if c.PullsCounted == registry.SupportYes {
		add("reading counts as use", c.PullsCounted, "regkeep reads manifests only where a decision needs them", "", "")
	}
	if c.CascadeReferrers == registry.SupportYes {
		add("attachments go with images", c.CascadeReferrers, "the registry deletes signatures together with their image", "", "")
	}
	return all
}

// deletesOff names the setting, because the registry's own answer does not.
const deletesOff = "nothing can be removed: switch deletion on (distribution: storage: delete: enabled: true, or REGISTRY_STORAGE_DELETE_ENABLED=true) and restart it"

func (p *program) showDiagnosis(d *app.Diagnosis) error {
	if p.json() {
		return p.diagnosisJSON(d)
	}
	w := bufio.NewWriter(p.t.out)
	fmt.Fprintf(w, "%s  %s at %s\n", p.t.paint.bold(d.Info.Name), orElse(strings.TrimSpace(d.Info.Kind+" "+d.Info.Version), "a registry"), d.Info.URL)
	switch {
	case d.ProbeProblem != "":
		fmt.Fprintf(w, "%s deleting could not be tried: %s\n", p.t.paint.yellow("warning"), d.ProbeProblem)
	case d.Repository != "":
		fmt.Fprintf(w, "%s\n", p.t.paint.faint("Deleting was tried in "+d.Repository+", with names that cannot exist."))
	}
	fmt.Fprintln(w)
	t := newTable(p.t, "", "can it", "", "so")
	for _, f := range findings(d) {
		t.row(f.Name, p.support(f.Support), f.Means)
	}
	t.write(w)
	if len(d.Rights) > 0 {
		fmt.Fprintln(w)
		r := newTable(p.t, "", "right", "", "privilege", "without it")
		for _, right := range d.Rights {
			name := right.Name
			if right.Repository != "" {
				name += " " + right.Repository
			}
			r.row(name, p.have(right.Have), right.Privilege, right.Cost)
		}
		r.write(w)
	}
	for _, warning := range d.Info.Warnings {
		fmt.Fprintf(w, "\n%s %s\n", p.t.paint.yellow("warning"), warning)
	}
	fmt.Fprintf(w, "\n%s\n", p.t.paint.faint(count(d.Requests, "request")+", nothing was changed."))
	return w.Flush()
}

func (p *program) support(s registry.Support) string {
	switch s {
	case registry.SupportYes:
		return p.t.paint.green("yes")
	case registry.SupportNo:
		return p.t.paint.yellow("no")
	default:
		return p.t.paint.faint("not known")
	}
}

func (p *program) have(have string) string {
	switch have {
	case "have":
		return p.t.paint.green(have)
	case "missing":
		return p.t.paint.red(have)
	default:
		return p.t.paint.faint("not known")
	}
}

func (p *program) diagnosisJSON(d *app.Diagnosis) error {
	lines := json.NewEncoder(p.t.out)
	if err := lines.Encode(struct {
		Type string `json:"type"`
		registry.Info
		Repository string                `json:"repository,omitempty"`
		Probed     registry.Capabilities `json:"probed"`
		Problem    string                `json:"problem,omitempty"`
		Requests   int64                 `json:"requests"`
	}{"registry", d.Info, d.Repository, d.Probed, d.ProbeProblem, d.Requests}); err != nil {
		return err
	}
	for _, f := range findings(d) {
		if err := lines.Encode(f); err != nil {
			return err
		}
	}
	for _, right := range d.Rights {
		if err := lines.Encode(struct {
			Type string `json:"type"`
			app.Right
		}{"right", right}); err != nil {
			return err
		}
	}
	return nil
}
