package app

import (
	"bytes"
	"slices"
	"sync"

	"github.com/regkeep/regkeep/internal/oci"
)

// shelf holds cached contents that are going to be asked for, read some at a
// time before anybody asks: manifests, and the configs that these name. It is
// bounded, and what was taken once is put away; what is not here is asked for as
// if it had never been.
type shelf struct {
	read func([]oci.Digest) map[oci.Digest]oci.RawManifest

	mu      sync.Mutex
	of      map[oci.Digest]*armful
	kept    []*armful // read, the oldest first
	bytes   int
	reading sync.WaitGroup
}

// armful is what is read at once.
type armful struct {
	digests []oci.Digest
	next    *armful
	fetched sync.Once
	ready   bool // it was read
	taken   bool // something of it was asked for
	found   map[oci.Digest]oci.RawManifest
	bytes   int
	takes   int
}

// row is what was announced one after the other, to be taken in this order. Its
// zero value is an empty one.
type row struct{ last *armful }

const (
	// mostShelved is how many bytes of contents lie ready.
	mostShelved = 8 << 20
	// besides is what each takes besides its bytes: two entries of maps, its
	// digest and its type.
	besides = 256
)

func newShelf(read func([]oci.Digest) map[oci.Digest]oci.RawManifest) shelf {
	return shelf{read: read, of: map[oci.Digest]*armful{}}
}

// ahead announces further manifests of a row, in the order in which they will be
// taken, and begins to read where all before them were begun with.
func (s *shelf) ahead(row *row, digests []oci.Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := row.last
	var first *armful
	for _, digest := range digests {
		if s.of[digest] != nil {
			continue
		}
		if first == nil || len(row.last.digests) == together {
			one := &armful{}
			if first == nil {
				first = one
			}
			if row.last != nil {
				row.last.next = one
			}
			row.last = one
		}
		row.last.digests = append(row.last.digests, digest)
		s.of[digest] = row.last
	}
	if first != nil && (before == nil || before.taken) {
		s.reading.Go(func() { s.fetch(first) })
	}
}

// take gives what was announced, or what an announced manifest names. It waits
// for it to be read, and lets what follows be read meanwhile.
func (s *shelf) take(digest oci.Digest) (oci.RawManifest, bool) {
	s.mu.Lock()
	a := s.of[digest]
	s.mu.Unlock()
	if a == nil {
		return oci.RawManifest{}, false
	}
	s.fetch(a)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.from(a, digest)
}

// ready is take for who does not want to wait.
func (s *shelf) ready(digest oci.Digest) (oci.RawManifest, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.of[digest]; a != nil && a.ready {
		return s.from(a, digest)
	}
	return oci.RawManifest{}, false
}

func (s *shelf) from(a *armful, digest oci.Digest) (oci.RawManifest, bool) {
	if next := a.next; !a.taken && next != nil {
		s.reading.Go(func() { s.fetch(next) })
	}
	a.taken = true
	raw, found := a.found[digest]
	if !found {
		return oci.RawManifest{}, false
	}
	if a.takes++; a.takes == len(a.found) {
		s.putAway(a)
	}
	return raw, true
}

// fetch reads an armful, once.
func (s *shelf) fetch(a *armful) {
	a.fetched.Do(func() {
		a.found = s.gather(a.digests)
		for _, raw := range a.found {
			a.bytes += len(raw.Body) + besides
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		a.ready = true
		for digest := range a.found {
			s.of[digest] = a
		}
		s.kept, s.bytes = append(s.kept, a), s.bytes+a.bytes
		for len(s.kept) > 1 && s.bytes > mostShelved {
			s.putAway(s.kept[0])
		}
	})
}

// gather reads manifests and the configs that these name. A read may give more
// than was wanted, configs among it.
func (s *shelf) gather(manifests []oci.Digest) map[oci.Digest]oci.RawManifest {
	given := s.read(manifests)
	found := make(map[oci.Digest]oci.RawManifest, 2*len(manifests))
	var configs []oci.Digest
	for _, digest := range manifests {
		manifest, here := given[digest]
		if !here {
			continue
		}
		found[digest] = manifest
		config := configOf(manifest.Body)
		if raw, here := given[config]; here {
			found[config] = raw
		} else if config != "" {
			configs = append(configs, config)
		}
	}
	if len(configs) == 0 {
		return found
	}
	slices.Sort(configs)
	configs = slices.Compact(configs)
	given = s.read(configs)
	for _, config := range configs {
		if raw, here := given[config]; here {
			found[config] = raw
		}
	}
	return found
}

// putAway forgets an armful, once.
func (s *shelf) putAway(a *armful) {
	at := slices.Index(s.kept, a)
	if at < 0 {
		return
	}
	s.kept = slices.Delete(s.kept, at, at+1)
	for _, digest := range a.digests {
		if s.of[digest] == a {
			delete(s.of, digest)
		}
	}
	for digest := range a.found {
		if s.of[digest] == a {
			delete(s.of, digest)
		}
	}
	s.bytes -= a.bytes
}

// wait lets no reading outlive the state.
func (s *shelf) wait() { s.reading.Wait() }

// configOf is the digest that a manifest is likely to name its config by: the
// first after the word, however deep. Most manifests have no other, and who
// decides takes them apart properly; where this is wrong, something else lies
// ready. It is "" where there is none.
func configOf(manifest []byte) oci.Digest {
	_, config, _ := bytes.Cut(manifest, []byte(`"config"`))
	at := bytes.Index(config, []byte(sha256Prefix))
	if end := at + len(sha256Prefix) + sha256Digits; at >= 0 && end <= len(config) {
		return oci.Digest(config[at:end])
	}
	return ""
}

const (
	sha256Prefix = "sha256:"
	sha256Digits = 64
)
