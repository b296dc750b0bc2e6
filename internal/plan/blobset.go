package plan

import (
	"cmp"
	"slices"
)

// blob is one blob of a registry, known by the first eight bytes of its digest:
// a registry has millions of them, and what two that share these would be
// wrong by is one blob. size is in bytes; stays where a manifest keeps it.
type blob struct {
	id   uint64
	size int64
}

// stays marks a blob that is not freed.
const stays = -1

// blobSet holds every blob once, in sixteen bytes: by the first byte of its id
// sorted blobs, and some that are yet to be sorted in.
type blobSet struct{ parts [256]blobPart }

type blobPart struct{ sorted, fresh []blob }

// fewest is how many blobs wait before they are sorted in.
const fewest = 64

func (s *blobSet) add(b blob) {
	p := &s.parts[b.id>>56]
	p.fresh = append(p.fresh, b)
	if len(p.fresh) >= fewest && len(p.fresh) >= len(p.sorted)/4 {
		p.settle()
	}
}

// settle sorts in what waits. Of a blob that came again it keeps that it stays,
// or else the least that was said of its size.
func (p *blobPart) settle() {
	if len(p.fresh) == 0 {
		return
	}
	fresh := compact(p.fresh)
	merged := make([]blob, 0, len(p.sorted)+len(fresh))
	old := p.sorted
	for len(old) > 0 && len(fresh) > 0 {
		if old[0].id <= fresh[0].id {
			merged, old = append(merged, old[0]), old[1:]
		} else {
			merged, fresh = append(merged, fresh[0]), fresh[1:]
		}
	}
	p.sorted = unite(append(append(merged, old...), fresh...))
	p.fresh = p.fresh[:0]
}

// compact sorts blobs and makes one of those with the same id.
func compact(blobs []blob) []blob {
	slices.SortFunc(blobs, func(a, b blob) int { return cmp.Compare(a.id, b.id) })
	return unite(blobs)
}

func unite(sorted []blob) []blob {
	united := sorted[:0]
	for _, b := range sorted {
		if n := len(united); n > 0 && united[n-1].id == b.id {
			united[n-1].size = min(united[n-1].size, b.size)
		} else {
			united = append(united, b)
		}
	}
	return united
}

// freed adds up the sizes of those that do not stay.
func (s *blobSet) freed() (bytes int64) {
	for i := range s.parts {
		p := &s.parts[i]
		p.settle()
		for _, b := range p.sorted {
			if b.size != stays {
				bytes += b.size
			}
		}
	}
	return bytes
}
