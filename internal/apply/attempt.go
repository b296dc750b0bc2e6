package apply

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/regkeep/regkeep/internal/archive"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/plan"
	"github.com/regkeep/regkeep/internal/registry"
)

// attempt is the work on one step. Its methods return the outcome with the
// reason, or an error that stops the whole run.
type attempt struct {
	*repository
	plan.Step
	waiting  context.Context // ends when nobody waits for the run any more
	turns    *turns          // of the steps that are carried out side by side
	place    int             // among these
	resumed  bool            // an earlier process wrote an intent, and nobody knows what became of it
	intended bool            // it, or this one
	looked   time.Time       // when the look at the target began
	again    bool            // it is the second one
	insisted bool            // it is taken once more, because what it did had no effect
	late     int             // how often its request was held back too long to be sent
	acted    error           // what the delete was answered with, while the step waits for a listing
	unclear  bool            // an earlier process, or this one, does not know how far a delete came: see linger
	followed []string        // its tags that were gone with the manifest when they were last looked at
	cleared  bool            // tags that linger were deleted by name, and it waits for a listing again
	halt     string          // why nothing more is tried in the repository after this step
}

// patience is how long an accepted change may take to show: some registries
// need seconds to forget.
var patience = []time.Duration{
	200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 15 * time.Second,
}

// head looks at a tag or digest: what it is, or the zero value if it is not
// there.
func (r *repository) head(ctx context.Context, reference string) (oci.Descriptor, error) {
	found, err := r.reader.Head(ctx, r.name, reference)
	switch {
	case errors.Is(err, registry.ErrNotFound):
		return oci.Descriptor{}, nil
	case err != nil:
		return oci.Descriptor{}, err
	case found.Digest == "":
		return oci.Descriptor{}, fmt.Errorf("the registry named no digest for %s/%s %s", r.registry, r.name, reference)
	}
	return found, nil
}

// until looks again until look is satisfied or patience is over. The error is
// that of the last look: then nobody knows.
func (a *attempt) until(ctx context.Context, delays []time.Duration, look func(context.Context) (bool, error)) (bool, error) {
	if a.isImpatient() && len(delays) > 1 {
		delays = delays[:1]
	}
	for {
		satisfied, err := look(ctx)
		if satisfied && err == nil || len(delays) == 0 {
			return satisfied, err
		}
		if a.Sleep(a.waiting, delays[0]) != nil {
			delays = delays[:1] // nobody waits: one last look
		}
		delays = delays[1:]
	}
}

// waits says how long to look for the effect of a request that was answered
// like this. A clear no is a no; everything else may still happen.
func waits(acted error) []time.Duration {
	for _, kind := range []error{registry.ErrDenied, registry.ErrLocked, registry.ErrUnsupported, registry.ErrChanged, registry.ErrThrottled, registry.ErrNotFound, registry.ErrLate} {
		if errors.Is(acted, kind) {
			return nil
		}
	}
	return patience
}

// absent is the outcome where there is nothing left to do.
func (a *attempt) absent() (journal.Status, string, error) {
	if a.intended {
		return journal.Done, "", nil
	}
	return journal.AlreadyGone, "", nil
}

// blind is the outcome where the look before the step failed. An earlier
// process may have acted; this one did not.
func (a *attempt) blind(err error) (journal.Status, string, error) {
	a.halt = fmt.Sprintf("stopped, because step %d could not look at its target: %v", a.Seq, err)
	if a.intended {
		return journal.Unknown, err.Error(), nil
	}
	return journal.Refused, err.Error(), nil
}

// unsettled is the outcome where the look after the effect failed.
func (a *attempt) unsettled(acted, look error) (journal.Status, string, error) {
	a.halt = fmt.Sprintf("stopped, because nobody knows what became of step %d: %v", a.Seq, look)
	if acted != nil {
		return journal.Unknown, fmt.Sprintf("%v; then: %v", acted, look), nil
	}
	return journal.Unknown, look.Error(), nil
}

// unmoved is the outcome where the target is still as it was after a request
// that was answered with acted. Nothing worse is ever tried instead.
func (a *attempt) unmoved(acted error) (journal.Status, string, error) {
	if acted == nil {
		a.setImpatient()
		return journal.Failed, "the registry accepted it and did nothing", nil
	}
	if errors.Is(acted, registry.ErrLocked) {
		return journal.Refused, acted.Error(), nil
	}
	if errors.Is(acted, registry.ErrChanged) {
		return journal.Changed, acted.Error(), nil
	}
	a.halt = fmt.Sprintf("stopped after step %d: %v", a.Seq, acted)
	return journal.Failed, acted.Error(), nil
}

