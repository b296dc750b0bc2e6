package inventory

import (
	"context"
	"slices"
	"sync"

	"github.com/regkeep/regkeep/internal/registry"
)

// listing reads the tags of one repository. Where the list is long and its
// beginning shows that every tag will be looked at, tags are told while the rest
// is on its way: pages come one after the other, and a registry can answer other
// questions meanwhile.
type listing struct {
	s       *Scanner
	jobs    chan<- func()
	repo    Repository // at Depth Names, without tags
	demand  Demand
	gate    *gate
	atHand  func(tags []Tag) []bool // as Options.Recall gave it; may be nil
	parts   chan part
	pages   chan []Tag // to be told, without waiting for what is at hand of them; nil: none so far
	telling sync.WaitGroup

	told   int    // tags, from the beginning of the list
	latest string // the last of them
	wanted bool   // every tag will be looked at
	judge  int    // how many tags there must be before it is asked whether they are
	closed bool   // nothing more is told before the list is whole
}

// part is further tags of a list on its way: sorted by name, and behind those
// before them.
type part struct {
	tags   []Tag
	atHand []bool // by index of tags
	whole  *whole // instead, at last
}

// whole is a list that has ended.
type whole struct {
	listed  []registry.Tag // sorted by name
	tags    []Tag          // the same
	told    int            // tags that were told, if they are the first of these; 0: they lie anywhere
	atHand  []bool         // of the tags after these
	missing bool           // the repository was named, and there is none
	want    Want
	err     error // the context's, or that of the listing
}

const (
	page       = 1000 // tags, as most registries list at once
	pagesAhead = 16   // that may wait until it is known what is at hand of them
)

// run lists and tells. A last part is sent whatever happens.
func (l *listing) run(ctx context.Context) {
	w := l.list(ctx)
	if l.pages != nil {
		close(l.pages)
	}
	l.telling.Wait()
	if w.want.Graph && w.err == nil {
		w.atHand = l.recalled(w.tags[w.told:])
	}
	l.parts <- part{whole: w}
}

// list reads the whole list and asks what is wanted.
func (l *listing) list(ctx context.Context) *whole {
	w := &whole{}
	l.judge = page
	w.listed, w.missing, w.err = l.s.list(ctx, l.jobs, l.repo.Name, l.heard)
	w.missing = w.missing && slices.Contains(l.s.opts.Repositories, l.repo.Name)
	if w.err != nil || w.missing {
		return w
	}
	w.tags = newTags(w.listed)
	if w.want = l.want(w.tags); w.want.Graph {
		w.err = l.gate.enter(ctx, len(w.tags))
	}
	if l.told > 0 && w.tags[l.told-1].Name == l.latest {
		w.told = l.told
	}
	return w
}

// heard tells the tags of another page.
func (l *listing) heard(tags []registry.Tag) {
	if l.closed || len(tags)%page != 0 {
		return
	}
	for i := l.told; i < len(tags); i++ {
		if (tags[i] != registry.Tag{Name: tags[i].Name}) || i > 0 && tags[i].Name <= tags[i-1].Name {
			l.closed = true // what has a digest is not looked up, and what is not sorted may come again
			return
		}
	}
	if !l.wanted && len(tags) >= l.judge {
		l.judge = 2 * len(tags)
		want := l.want(newTags(tags))
		_, lists := registry.As[registry.ManifestLister](l.s.reader)
		l.wanted, l.closed = want.Graph, want.Untagged && lists // which is done before anything is fetched
	}
	if l.closed || !l.wanted || !l.gate.begin(len(tags)) {
		return
	}
	if l.pages == nil {
		l.pages = make(chan []Tag, pagesAhead)
		l.telling.Go(func() {
			for tags := range l.pages {
				l.parts <- part{tags: tags, atHand: l.recalled(tags)}
			}
		})
	}
	l.pages <- newTags(tags[l.told:])
	l.told, l.latest = len(tags), tags[len(tags)-1].Name
}

// recalled says of tags by their index whether their manifest is at hand.
func (l *listing) recalled(tags []Tag) []bool {
	if l.atHand != nil {
		if some := l.atHand(tags); some != nil {
			return some
		}
	}
	return make([]bool, len(tags))
}

func (l *listing) want(tags []Tag) Want {
	l.repo.Tags = tags
	return l.demand.Want(&l.repo)
}
