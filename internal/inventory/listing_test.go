package inventory_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/regkeep/regkeep/internal/inventory"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/registrytest/call"
	"github.com/regkeep/regkeep/internal/registry/registrytest/memory"
	"github.com/regkeep/regkeep/internal/registry/registrytest/world"
)

// long is a repository with so many tags, every third on an image of its own and
// the others on one of three, named so that their order is that of their numbers.
func long(tags int) *world.World {
	w := world.New(world.DefaultNow)
	repo := w.Repository("app")
	shared := []*world.Manifest{repo.Image(world.Image{Created: days(1)}), repo.Image(world.Image{Created: days(2)}), repo.Image(world.Image{Created: days(3)})}
	for i := range tags {
		image := shared[i/3%3]
		if i%3 == 0 {
			image = repo.Image(world.Image{Created: days(i % 1000)})
		}
		repo.Tag(tagName(i), image)
	}
	return w
}

func tagName(i int) string { return fmt.Sprintf("t%06d", i) }

// slow is a registry whose list of tags has an order, or waits in the middle.
type slow struct {
	registry.Reader
	order func(sorted []registry.Tag) []registry.Tag // nil: by name
	wait  func(listed int) error                     // before each tag; an error ends the list
}

func (r slow) Tags(ctx context.Context, repository string) iter.Seq2[registry.Tag, error] {
	return func(yield func(registry.Tag, error) bool) {
		var tags []registry.Tag
		for tag, err := range r.Reader.Tags(ctx, repository) {
			if err != nil {
				yield(tag, err)
				return
			}
			tags = append(tags, tag)
		}
		slices.SortFunc(tags, func(a, b registry.Tag) int { return strings.Compare(a.Name, b.Name) })
		if r.order != nil {
			tags = r.order(tags)
		}
		for i, tag := range tags {
			if r.wait != nil {
				if err := r.wait(i); err != nil {
					yield(registry.Tag{}, err)
					return
				}
			}
			if !yield(tag, nil) {
				return
			}
		}
	}
}

func (r slow) Unwrap() registry.Reader { return r.Reader }

// asked counts calls of a kind, from the record of a registry.
func asked(r *memory.Registry, op call.Op) int { return r.Counts()[op] }

// The registry holds back the next page until the tags of the last one were
// asked about: that comes to an end only where nobody waits for the whole list.
func TestTagsAreLookedAtWhileTheyAreListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := memory.Load(long(2500), memory.Options{})
		var mu sync.Mutex
		manifests, enough := 0, sync.NewCond(&mu)
		r.After(func(c call.Call) {
			if c.Op == call.Manifest {
				mu.Lock()
				defer mu.Unlock()
				manifests++
				enough.Broadcast()
			}
		})
		reader := slow{Reader: r.Reader(), wait: func(listed int) error {
			mu.Lock()
			defer mu.Unlock()
			for listed%1000 == 0 && manifests < listed {
				enough.Wait()
			}
			return nil
		}}
		info := describe(t, reader)
		r.Forget()
		repo := only(t, inventory.NewScanner(reader, info, inventory.Options{}), configs)
		if len(repo.Tags) != 2500 || len(repo.Gaps) > 0 {
			t.Errorf("%d tags, gaps %v", len(repo.Tags), repo.Gaps)
		}
		want(t, r, map[call.Op]int{call.Repositories: 1, call.Tags: 1, call.Manifest: 2500, call.Blob: 834 + 3})
		once(t, r)
	})
}