// follows says whether an attachment has to wait for its subject, or stays
// with it. raw may be nil.
func (a *attempt) follows(ctx context.Context, raw *oci.RawManifest) (journal.Status, string, error) {
	subjects := a.subjects(raw)
	if slices.ContainsFunc(subjects, a.pending) {
		return postponed, "", nil
	}
	for _, subject := range subjects {
		there, why, err := a.subjectThere(ctx, subject)
		if err != nil {
			return a.blind(err)
		}
		if there {
			return journal.Refused, fmt.Sprintf("it is attached to %s, which is still there%s", subject, why), nil
		}
	}
	return "", "", nil
}

// waits says whether the step has to come later, as far as that is clear before
// anything is looked at.
func (a *attempt) waits() bool {
	if raw, early := a.keptBefore(a.Seq); early {
		return slices.ContainsFunc(a.subjects(&raw), a.pending)
	}
	return false
}

// subjects are what a step's manifest is attached to, by its own word and by
// those of its tags.
func (a *attempt) subjects(raw *oci.RawManifest) []oci.Digest {
	subjects := map[oci.Digest]bool{}
	for _, name := range append(slices.Clone(a.Takes), a.Tag) {
		if subject, _, ok := oci.ParseAttachmentTag(name); ok {
			subjects[subject] = true
		}
	}
	if raw != nil && a.Action != plan.Untag && a.Action != plan.OverwriteTag {
		if m, err := oci.DecodeManifest(raw.MediaType, raw.Body); err == nil && m.Subject != nil {
			subjects[m.Subject.Digest] = true
		}
	}
	return slices.Sorted(maps.Keys(subjects))
}

// subjectThere: where tags are deleted as components, manifests stay until the
// registry collects them, so there a subject counts as gone once nothing leads
// to it.
func (a *attempt) subjectThere(ctx context.Context, subject oci.Digest) (bool, string, error) {
	if g, kept := a.guardianOf(subject); kept {
		return true, ": " + g.why, nil
	}
	if a.hasGone(subject) {
		return false, "", nil
	}
	if a.components() {
		if names := a.tagsOn(subject); len(names) > 0 {
			return true, fmt.Sprintf(": tag %q points to it", slices.Min(names)), nil
		}
		return false, "", nil
	}
	found, err := a.head(ctx, string(subject))
	return found.Digest != "", "", err
}

// keep archives the manifest before anything happens to it. Without that, or
// where its bytes are not what they claim, nothing happens. A manifest that
// only loses a tag is not fetched where fetching counts as a pull, nor one
// whose component goes: it stays until the registry collects its garbage, and
// can be put back by its digest until then. An archive that was asked for gets
// every one of them.
//
// via is a tag that points to it now.
func (a *attempt) keep(ctx context.Context, via string) (*oci.RawManifest, journal.Status, string, error) {
	if raw, early := a.keptBefore(a.Seq); early {
		return &raw, "", "", nil
	}
	whole := a.Place != "" || a.Quarantine != ""
	if a.Action == plan.DeleteComponent && !whole {
		return nil, "", "", nil
	}
	stays := a.Action == plan.Untag && len(a.Siblings) > 0 && !whole
	if stays && a.supports().PullsCounted == registry.SupportYes {
		if _, cheap := a.cached(ctx, a.Digest); !cheap {
			return nil, "", "", nil
		}
	}
	raw, err := a.fetch(ctx, a.Digest, via)
	if errors.Is(err, registry.ErrNotFound) {
		// Half gone already; an earlier process has kept it.
		if kept, notKept := a.Archive.Manifest(ctx, a.Digest); notKept == nil {
			raw, err = kept, nil
		}
	}
	if err != nil {
		return nil, journal.Refused, fmt.Sprintf("it cannot be archived, so it stays: %v", err), nil
	}
	if err := a.archive(ctx, a.Step, raw); err != nil {
		var answer *registry.Error
		if errors.As(err, &answer) {
			return nil, journal.Refused, fmt.Sprintf("it cannot be archived, so it stays: %v", err), nil
		}
		return nil, "", "", err
	}
	return &raw, "", "", nil
}

