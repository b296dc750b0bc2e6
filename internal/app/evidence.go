package app

import (
	"context"
	"fmt"
	"time"

	"github.com/regkeep/regkeep/internal/config"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/policy"
	"github.com/regkeep/regkeep/internal/usage"
	"github.com/regkeep/regkeep/internal/usage/command"
	"github.com/regkeep/regkeep/internal/usage/docker"
	"github.com/regkeep/regkeep/internal/usage/files"
	"github.com/regkeep/regkeep/internal/usage/kubernetes"
	"github.com/regkeep/regkeep/internal/usage/list"
	"github.com/regkeep/regkeep/internal/usage/url"
)

// collect asks the configured sources what is in use; nil where there are
// none.
func (a *App) collect(ctx context.Context, s *session, now time.Time) (*usage.Evidence, error) {
	in := a.file.InUse
	if len(in.Sources) == 0 {
		return nil, nil
	}
	var registries []usage.Registry
	for _, o := range s.opened {
		registries = append(registries, usage.Registry{Name: o.info.Name, Addresses: []string{o.info.URL}})
	}
	var aliases []usage.Alias
	for _, alias := range in.Aliases {
		aliases = append(aliases, usage.Alias{From: alias.From, To: alias.To})
	}
	names, err := usage.NewNames(registries, aliases)
	if err != nil {
		return nil, &Failure{Kind: Usage, Err: err}
	}
	var finders []usage.Finder
	for _, source := range in.Sources {
		finders = append(finders, finder(source, names, now))
	}
	state, err := a.store()
	if err != nil {
		return nil, err
	}
	return usage.Collect(ctx, finders, usage.Options{Names: names, Timeout: in.Timeout, Remember: in.Remember, Memory: state, Now: now})
}

func finder(source config.Source, names *usage.Names, now time.Time) usage.Finder {
	switch {
	case source.Kubernetes != nil:
		return kubernetes.Finder{Kubeconfig: source.Kubernetes.Kubeconfig, Context: source.Kubernetes.Context, Namespaces: source.Kubernetes.Namespaces}
	case source.Docker != nil:
		return docker.Finder{Host: source.Docker.Host, CertDir: source.Docker.CertDir}
	case source.Files != nil:
		return files.Finder{Paths: source.Files, Names: names}
	case source.Images != nil:
		return inline(source.Images)
	case source.List != nil:
		return list.Finder{Path: source.List.Path, MaxAge: source.List.MaxAge, Now: now}
	case source.Command != nil:
		return command.Finder{Args: source.Command}
	default:
		return url.Finder{Address: source.URL}
	}
}

// unproven refuses a repository that would lose something while a source of
// evidence did not answer completely: what that source would have said is not
// known, whether or not a condition of the policy asks for it.
func unproven(report *policy.Report, evidence *usage.Evidence) []policy.Warning {
	if evidence == nil || evidence.Known() || len(report.Removes()) == 0 {
		return nil
	}
	return []policy.Warning{{Code: codeEvidence, Scope: report.Repository, Message: "nothing is removed while it is not known what is in use", Lift: "in_use"}}
}

// incomplete says for every registry which sources did not answer completely,
// and why.
func incomplete(s *session, evidence *usage.Evidence) []plan.Notice {
	if evidence == nil {
		return nil
	}
	var notices []plan.Notice
	for _, o := range s.opened {
		for _, source := range evidence.Sources {
			if !source.Complete {
				notices = append(notices, plan.Notice{
					Type: "refusal", Code: codeEvidence, Scope: o.info.Name, Lift: "in_use",
					Message: fmt.Sprintf("what is in use is not known: %s: %s", source.Name, source.Problem),
				})
			}
		}
	}
	return notices
}

const codeEvidence = "evidence"

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