// However a list comes, the result is that of a list that comes at once, and
// nothing is asked for twice.
func TestALongListGivesWhatAShortOneGives(t *testing.T) {
	whole := func(t *testing.T, w *world.World) *inventory.Repository {
		r := memory.Load(w, memory.Options{Rich: true}) // nothing is looked at before the list is whole
		repo := only(t, scanner(t, r, inventory.Options{}), configs)
		return repo
	}
	for name, order := range map[string]func([]registry.Tag) []registry.Tag{
		"sorted":   nil,
		"reversed": func(tags []registry.Tag) []registry.Tag { slices.Reverse(tags); return tags },
		"pages in another order": func(tags []registry.Tag) []registry.Tag {
			return slices.Concat(tags[1500:], tags[:1500])
		},
		"two out of place": func(tags []registry.Tag) []registry.Tag {
			return slices.Concat(tags[1:1900], tags[:1], tags[1901:], tags[1900:1901])
		},
		"two out of place on the first page": func(tags []registry.Tag) []registry.Tag {
			tags[990], tags[998] = tags[998], tags[990]
			return tags
		},
		"shuffled": func(tags []registry.Tag) []registry.Tag {
			rand.New(rand.NewPCG(1, 2)).Shuffle(len(tags), func(i, j int) { tags[i], tags[j] = tags[j], tags[i] })
			return tags
		},
		"the beginning again": func(tags []registry.Tag) []registry.Tag { return slices.Concat(tags, tags[:700]) },
	} {
		t.Run(name, func(t *testing.T) {
			w := long(3100)
			r := memory.Load(w, memory.Options{})
			reader := slow{Reader: r.Reader(), order: order}
			info := describe(t, reader)
			r.Forget()
			repo := only(t, inventory.NewScanner(reader, info, inventory.Options{}), configs)
			if diff := cmp.Diff(whole(t, w), repo, cmp.AllowUnexported(inventory.Manifest{})); diff != "" {
				t.Errorf("with the list at once (-) and in parts (+):\n%.2000s", diff)
			}
			want(t, r, map[call.Op]int{call.Repositories: 1, call.Tags: 1, call.Manifest: 3100, call.Blob: 1034 + 3})
			once(t, r)
		})
	}
}

// What was looked at is worth nothing where the list has no end: the repository
// is known by the names that came, and has a gap.
func TestALongListThatBreaksOffIsAGap(t *testing.T) {
	r := memory.Load(long(2500), memory.Options{})
	reader := slow{Reader: r.Reader(), wait: func(listed int) error {
		if listed == 2200 {
			return errors.New("the registry hung up")
		}
		return nil
	}}
	repo := only(t, inventory.NewScanner(reader, describe(t, reader), inventory.Options{}), configs)
	if repo.Depth != inventory.Names || repo.Manifests != nil || len(repo.Tags) != 2200 {
		t.Errorf("depth %v, %d manifests, %d tags", repo.Depth, len(repo.Manifests), len(repo.Tags))
	}
	if len(repo.Gaps) != 1 || repo.Gaps[0].Code != "tags" {
		t.Errorf("gaps %v", repo.Gaps)
	}
	if i := slices.IndexFunc(repo.Tags, func(tag inventory.Tag) bool { return tag.Digest != "" }); i >= 0 {
		t.Errorf("%+v", repo.Tags[i])
	}
}

// A beginning is looked at only where it shows that all will be, and where
// nothing has to come before.
func TestABeginningIsNotLookedAtForNothing(t *testing.T) {
	atLeast := func(n int, want inventory.Want) inventory.Demand {
		return demand(func(repo *inventory.Repository) inventory.Want {
			if len(repo.Tags) < n {
				return inventory.Want{}
			}
			return want
		})
	}
	for _, test := range []struct {
		name    string
		options memory.Options
		demand  inventory.Demand
		before  int // manifests that are asked for before the list is whole
	}{
		{"names", memory.Options{}, names, 0},
		{"all of them", memory.Options{}, atLeast(1, inventory.Want{Graph: true}), 3000},
		{"from so many on", memory.Options{}, atLeast(1900, inventory.Want{Graph: true}), 3000},
		{"too few", memory.Options{}, atLeast(3001, inventory.Want{Graph: true}), 0},
		{"untagged ones are listed first", memory.Options{Untagged: true}, atLeast(1, inventory.Want{Graph: true, Untagged: true}), 0},
		{"untagged ones cannot be listed", memory.Options{}, atLeast(1, inventory.Want{Graph: true, Untagged: true}), 3000},
		{"the list tells digests", memory.Options{Rich: true}, atLeast(1, inventory.Want{Graph: true}), 0},
		{"components", memory.Options{Components: true}, atLeast(1, inventory.Want{Graph: true}), 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := memory.Load(long(3001), test.options)
				before := -1
				reader := slow{Reader: r.Reader(), wait: func(listed int) error {
					if listed == 3000 {
						synctest.Wait() // all that can be done without the rest is done
						before = asked(r, call.Manifest)
					}
					return nil
				}}
				repo := only(t, inventory.NewScanner(reader, describe(t, reader), inventory.Options{}), test.demand)
				if before != test.before || len(repo.Tags) != 3001 || len(repo.Gaps) > 0 {
					t.Errorf("%d manifests were asked for before the list was whole, want %d; %d tags, gaps %v", before, test.before, len(repo.Tags), repo.Gaps)
				}
			})
		})
	}
}

