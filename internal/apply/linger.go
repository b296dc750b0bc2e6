package apply

import (
	"context"
	"fmt"
	"strings"

	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/mutate"
)

// linger is the outcome where tags of a deleted manifest point to nothing and
// are still listed: a registry that deletes the manifest first and then its tags
// (distribution) stops between the two when nobody waits for its answer any
// more. The tags are deleted by name where that is possible, which the next
// listing has to show; what points somewhere by now stays.
func (a *attempt) linger(ctx context.Context, tags []string) (journal.Status, string, error) {
	if a.cleared || a.supports().TagDelete == registry.SupportNo {
		return journal.Done, fmt.Sprintf("the manifest is gone, but the registry still lists its tags %s, because the deletion was cut off there: push them again, or delete them there",
			strings.Join(tags, ", ")), nil
	}
	if err := a.intend(ctx, plan.Untag); err != nil {
		return "", "", err
	}
	for _, tag := range tags {
		at, err := a.head(ctx, tag)
		if err != nil {
			return a.unsettled(a.acted, err)
		}
		if at.Digest == "" {
			// What comes of it the next listing shows.
			_ = a.mutator.Untag(registry.SendWithin(ctx, fresh), mutate.Tag{Repository: a.name, Name: tag, Digest: a.Digest})
		}
	}
	a.cleared = true
	return a.leave(a.acted)
}
