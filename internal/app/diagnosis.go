package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/nexus"
)

// Diagnosis is what a registry can do, checked.
type Diagnosis struct {
	Info registry.Info
	// Repository that the deletions were probed in; "" where there was none.
	Repository string
	// Probed is what the probe found out there.
	Probed registry.Capabilities
	// ProbeProblem says why the probe found out nothing; "" when it did.
	ProbeProblem string
	Rights       []Right
	Requests     int64
}

// Right is one thing that the user may or may not do.
type Right struct {
	Name       string `json:"name"`
	Repository string `json:"repository,omitempty"`
	Privilege  string `json:"privilege"`
	Have       string `json:"have"` // have, missing, unknown
	Cost       string `json:"cost"` // what does not work without it
}

// Diagnose asks a registry what it can do. It deletes nothing: what it tries
// to delete has names that cannot exist.
func (a *App) Diagnose(ctx context.Context, written string) (*Diagnosis, error) {
	target, err := ParseTarget(a.file, written)
	if err != nil {
		return nil, err
	}
	if target.Pattern != "" && !target.Exact() {
		return nil, misuse("%q: name a registry, or one repository in it to probe", written)
	}
	o, err := a.open(ctx, target)
	if err != nil {
		return nil, err
	}
	defer o.close()
	d := &Diagnosis{Info: o.info, Repository: target.Pattern}
	if d.Repository == "" {
		for name, err := range o.reader.Repositories(ctx) {
			if err != nil {
				d.ProbeProblem = err.Error()
				break
			}
			d.Repository = name
			break
		}
	}
	if d.Repository != "" {
		if err := d.probe(ctx, o); err != nil {
			return nil, err
		}
	} else if d.ProbeProblem == "" {
		d.ProbeProblem = "there is no repository to try it in"
	}
	if d.Rights, err = rights(ctx, o); err != nil {
		return nil, advise(target.Name, err)
	}
	d.Requests = o.requests()
	return d, nil
}

func (d *Diagnosis) probe(ctx context.Context, o *opened) error {
	mutator, err := o.mutator(ctx)
	if err != nil {
		return err
	}
	d.Probed, err = mutator.Probe(ctx, d.Repository)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		d.ProbeProblem = err.Error()
	}
	return nil
}

// rights asks registries that have privileges one by one.
func rights(ctx context.Context, o *opened) ([]Right, error) {
	server, is := registry.As[*nexus.Registry](o.reader)
	if !is {
		return nil, nil
	}
	found, err := nexus.NewMutator(server).Rights(ctx)
	if err != nil && !errors.Is(err, registry.ErrDenied) {
		return nil, fmt.Errorf("rights: %w", err)
	}
	var all []Right
	for _, r := range found {
		all = append(all, Right{Name: r.Name, Repository: r.Repository, Privilege: r.Privilege, Have: r.Have.String(), Cost: r.Cost})
	}
	return all, nil
}