func (r *repository) archive(ctx context.Context, s plan.Step, raw oci.RawManifest) error {
	tags := slices.Clone(s.Takes)
	if s.Tag != "" {
		tags = append(tags, s.Tag)
	}
	slices.Sort(tags)
	entry := archive.Entry{
		Run: r.id, Seq: s.Seq, Registry: r.registry, Repository: r.name, Manifest: raw, Tags: slices.Compact(tags), At: r.Now(),
	}
	info := r.info()
	entry.URL, entry.Kind = info.URL, info.Kind
	if err := r.Archive.Keep(ctx, entry, r.reader); err != nil {
		return fmt.Errorf("step %d: the archive could not be written, so nothing more is done: %w", s.Seq, err)
	}
	if s.Quarantine == "" {
		return nil
	}
	err := r.holding(s.Quarantine, s.For).Keep(ctx, entry, r.reader)
	switch {
	case errors.Is(err, registry.ErrDenied), errors.Is(err, registry.ErrUnsupported):
		return fmt.Errorf("step %d: quarantine: %w. Let the user push to %s, or write no `action: quarantine` here and keep whole images with --archive", s.Seq, err, s.Quarantine)
	case err != nil:
		return fmt.Errorf("step %d: quarantine: %w", s.Seq, err)
	}
	return nil
}

// info is the registry as the plan has it.
func (r *repository) info() registry.Info {
	for _, info := range r.header.Registries {
		if info.Name == r.registry {
			return info
		}
	}
	return registry.Info{Name: r.registry}
}

// holding is a holding repository on the same registry. There is one for all
// steps, so that what they share is looked for once.
func (r *repository) holding(name, long string) *archive.Repository {
	opened, _ := r.holdings.LoadOrStore([3]string{r.registry, name, long}, archive.NewRepository(r.info(), name, r.reader, r.mutator).For(long))
	return opened.(*archive.Repository)
}

// content is where a plan that restores finds what it puts back.
func (a *attempt) content() Archive {
	if a.Quarantine == "" {
		return a.Archive
	}
	return archive.Stack{a.Archive, a.holding(a.Quarantine, "")}
}

// stale says whether the look at the target has grown old while the image was
// archived or steps in front had to look: then the step looks again, once, for
// by then the archive has the image and nobody is in front.
func (a *attempt) stale() bool {
	a.turns.await(a.place)
	if a.again || a.Now().Sub(a.looked) < fresh {
		return false
	}
	a.again = true
	return true
}

// mayAct is asked right before the first effect of a step that looked and found
// its target as the plan has it: what steps before it found out meanwhile stops
// it like what it found itself. Where nobody waits for the run any more it is
// left to the next one.
func (a *attempt) mayAct() (journal.Status, string) {
	a.turns.await(a.place)
	if a.waiting.Err() != nil {
		return postponed, ""
	}
	if why := a.halted(); why != "" {
		return journal.Refused, why
	}
	if a.Action == plan.DeleteManifest {
		if guardian, guarded := a.guardianOf(a.Digest); guarded {
			return guardian.status, guardian.why
		}
	}
	return "", ""
}

// intend writes down what is about to happen.
func (a *attempt) intend(ctx context.Context, action plan.Action) error {
	if err := a.broken(); err != nil {
		return fmt.Errorf("step %d: nothing more is done: %w", a.Seq, err)
	}
	if err := a.Journal.Intend(ctx, journal.Intent{Run: a.id, Seq: a.Seq, Action: action, At: a.Now()}); err != nil {
		return fmt.Errorf("step %d: its intent could not be written down, so nothing more is done: %w", a.Seq, err)
	}
	a.intended = true
	a.touch(a.repository)
	return nil
}

// insist acts. Where the registry was not available and a patient look showed that
// nothing has happened, half a minute has gone by: the step is taken once more,
// from its first look on. So it is where its request was held back until the look
// before it had grown old, and then not sent: as often as that happens, and each
// time a look may grow twice as old, because a registry that is asked slowly has to
// come to an end, too.
func (a *attempt) insist(ctx context.Context, after func(context.Context, error) (journal.Status, string, error), act func(ctx context.Context) error) (journal.Status, string, error) {
	soon := ctx
	if !a.looked.IsZero() { // what is put under its digest does no harm however late
		soon = registry.SendWithin(ctx, fresh<<a.late-a.Now().Sub(a.looked))
	}
	acted := act(soon)
	if errors.Is(acted, registry.ErrLate) {
		a.again = false
		a.late++
		return a.take(ctx)
	}
	status, why, err := after(ctx, acted)
	if a.insisted || status != journal.Failed || !errors.Is(acted, registry.ErrUnavailable) || err != nil || a.waiting.Err() != nil {
		return status, why, err
	}
	a.halt, a.again, a.insisted = "", false, true
	return a.take(ctx)
}

// take takes the step from its first look on.
func (a *attempt) take(ctx context.Context) (journal.Status, string, error) {
	switch a.Action {
	case plan.DeleteManifest:
		return a.deleteManifest(ctx)
	case plan.Untag, plan.OverwriteTag, plan.DeleteComponent:
		return a.removeTag(ctx)
	case plan.PutManifest:
		return a.putManifest(ctx)
	default:
		return a.putTag(ctx)
	}
}
