package nexustest_test

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/memory"
	orasremote "oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/regkeep/regkeep/internal/registry/registrytest/nexustest"
)

// doors start a server and give the ways in that images may be pushed through,
// as HOST/IMAGE for clients that know nothing of Nexus.
func doors(t *testing.T, d nexustest.Dialect, bearer bool) (s *nexustest.Server, ways map[string]string) {
	t.Helper()
	byPath := d == nexustest.V389 || d == nexustest.V396
	s = nexustest.New(nexustest.Options{Dialect: d, Repositories: []nexustest.Repository{{Name: hosted, PathEnabled: byPath, BearerAuth: bearer}}})
	host, stop, err := s.StartConnector(hosted, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	ways = map[string]string{"connector": host + "/team/app"}
	if byPath && !bearer {
		base, stop, err := s.Start("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
		ways["path"] = base[len("http://"):] + "/" + hosted + "/team/app"
	}
	return s, ways
}

func TestGoContainerRegistry(t *testing.T) {
	everyDialect(t, func(t *testing.T, d nexustest.Dialect) {
		s, ways := doors(t, d, false)
		for way, where := range ways {
			t.Run(way, func(t *testing.T) { pushAndPull(t, s, where) })
		}
	})
}

func pushAndPull(t *testing.T, s *nexustest.Server, where string) {
	signIn := remote.WithAuth(&authn.Basic{Username: "admin", Password: "admin123"})
	repository, err := name.NewRepository(where, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	image, err := random.Image(300, 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(repository.Tag("1"), image, signIn); err != nil {
		t.Fatal(err)
	}
	pulled, err := remote.Image(repository.Tag("1"), signIn)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(pulled); err != nil {
		t.Error(err)
	}
	index, err := random.Index(300, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(repository.Tag("multi"), index, signIn); err != nil {
		t.Fatal(err)
	}
	pulledIndex, err := remote.Index(repository.Tag("multi"), signIn)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(pulledIndex); err != nil {
		t.Error(err)
	}
	digest := mustDigest(t, index)
	head, err := remote.Head(repository.Tag("multi"), signIn)
	if err != nil || head.Digest != digest {
		t.Errorf("HEAD %v, %v", head, err)
	}
	if got := s.Tags(hosted, "team/app")["multi"]; string(got) != digest.String() || s.Whole(hosted, "team/app", "multi") != nil {
		t.Errorf("stored as %s, pushed %s: %v", got, digest, s.Whole(hosted, "team/app", "multi"))
	}
	tags, err := remote.List(repository, signIn, remote.WithPageSize(1))
	if err != nil || len(tags) != 2 {
		t.Errorf("tags %v, %v", tags, err)
	}
	if err := remote.Delete(repository.Tag("1"), signIn); err != nil {
		t.Error(err)
	}
	if err := remote.Delete(repository.Digest(digest.String()), signIn); err != nil {
		t.Error(err)
	}
	if _, err := remote.Head(repository.Tag("multi"), signIn); err == nil {
		t.Error("a tag still pulls after the delete of its digest")
	}
}

func mustDigest(t *testing.T, index v1.ImageIndex) v1.Hash {
	t.Helper()
	digest, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

func TestOras(t *testing.T) {
	for _, bearer := range []bool{false, true} {
		everyDialect(t, func(t *testing.T, d nexustest.Dialect) {
			s, ways := doors(t, d, bearer)
			for way, where := range ways {
				t.Run(way, func(t *testing.T) { attachWithOras(t, s, where) })
			}
		})
	}
}

// attachWithOras pushes an artifact and a referrer of it, deep-copies both out
// and back in, and finds the referrer through the fallback tag.
func attachWithOras(t *testing.T, s *nexustest.Server, where string) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	target, err := orasremote.NewRepository(where)
	if err != nil {
		t.Fatal(err)
	}
	target.PlainHTTP = true
	target.Client = &auth.Client{Credential: func(context.Context, string) (auth.Credential, error) {
		return auth.Credential{Username: "admin", Password: "admin123"}, nil
	}}
	layer, err := oras.PushBytes(ctx, target, "application/octet-stream", []byte("content of "+where))
	if err != nil {
		t.Fatal(err)
	}
	image, err := oras.PackManifest(ctx, target, oras.PackManifestVersion1_1, "application/example", oras.PackManifestOptions{Layers: []ocispec.Descriptor{layer}})
	if err != nil {
		t.Fatal(err)
	}
	if err := target.Tag(ctx, image, "1"); err != nil {
		t.Fatal(err)
	}
	referrer, err := oras.PackManifest(ctx, target, oras.PackManifestVersion1_1, "application/signature", oras.PackManifestOptions{Subject: &image})
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	if err := target.Referrers(ctx, image, "", func(list []ocispec.Descriptor) error {
		for _, descriptor := range list {
			if descriptor.Digest == referrer.Digest {
				found++
			}
		}
		return nil
	}); err != nil || found != 1 {
		t.Errorf("referrer found %d times, %v", found, err)
	}
	copied := memory.New()
	if _, err := oras.ExtendedCopy(ctx, target, "1", copied, "1", oras.DefaultExtendedCopyOptions); err != nil {
		t.Fatal(err)
	}
	if there, err := copied.Exists(ctx, referrer); err != nil || !there {
		t.Errorf("the referrer was not copied: %v", err)
	}
	blob, err := target.Fetch(ctx, layer)
	if err != nil {
		t.Fatal(err)
	}
	defer blob.Close()
	if content, err := io.ReadAll(blob); err != nil || !bytes.Equal(content, []byte("content of "+where)) {
		t.Errorf("blob %q, %v", content, err)
	}
	if err := target.Delete(ctx, image); err != nil {
		t.Error(err)
	}
	if s.HasManifest(hosted, "team/app", image.Digest.String()) {
		t.Error("the manifest is still there")
	}
}
