package app

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/regkeep/regkeep/internal/config"
	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/policy"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/usage"
	"github.com/regkeep/regkeep/internal/usage/command"
	"github.com/regkeep/regkeep/internal/usage/docker"
	"github.com/regkeep/regkeep/internal/usage/files"
	"github.com/regkeep/regkeep/internal/usage/kubernetes"
	"github.com/regkeep/regkeep/internal/usage/list"
	usageurl "github.com/regkeep/regkeep/internal/usage/url"
)

// collect asks the configured sources what is in use; nil where there are
// none.
func (a *App) collect(ctx context.Context, s *session, now time.Time) (*usage.Evidence, error) {
	in := a.file.InUse
	if len(in.Sources) == 0 {
		return nil, nil
	}
	names, err := a.names(s)
	if err != nil {
		return nil, err
	}
	var asked []usage.Asked
	for _, source := range in.Sources {
		asked = append(asked, usage.Asked{Finder: finder(source, names, now), Covers: source.Registries})
	}
	state, err := a.store()
	if err != nil {
		return nil, err
	}
	return usage.Collect(ctx, asked, usage.Options{Names: names, Timeout: in.Timeout, Remember: in.Remember, Memory: state, Now: now})
}

// names are the registries of the session under every name that references to
// them may have.
func (a *App) names(s *session) (*usage.Names, error) {
	var registries []usage.Registry
	for _, o := range s.opened {
		registries = append(registries, usage.Registry{Name: o.info.Name, Addresses: addresses(o.info)})
	}
	var aliases []usage.Alias
	for _, alias := range a.file.InUse.Aliases {
		aliases = append(aliases, usage.Alias{From: alias.From, To: alias.To})
	}
	names, err := usage.NewNames(registries, aliases)
	if err != nil {
		return nil, &Failure{Kind: Usage, Err: err}
	}
	return names, nil
}

// addresses are where a registry is reached. Beside its base URL a Nexus
// answers to HOST/REPOSITORY/IMAGE and to BASE/repository/REPOSITORY/IMAGE;
// which connector ports it has is for aliases to say.
func addresses(info registry.Info) []string {
	at := []string{info.URL}
	if base, err := url.Parse(info.URL); err == nil && info.Kind == "nexus" {
		at = append(at, base.Host, base.JoinPath("repository").String())
	}
	return at
}

// asking is a policy with the evidence that it judges by, so that what is in
// use is read also where no tag leads to it.
type asking struct {
	inventory.Demand
	evidence *usage.Evidence
}

// Want adds what is used to what the policy wants to see, where the policy
// asks for use.
func (a asking) Want(repo *inventory.Repository) inventory.Want {
	want := a.Demand.Want(repo)
	if want.Indexes {
		want.Tags, want.Digests = a.evidence.Named(repo.Registry, repo.Name)
	}
	return want
}

func finder(source config.Source, names *usage.Names, now time.Time) usage.Finder {
	fresh := usage.Freshness{MaxAge: source.MaxAge, Now: now}
	switch {
	case source.Kubernetes != nil:
		return kubernetes.Finder{Kubeconfig: source.Kubernetes.Kubeconfig, Context: source.Kubernetes.Context, Namespaces: source.Kubernetes.Namespaces, Resources: source.Kubernetes.Resources}
	case source.Docker != nil:
		return docker.Finder{Host: source.Docker.Host, CertDir: source.Docker.CertDir}
	case source.Files != nil:
		return files.Finder{Paths: source.Files, Names: names}
	case source.Images != nil:
		return inline(source.Images)
	case source.List != nil:
		return list.Finder{Path: source.List.Path, Freshness: fresh}
	case source.Command != nil:
		return command.Finder{Args: source.Command, Freshness: fresh}
	default:
		return usageurl.Finder{Address: source.URL, Freshness: fresh}
	}
}

// unproven refuses a repository that would lose something while a source of
// evidence did not answer completely: what that source would have said is not
// known, whether or not a condition of the policy asks for it.
func unproven(registry string, report *policy.Report, evidence *usage.Evidence) []policy.Warning {
	if len(evidence.Incomplete(registry)) == 0 || len(report.Removes()) == 0 {
		return nil
	}
	return []policy.Warning{{Code: codeEvidence, Scope: report.Repository, Message: "nothing is removed while it is not known what is in use", Lift: "in_use"}}
}

// incomplete says for every registry which sources did not answer completely,
// and why.
func incomplete(s *session, evidence *usage.Evidence) []plan.Notice {
	var notices []plan.Notice
	for _, o := range s.opened {
		for _, source := range evidence.Incomplete(o.info.Name) {
			notices = append(notices, plan.Notice{
				Type: "refusal", Code: codeEvidence, Scope: o.info.Name, Lift: "in_use",
				Message: fmt.Sprintf("what is in use is not known: %s: %s", source.Name, source.Problem),
			})
		}
	}
	return notices
}

const codeEvidence = "evidence"

// doubts warns where policy and sources do not go together, and passes on what
// sources have doubts about.
func doubts(s *session, rules *policy.Policy, evidence *usage.Evidence) []policy.Warning {
	var warnings []policy.Warning
	warn := func(code, scope, lift, format string, args ...any) {
		warnings = append(warnings, policy.Warning{Code: code, Scope: scope, Lift: lift, Message: fmt.Sprintf(format, args...)})
	}
	switch asks := rules.AsksForUse(); {
	case asks && evidence == nil:
		warn("no-evidence", "in_use", "in_use.sources", "the policy asks what is in use and no source can tell: all that in_use might keep is held; name sources under in_use.sources")
	case !asks && evidence != nil:
		warn("evidence-unused", "in_use", "protect", "sources tell what is in use and the policy does not ask: images in use may go; write `protect: [{in_use: true}]`")
	}
	if evidence == nil {
		return warnings
	}
	for _, source := range evidence.Sources {
		for _, doubt := range source.Doubts {
			warn(codeEvidence, source.Name, "", "%s", doubt)
		}
	}
	uses := evidence.Uses()
	for _, o := range s.opened {
		here := slices.ContainsFunc(uses, func(use usage.Use) bool {
			return use.Image.Registry == o.info.Name && !use.Witnesses[0].Remembered
		})
		if len(uses) > 0 && !here && rules.AsksForUse() && len(evidence.Incomplete(o.info.Name)) == 0 {
			warn(codeEvidence, o.info.Name, "in_use.aliases", "of %d images in use none is called by a name of this registry: if it has a mirror or another port, name that under in_use.aliases (`regkeep in-use` shows the names)", len(uses))
		}
	}
	return warnings
}

// inline is images that stand in the configuration.
type inline []string

// Name says where they stand.
func (inline) Name() string { return "images" }

// Find names them all.
func (images inline) Find(_ context.Context, found func(image, what string)) error {
	for _, image := range images {
		found(image, "the configuration")
	}
	return nil
}