// Where it turns out that the names are enough, nothing else is known, and what
// could not be read is no gap.
func TestABeginningThatWasLookedAtInVain(t *testing.T) {
	fickle := demand(func(repo *inventory.Repository) inventory.Want {
		return inventory.Want{Graph: len(repo.Tags) < 2000}
	})
	r := memory.Load(long(2500), memory.Options{})
	r.Before(func(c call.Call) {
		if c.Op == call.Manifest && c.Reference == tagName(3) {
			r.Edit(func(w *world.World) { delete(w.Repository("app").Tags, tagName(3)) })
		}
	})
	reader := slow{Reader: r.Reader()}
	info := describe(t, reader)
	r.Forget()
	repo := only(t, inventory.NewScanner(reader, info, inventory.Options{}), fickle)
	if asked(r, call.Manifest) == 0 {
		t.Error("nothing was looked at")
	}
	if repo.Depth != inventory.Names || repo.Manifests != nil || len(repo.Tags) != 2500 || repo.Tags[0].Digest != "" || len(repo.Gaps) > 0 {
		t.Errorf("depth %v, %d manifests, %d tags, the first %+v, gaps %v", repo.Depth, len(repo.Manifests), len(repo.Tags), repo.Tags[0], repo.Gaps)
	}
}

// A tag that is deleted after its page was listed is gone, and one of which only
// the manifest is gone is a gap, also where the order of the list is another.
func TestTagsThatChangeWhileALongListIsRead(t *testing.T) {
	for name, order := range map[string]func([]registry.Tag) []registry.Tag{
		"sorted": nil,
		"pages in another order": func(tags []registry.Tag) []registry.Tag {
			return slices.Concat(tags[1500:], tags[:1500])
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := memory.Load(long(3000), memory.Options{})
				var once sync.Once
				reader := slow{Reader: r.Reader(), order: order, wait: func(listed int) error {
					if listed == 1001 {
						synctest.Wait()
					}
					return nil
				}}
				r.Before(func(c call.Call) {
					if c.Op == call.Manifest {
						once.Do(func() {
							r.Edit(func(w *world.World) {
								app := w.Repository("app")
								delete(app.Tags, tagName(1600))
								delete(app.Manifests, app.Tags[tagName(1602)])
							})
						})
					}
				})
				info := describe(t, reader)
				repo := only(t, inventory.NewScanner(reader, info, inventory.Options{Workers: 2}), graph)
				if len(repo.Tags) != 2999 {
					t.Errorf("%d tags", len(repo.Tags))
				}
				if len(repo.Gaps) != 1 || !strings.Contains(repo.Gaps[0].Message, tagName(1602)) {
					t.Errorf("gaps %v", repo.Gaps)
				}
				for _, tag := range repo.Tags {
					if (tag.Problem != "") != (tag.Name == tagName(1602)) || (tag.Digest == "") != (tag.Problem != "") {
						t.Errorf("%+v", tag)
					}
				}
			})
		})
	}
}

