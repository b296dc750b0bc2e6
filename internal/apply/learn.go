package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
)

// deletesDisabled is what to do where a registry takes no deletes.
const deletesDisabled = "deletes are not enabled on this registry. On distribution set storage.delete.enabled: true (REGISTRY_STORAGE_DELETE_ENABLED=true) and restart it"

// learn finds out what can be done in this repository, as far as the steps
// need it. What was seen to work, or said by the plan to work, is not asked
// again; what was seen not to work may have been switched on since.
func (r *repository) learn(ctx context.Context, open []plan.Step) error {
	known, err := r.Memory.Capabilities(ctx, r.registry, r.name)
	if err != nil {
		return &fatalError{err}
	}
	r.adopt(known)
	uses := func(action plan.Action) bool {
		return slices.ContainsFunc(open, func(s plan.Step) bool { return s.Action == action })
	}
	tags := uses(plan.Untag) || uses(plan.OverwriteTag)
	digests := uses(plan.DeleteManifest) || uses(plan.OverwriteTag)
	if tags && r.can.TagDelete != registry.SupportYes || digests && r.can.DigestDelete != registry.SupportYes {
		found, err := r.mutator.Probe(ctx, r.name)
		// Where there is no repository any more, there is nothing to find out.
		if err != nil && !errors.Is(err, registry.ErrNotFound) {
			return fmt.Errorf("what can be deleted here could not be found out: %w", err)
		}
		if found.TagDelete == registry.SupportUnknown && known.TagDelete == registry.SupportNo {
			found.TagDelete = registry.SupportNo
		}
		r.can.TagDelete, r.can.DigestDelete = found.TagDelete, found.DigestDelete
		if err := r.remember(ctx); err != nil {
			return err
		}
	}
	if digests && r.can.DigestDelete == registry.SupportNo && r.can.TagDelete != registry.SupportYes {
		return fmt.Errorf("%s/%s: %s", r.registry, r.name, deletesDisabled)
	}
	return nil
}

func (r *repository) adopt(known registry.Capabilities) {
	if known.TagDelete == registry.SupportYes {
		r.can.TagDelete = known.TagDelete
	}
	if known.DigestDelete == registry.SupportYes {
		r.can.DigestDelete = known.DigestDelete
	}
}

// remember keeps what was learned for the next plan.
func (r *repository) remember(ctx context.Context) error {
	if err := r.Memory.Learn(ctx, r.registry, r.name, r.supports(), r.Now()); err != nil {
		return &fatalError{err}
	}
	return nil
}
