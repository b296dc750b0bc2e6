package nexus

import (
	"context"
	"encoding/hex"
	"strings"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
)

// usage is what one run over /assets tells about a Nexus repository: when each
// digest was last downloaded, over every path it lies under, and where the
// digest aliases of manifests are.
type usage struct {
	// told: the server reports last downloads at all.
	told    bool
	pulled  map[sum]time.Time
	aliases map[alias]string // asset id
}

type sum [32]byte

// alias is a manifest by digest below one image.
type alias struct {
	image string
	sum   sum
}

func sumOf(digest oci.Digest) (sum, bool) {
	var s sum
	if digest.Algorithm() != "sha256" {
		return s, false
	}
	n, err := hex.Decode(s[:], []byte(digest.Hex()))
	return s, err == nil && n == len(s)
}

// assets reads all assets of a repository. A pull by digest marks the digest
// alias and not the tag, and a pull of one tag does not mark its siblings, so
// the last use of a tag is the latest over all assets with its digest.
func (c *client) assets(ctx context.Context, repo *repository) (*usage, error) {
	u := &usage{pulled: map[sum]time.Time{}, aliases: map[alias]string{}}
	images := map[string]string{}
	err := pages(ctx, c, "list assets", "/assets", repo, "", func(_ string, items []assetXO) {
		for i := range items {
			u.add(&items[i], images)
		}
	})
	return u, err
}

func (u *usage) add(asset *assetXO, images map[string]string) {
	u.told = u.told || asset.LastDownloaded.told
	image, reference, isManifest := manifestPath(asset.Path)
	digest := asset.digest()
	s, ok := sumOf(digest)
	if !ok || !isManifest {
		return
	}
	if last := asset.LastDownloaded.Time; last.After(u.pulled[s]) {
		u.pulled[s] = last
	}
	if reference == string(digest) {
		shared, known := images[image]
		if !known {
			shared = strings.Clone(image)
			images[shared] = shared
		}
		u.aliases[alias{shared, s}] = asset.ID
	}
}

// lastUse is when anything with the digest of an entry was last downloaded. A
// digest that a server which keeps count never saw downloaded was last used
// when it was pushed, as the server's own cleanup policies have it. Zero is
// not known: the server keeps no count.
func (u *usage) lastUse(e *entry) time.Time {
	s, ok := sumOf(e.digest)
	if !ok || !u.told {
		return time.Time{}
	}
	if last := u.pulled[s]; !last.IsZero() {
		return last
	}
	return e.pushed
}

// manifestPath takes "v2/<image>/manifests/<reference>" apart, with or without
// a slash in front.
func manifestPath(path string) (image, reference string, ok bool) {
	rest, found := strings.CutPrefix(strings.TrimPrefix(path, "/"), "v2/")
	if !found {
		return "", "", false
	}
	at := strings.LastIndex(rest, "/manifests/")
	if at < 0 {
		return "", "", false
	}
	return rest[:at], rest[at+len("/manifests/"):], true
}
