package app

import (
	"context"
	"time"

	"github.com/regkeep/regkeep/internal/config"
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
	return usage.Collect(ctx, finders, usage.Options{Names: names, Timeout: in.Timeout, Remember: in.Remember, Now: now})
}

func finder(source config.Source, names *usage.Names, now time.Time) usage.Finder {
	switch {
	case source.Kubernetes != nil:
		return kubernetes.Finder{Kubeconfig: source.Kubernetes.Kubeconfig, Context: source.Kubernetes.Context, Namespaces: source.Kubernetes.Namespaces}
	case source.Docker != nil:
		return docker.Finder{Host: source.Docker.Host, CertDir: source.Docker.CertDir}
	case source.Files != nil:
		return files.Finder{Paths: source.Files, Names: names}
	case source.List != nil:
		return list.Finder{Path: source.List.Path, MaxAge: source.List.MaxAge, Now: now}
	case source.Command != nil:
		return command.Finder{Args: source.Command}
	default:
		return url.Finder{Address: source.URL}
	}
}
