package nexus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/regkeep/regkeep/internal/event"
	"github.com/regkeep/regkeep/internal/registry"
)

// Run runs the tasks in their order and measures the blob stores. A garbage
// collection that fails ends it; what ran so far is in the report.
func (p *Reclamation) Run(ctx context.Context) (ReclaimReport, error) {
	report := ReclaimReport{Steps: slices.Clone(p.Steps), Warnings: slices.Clone(p.Warnings)}
	within := ctx
	if p.opts.Timeout > 0 {
		var cancel context.CancelFunc
		within, cancel = context.WithTimeout(ctx, p.opts.Timeout)
		defer cancel()
	}
	before, err := p.r.client.blobStores(within)
	if err != nil {
		return report, p.late(ctx, "", err)
	}
	for i := range report.Steps {
		step := &report.Steps[i]
		if !p.opts.Wait && step.Type != typeGC && step.Type != typeGCCustom {
			report.Warnings = append(report.Warnings, fmt.Sprintf("task %q has to wait for the garbage collection and was not run: leave out --wait=false", step.Task))
			continue
		}
		err := p.step(within, step)
		if step.Joined {
			report.Warnings = append(report.Warnings, fmt.Sprintf("task %q was running already: what was deleted after it began may be left for its next run", step.Task))
		}
		if err != nil && step.optional && within.Err() == nil && !p.shut(err) {
			report.Warnings = append(report.Warnings, fmt.Sprintf("blobs are released later, when Nexus runs it by itself: %v", err))
			continue
		}
		if err != nil {
			return report, p.late(ctx, step.Task, err)
		}
	}
	if !p.opts.Wait {
		return report, nil
	}
	if before == nil {
		report.Warnings = append(report.Warnings, "how many bytes came back is not known: the user lacks the privilege nx-blobstores-read")
		return report, nil
	}
	if err := p.measure(within, before, &report); err != nil {
		return report, p.late(ctx, "", err)
	}
	return report, nil
}

// shut: the sign-in was refused, so nothing more may be sent.
func (p *Reclamation) shut(err error) bool {
	var failure *registry.Error
	return errors.As(err, &failure) && (failure.Status == 401 || failure.Status == 429)
}

func (p *Reclamation) step(ctx context.Context, step *ReclaimStep) error {
	client, began := p.r.client, time.Now()
	if step.Create {
		made, err := client.create(ctx, step.Type, step.Task, step.properties)
		if err != nil {
			return err
		}
		step.ID = made.ID
		p.opts.Events.Emit(event.TaskProgress{Registry: p.r.name, Task: step.Task, State: "created"})
	}
	before, joined, err := client.start(ctx, step.ID)
	if err != nil {
		return err
	}
	step.Joined, step.Result = joined, "started"
	p.opts.Events.Emit(event.TaskProgress{Registry: p.r.name, Task: step.Task, State: "started"})
	if !p.opts.Wait {
		return nil
	}
	after, err := client.await(ctx, before, p.opts.Events)
	step.Took = time.Since(began)
	if after.LastRunResult != "" && !after.LastRun.Equal(before.LastRun.Time) {
		step.Result = after.LastRunResult
		p.opts.Events.Emit(event.TaskProgress{Registry: p.r.name, Task: step.Task, State: after.LastRunResult})
	}
	return err
}

// late gives the end of our own patience its words. The caller's own context
// passes as it is.
func (p *Reclamation) late(ctx context.Context, task string, err error) error {
	if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	what := "reclaim"
	if task != "" {
		what = fmt.Sprintf("task %q", task)
	}
	return p.r.client.fail(call{op: "reclaim"}, registry.ErrUnavailable, "It goes on in Nexus; run reclaim again later, or allow more with --timeout",
		fmt.Errorf("%s has not ended after %s: %w", what, p.opts.Timeout, context.DeadlineExceeded))
}

const (
	settle = 5 * time.Second
	looks  = 6
)

// measure reads the sizes until they have moved and stand still: Nexus updates
// them some seconds after a task.
func (p *Reclamation) measure(ctx context.Context, before []storeXO, report *ReclaimReport) error {
	last := before
	for range looks {
		if err := p.r.client.sleep(ctx, settle); err != nil {
			return err
		}
		now, err := p.r.client.blobStores(ctx)
		if err != nil {
			return err
		}
		still := slices.Equal(now, last) && !slices.Equal(now, before)
		if last = now; still {
			break
		}
	}
	for _, was := range before {
		if p.stores != nil && !slices.Contains(p.stores, was.Name) {
			continue
		}
		i := slices.IndexFunc(last, func(s storeXO) bool { return s.Name == was.Name })
		if i < 0 {
			continue
		}
		size := StoreSize{Name: was.Name, Type: was.Type, BlobsBefore: was.Blobs, BlobsAfter: last[i].Blobs, BytesBefore: was.Bytes, BytesAfter: last[i].Bytes}
		report.Stores = append(report.Stores, size)
		report.Freed += size.BytesBefore - size.BytesAfter
	}
	report.Measured = len(report.Stores) > 0
	return nil
}
