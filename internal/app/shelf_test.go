package app

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/regkeep/regkeep/internal/oci"
)

// library is what a shelf reads from, and how much at a time it did.
type library struct {
	mu    sync.Mutex
	books map[oci.Digest]oci.RawManifest
	whole bool // whatever is wanted, everything is given
	reads []int
}

func (l *library) read(digests []oci.Digest) map[oci.Digest]oci.RawManifest {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads = append(l.reads, len(digests))
	found := map[oci.Digest]oci.RawManifest{}
	for _, d := range digests {
		if raw, ok := l.books[d]; ok {
			found[d] = raw
		}
	}
	if l.whole {
		return maps.Clone(l.books)
	}
	return found
}

// images puts n manifests with a config each into a library; every body has at
// least that many bytes.
func images(n, size int) (l *library, manifests, configs []oci.Digest) {
	l = &library{books: map[oci.Digest]oci.RawManifest{}}
	add := func(mediaType, body string) oci.Digest {
		body += strings.Repeat(" ", size)
		d := oci.FromBytes([]byte(body))
		l.books[d] = oci.RawManifest{MediaType: mediaType, Digest: d, Body: []byte(body)}
		return d
	}
	for i := range n {
		config := add("", fmt.Sprintf(`{"n":%d}`, i))
		configs = append(configs, config)
		manifests = append(manifests, add(oci.MediaTypeImage, fmt.Sprintf(`{"config":{"digest":%q}}`, config)))
	}
	return l, manifests, configs
}

func TestContentsAreReadAheadSomeAtATime(t *testing.T) {
	l, manifests, configs := images(2*together+10, 0)
	s := newShelf(l.read)
	s.ahead(&row{}, append(manifests, manifests...))
	for i := range together {
		for _, digest := range []oci.Digest{manifests[i], configs[i]} {
			if raw, found := s.take(digest); !found || raw.Digest != digest {
				t.Fatalf("%d: %s was not there", i, digest)
			}
		}
	}
	s.wait()
	if want := []int{together, together, together, together}; fmt.Sprint(l.reads) != fmt.Sprint(want) {
		t.Errorf("read %v, want the first armful and the one after it: %v", l.reads, want)
	}
	if _, found := s.take(oci.FromBytes([]byte("never announced"))); found {
		t.Error("found what nobody announced")
	}
}

// What is announced while the first of it is still to be taken waits for its
// turn: a long list, of which parts come faster than they are taken, would push
// off the shelf what is taken first.
func TestWhatIsAnnouncedLaterIsReadLater(t *testing.T) {
	l, manifests, _ := images(4*together, 0)
	s := newShelf(l.read)
	var row row
	for part := range slices.Chunk(manifests, together) {
		s.ahead(&row, part)
	}
	s.wait()
	if want := []int{together, together}; !slices.Equal(l.reads, want) {
		t.Errorf("read %v before anything was taken, want the first armful: %v", l.reads, want)
	}
	for i, digest := range manifests {
		if _, found := s.take(digest); !found {
			t.Fatalf("%d: %s was not there", i, digest)
		}
	}
	s.wait()
	if want := slices.Repeat([]int{together}, 8); !slices.Equal(l.reads, want) {
		t.Errorf("read %v, want each armful once: %v", l.reads, want)
	}
}

// Where all that was announced has been begun with, what follows is read at once.
func TestARowGoesOnWhereItEnded(t *testing.T) {
	l, manifests, _ := images(together+1, 0)
	s := newShelf(l.read)
	var row row
	s.ahead(&row, manifests[:together])
	s.take(manifests[0])
	s.wait()
	s.ahead(&row, manifests[together:])
	s.wait()
	if want := []int{together, together, 1, 1}; !slices.Equal(l.reads, want) {
		t.Errorf("read %v, want both armfuls: %v", l.reads, want)
	}
}

// Where a read gives more than was wanted, the configs in it are not read again,
// and what nobody announced is not held.
func TestWhatIsReadBesidesIsUsedOrLeft(t *testing.T) {
	l, manifests, configs := images(together, 0)
	l.whole = true
	s := newShelf(l.read)
	s.ahead(&row{}, manifests[:10])
	for i := range 10 {
		for _, digest := range []oci.Digest{manifests[i], configs[i]} {
			if raw, found := s.take(digest); !found || raw.Digest != digest {
				t.Fatalf("%d: %s was not there", i, digest)
			}
		}
	}
	s.wait()
	if want := []int{10}; !slices.Equal(l.reads, want) {
		t.Errorf("read %v, want %v", l.reads, want)
	}
	if len(s.of) != 0 || s.bytes != 0 {
		t.Errorf("%d contents and %d bytes are held", len(s.of), s.bytes)
	}
}

// Once everything was taken, nothing is held any more.
func TestWhatWasTakenIsPutAway(t *testing.T) {
	l, manifests, configs := images(2*together+10, 100)
	s := newShelf(l.read)
	s.ahead(&row{}, manifests)
	for i := range manifests {
		for _, digest := range []oci.Digest{manifests[i], configs[i]} {
			if _, found := s.take(digest); !found {
				t.Fatalf("%d: %s was not there", i, digest)
			}
		}
	}
	s.wait()
	if len(s.of) > 0 || len(s.kept) > 0 || s.bytes != 0 {
		t.Errorf("%d digests, %d armfuls, %d bytes are held", len(s.of), len(s.kept), s.bytes)
	}
}

func TestTheShelfIsBounded(t *testing.T) {
	l, manifests, _ := images(40, 1<<20)
	s := newShelf(l.read)
	for _, digest := range manifests { // forty repositories of one image
		s.ahead(&row{}, []oci.Digest{digest})
		if _, found := s.take(digest); !found {
			t.Fatalf("%s was not there", digest)
		}
		if s.bytes > mostShelved+3<<20 {
			t.Fatalf("%d bytes lie ready", s.bytes)
		}
	}
	s.wait()
	if _, found := s.take(manifests[0]); found {
		t.Error("the first one is still there")
	}
	if len(s.of) > 20 {
		t.Errorf("%d digests are remembered", len(s.of))
	}
}

// Who does not want to wait is given what was read, and nothing else.
func TestWhatLiesReadyIsGivenAtOnce(t *testing.T) {
	l, manifests, configs := images(3, 0)
	reading := make(chan struct{})
	s := newShelf(func(digests []oci.Digest) map[oci.Digest]oci.RawManifest {
		<-reading
		return l.read(digests)
	})
	s.ahead(&row{}, manifests)
	if _, found := s.ready(manifests[0]); found {
		t.Error("something is ready before it was read")
	}
	close(reading)
	s.wait()
	for _, digest := range slices.Concat(manifests, configs) {
		if raw, found := s.ready(digest); !found || digest.Verify(raw.Body) != nil {
			t.Errorf("%s is not ready", digest)
		}
	}
	if _, found := s.ready(oci.FromBytes(nil)); found {
		t.Error("what nobody announced is ready")
	}
	if len(s.of) > 0 {
		t.Error("what was taken is held")
	}
}
