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

	listed int              // tags so far, in full pages
	latest string           // the last of them
	untold [][]registry.Tag // pages
	told   int              // tags
	toldTo string           // the last of these
	wanted bool             // every tag will be looked at
	judge  int              // how many tags there must be before it is asked whether they are
	closed bool             // nothing more is told before the list is whole
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

// pagesAhead is how many pages may wait until it is known what is at hand of them.
const pagesAhead = 16

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
	if l.told > 0 && w.tags[l.told-1].Name == l.toldTo {
		w.told = l.told
	}
	return w
}

// heard tells the tags of another page, and of those before it that were not told.
func (l *listing) heard(tags []registry.Tag) {
	for i := 0; i < len(tags) && !l.closed; i++ {
		bare := tags[i] == registry.Tag{Name: tags[i].Name}
		l.closed = !bare || tags[i].Name <= l.latest // what has a digest is not looked up, and what is not sorted may come again
		l.latest = tags[i].Name
	}
	if l.closed {
		return
	}
	l.listed, l.untold = l.listed+len(tags), append(l.untold, tags)
	if !l.wanted && l.listed >= l.judge {
		l.judge = 2 * l.listed
		want := l.want(newTags(slices.Concat(l.untold...)))
		_, lists := registry.As[registry.ManifestLister](l.s.reader)
		l.wanted, l.closed = want.Graph, want.Untagged && lists // which is done before anything is fetched
	}
	if l.closed || !l.wanted || !l.gate.begin(l.listed) {
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
	for _, page := range l.untold {
		l.pages <- newTags(page)
	}
	l.told, l.toldTo, l.untold = l.listed, l.latest, nil
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
