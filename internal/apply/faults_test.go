package apply_test

import (
	"errors"
	"fmt"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/regkeep/regkeep/internal/apply/applytest"
	"github.com/regkeep/regkeep/internal/journal"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/registrytest/call"
	"github.com/regkeep/regkeep/internal/registry/registrytest/fault"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// calm is what a run costs and leaves behind when nothing goes wrong.
func calm(t *testing.T, options memory.Options) (map[call.Op]int, *world.State) {
	t.Helper()
	w, remove := company(options.NoReferrers)
	r := newRig(t, w, remove, options)
	r.registry.Forget()
	r.apply(t)
	return r.registry.Counts(), r.registry.State()
}

// settle resumes until every step has succeeded, as a person would, and checks
// the journal on the way.
func settle(t *testing.T, r *rig) {
	t.Helper()
	for range 3 {
		result := r.resume(t)
		if result.Damaged {
			t.Errorf("damaged: %+v", result.Verifications)
		}
		open := 0
		for _, o := range result.Outcomes {
			if !o.Status.Succeeded() {
				open++
			}
		}
		if open == 0 && len(result.Outcomes) == len(r.plan.Steps) {
			for _, run := range r.state.Runs() {
				if run.Status != journal.Completed {
					t.Errorf("the run is %s", run.Status)
				}
			}
			return
		}
	}
	t.Errorf("not settled: %s", exceptions(r.resume(t)))
}

func sameEnd(t *testing.T, r *rig, want *world.State) {
	t.Helper()
	got := r.registry.State()
	for name := range want.Repositories {
		if diff := cmp.Diff(want.Repositories[name].Tags, got.Repositories[name].Tags); diff != "" {
			t.Errorf("tags differ from an undisturbed run: %s", diff)
		}
		for digest := range maps.Keys(want.Repositories[name].Manifests) {
			if got.Repositories[name].Manifests[digest] == nil {
				t.Errorf("an undisturbed run keeps %s", digest)
			}
		}
		if a, b := len(want.Repositories[name].Manifests), len(got.Repositories[name].Manifests); a != b {
			t.Errorf("%d manifests, an undisturbed run leaves %d", b, a)
		}
	}
}

// Every change of the registry × every way in which it can go wrong: not
// applied, applied but reported failed, a lie, forgotten late, crash before,
// crash after. Whatever happened, nothing kept is touched, and a resume ends
// where an undisturbed run ends.
func TestFaultsOfEveryRegistryWrite(t *testing.T) {
	for name, options := range vendors {
		counts, end := calm(t, options)
		for _, op := range []call.Op{call.Untag, call.DeleteManifest} {
			for _, f := range fault.Table(counts[op], op) {
				for _, kind := range []error{registry.ErrUnavailable, registry.ErrDenied, registry.ErrThrottled, registry.ErrLocked, registry.ErrUnsupported, registry.ErrNotFound, registry.ErrChanged} {
					if f.Kind != fault.Refuse && f.Kind != fault.LoseAnswer && kind != registry.ErrUnavailable {
						continue
					}
					f.Err = kind
					t.Run(fmt.Sprintf("%s/%v", name, f), func(t *testing.T) {
						w, remove := company(options.NoReferrers)
						r := newRig(t, w, remove, options)
						req := r.request()
						script := r.faulty(&req, f)
						result, err := applytest.Run(t.Context(), req)
						if len(script.Unused()) > 0 {
							t.Fatal("the fault did not happen")
						}
						crash := f.Kind == fault.CrashBefore || f.Kind == fault.CrashAfter
						if (err != nil) != crash {
							t.Errorf("error: %v", err)
						}
						if result.Damaged {
							t.Errorf("damaged: %+v", result.Verifications)
						}
						r.check(t, "stopped", true)
						switch {
						case f.Kind == fault.Refuse && (kind == registry.ErrUnsupported && op == call.Untag || kind == registry.ErrChanged):
							// Final: the ladder ends here, or the world changed.
						default:
							settle(t, r)
							r.check(t, "resumed", false)
							sameEnd(t, r, end)
						}
					})
				}
			}
		}
	}
}

// Every read, failing or the last thing that the process does.
func TestFaultsOfEveryRegistryRead(t *testing.T) {
	options := vendors["plain"]
	counts, end := calm(t, options)
	for _, op := range []call.Op{call.Tags, call.Head, call.Manifest, call.Referrers, call.Probe} {
		for nth := 1; nth <= counts[op]; nth++ {
			for _, f := range []fault.Fault{
				{Op: op, Nth: nth, Kind: fault.Refuse}, {Op: op, Nth: nth, Kind: fault.Refuse, Err: registry.ErrDenied},
				{Op: op, Nth: nth, Kind: fault.CrashBefore}, {Op: op, Nth: nth, Kind: fault.Truncate, After: 1}, {Op: op, Nth: nth, Kind: fault.Shorten, After: 3},
			} {
				if (f.Kind == fault.Truncate || f.Kind == fault.Shorten) && op != call.Tags {
					continue
				}
				t.Run(f.String(), func(t *testing.T) {
					w, remove := company(false)
					r := newRig(t, w, remove, options)
					req := r.request()
					r.faulty(&req, f)
					if _, err := applytest.Run(t.Context(), req); err != nil && f.Kind != fault.CrashBefore {
						t.Errorf("error: %v", err)
					}
					r.check(t, "stopped", true)
					if op == call.Tags && r.registry.Counts()[call.DeleteManifest] > 0 && f.Kind != fault.CrashBefore {
						t.Error("deleted under a listing that failed")
					}
					settle(t, r)
					r.check(t, "resumed", false)
					sameEnd(t, r, end)
				})
			}
		}
	}
}

// Every write of journal, archive and memory × every way of failing. No effect
// without an intent on disk, no delete without the archive.
func TestFaultsOfEveryStateWrite(t *testing.T) {
	for name, options := range vendors {
		_, end := calm(t, options)
		for _, write := range applytest.Writes {
			for _, way := range applytest.Ways {
				for nth := 1; ; nth++ {
					hit := true
					t.Run(fmt.Sprintf("%s/%s #%d %s", name, write, nth, way), func(t *testing.T) {
						w, remove := company(options.NoReferrers)
						r := newRig(t, w, remove, options)
						r.state = applytest.NewState(applytest.Failure{Write: write, Nth: nth, Way: way})
						witness(t, r)
						_, err := applytest.Run(t.Context(), r.request())
						if hit = r.state.Hit(); !hit {
							return
						}
						if !errors.Is(err, applytest.ErrDisk) {
							t.Errorf("a write failed and the run says %v", err)
						}
						r.check(t, "stopped", true)
						settle(t, r)
						r.check(t, "resumed", false)
						sameEnd(t, r, end)
					})
					if !hit {
						break
					}
				}
			}
		}
	}
}

// witness stands at the registry's door: whoever comes to change something
// must have said so in the journal, and have archived what goes.
func witness(t *testing.T, r *rig) {
	t.Helper()
	r.registry.Before(func(c call.Call) {
		if c.Op != call.Untag && c.Op != call.DeleteManifest {
			return
		}
		for _, run := range r.state.Runs() {
			state := journal.Replay(r.state.Entries(run.ID))
			for seq := range state.Open {
				s := r.plan.Steps[seq-1]
				if s.Tag == c.Reference && len(s.Siblings) > 0 && r.info.Capabilities.PullsCounted == registry.SupportYes {
					return // not fetched, and it stays
				}
				if string(s.Digest) == c.Reference || s.Tag == c.Reference {
					for _, entry := range r.state.Archived(run.ID) {
						if entry.Manifest.Digest == s.Digest {
							return
						}
					}
				}
				for _, tag := range s.Takes {
					if tag == c.Reference {
						return
					}
				}
			}
		}
		t.Errorf("%s %s without an open intent and an archived manifest", c.Op, c.Reference)
	})
}