// Tags of which the manifest is at hand are looked up, whenever they come.
func TestWhatIsAtHandOfALongList(t *testing.T) {
	for name, order := range map[string]func([]registry.Tag) []registry.Tag{
		"sorted":                 nil,
		"pages in another order": func(tags []registry.Tag) []registry.Tag { return slices.Concat(tags[1493:], tags[:1493]) },
	} {
		t.Run(name, func(t *testing.T) {
			r := memory.Load(long(2500), memory.Options{})
			reader := slow{Reader: r.Reader(), order: order}
			known := func(name string) bool { return strings.HasSuffix(name, "7") }
			info := describe(t, reader)
			r.Forget()
			s := inventory.NewScanner(reader, info, inventory.Options{Recall: func(context.Context, string) func([]inventory.Tag) []bool {
				return func(tags []inventory.Tag) []bool {
					if !slices.IsSortedFunc(tags, func(a, b inventory.Tag) int { return strings.Compare(a.Name, b.Name) }) {
						t.Error("the tags are not sorted")
					}
					if !slices.ContainsFunc(tags, func(tag inventory.Tag) bool { return known(tag.Name) }) {
						return nil
					}
					recalled := make([]bool, len(tags))
					for i := range tags {
						recalled[i] = known(tags[i].Name)
					}
					return recalled
				}
			}})
			only(t, s, graph)
			for _, c := range r.Calls() {
				if tag := strings.HasPrefix(c.Reference, "t"); tag && (c.Op == call.Head) != known(c.Reference) {
					t.Errorf("%s %s", c.Op, c.Reference)
				}
			}
			if heads := asked(r, call.Head); heads != 250 {
				t.Errorf("%d were looked up", heads)
			}
		})
	}
}

// A page on its way may bring the child that an index has just named.
func TestChildrenWaitForTheRestOfALongList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := long(1300)
		app := w.Repository("app")
		inner := app.Index(world.Index{Children: []*world.Manifest{app.Image(world.Image{Created: days(3)})}})
		app.Tag(tagName(0), app.Index(world.Index{Children: []*world.Manifest{inner}}))
		app.Tag(tagName(1299), inner)
		r := memory.Load(w, memory.Options{})
		reader := slow{Reader: r.Reader(), wait: func(listed int) error {
			if listed == 1001 {
				synctest.Wait() // the first thousand are read
			}
			return nil
		}}
		info := describe(t, reader)
		r.Forget()
		only(t, inventory.NewScanner(reader, info, inventory.Options{}), graph)
		want(t, r, map[call.Op]int{call.Repositories: 1, call.Tags: 1, call.Manifest: 1300})
	})
}

// Several long lists at once share the budget of tags, and nobody waits for
// somebody who waits for him.
func TestLongListsDoNotBlockEachOther(t *testing.T) {
	for _, workers := range []int{1, 3, 64} {
		r := memory.Load(many(3, 12_000), memory.Options{})
		reader := slow{Reader: r.Reader()}
		info := describe(t, reader)
		r.Forget()
		for _, repo := range collect(t, inventory.NewScanner(reader, info, inventory.Options{Workers: workers}), graph) {
			if len(repo.Tags) != 12_000 || len(repo.Manifests) != 1 || len(repo.Gaps) > 0 {
				t.Errorf("%s: %d tags, %d manifests, gaps %v", repo.Name, len(repo.Tags), len(repo.Manifests), repo.Gaps)
			}
		}
		once(t, r)
	}
}

// Who stops while a long list is read leaves nothing behind.
func TestWhoHasSeenEnoughStopsALongList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		r := memory.Load(long(3000), memory.Options{})
		reader := slow{Reader: r.Reader(), wait: func(listed int) error {
			if listed == 1500 {
				synctest.Wait()
				cancel()
			}
			return ctx.Err()
		}}
		info := describe(t, reader)
		for repo, err := range inventory.NewScanner(reader, info, inventory.Options{}).Scan(ctx, graph) {
			if !errors.Is(err, context.Canceled) || repo != nil {
				t.Errorf("%v, %v", repo, err)
			}
		}
		synctest.Wait() // the bubble fails if a goroutine is left
	})
}
