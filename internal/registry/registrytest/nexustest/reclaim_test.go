package nexustest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry/registrytest/nexustest"
)

const hosted = "docker-hosted"

func collect(s *nexustest.Server, repository, offset string) {
	s.RunTask(s.AddTask(nexustest.Task{Type: nexustest.TaskDockerGC, Name: "gc", Properties: map[string]string{"repositoryName": repository, "deployOffset": offset}}))
}

func runKind(s *nexustest.Server, kind string, properties map[string]string) {
	s.RunTask(s.AddTask(nexustest.Task{Type: kind, Name: kind, Properties: properties}))
}

// The way of the bytes: delete, collect, soft-delete an hour after the upload
// at the earliest, compact; the metrics tell only the last.
func TestSpaceComesBackInSteps(t *testing.T) {
	everyDialect(t, func(t *testing.T, d nexustest.Dialect) {
		c := newClock()
		s := nexustest.New(nexustest.Options{Dialect: d, Clock: c.now})
		s.Push(hosted, "app", "keep", nexustest.Image{Layers: []string{"base"}}, ago(40))
		before := s.Stored("default")
		s.Push(hosted, "app", "old", nexustest.Image{Layers: []string{"base", "own"}}, ago(40))
		full := s.Stored("default")
		s.DeleteTag(hosted, "app", "old")
		if got := s.Stored("default"); got != full {
			t.Errorf("deleting a tag changed the store: %+v", got)
		}
		collect(s, hosted, "24")
		got := s.Stored("default")
		orient := d == nexustest.Orient370
		switch {
		case got.Bytes != full.Bytes:
			t.Errorf("garbage collection freed bytes: %+v", got)
		case orient && got.SoftDeletedBytes != full.Bytes-before.Bytes:
			t.Errorf("OrientDB did not soft-delete at once: %+v", got)
		case !orient && (got.SoftDeleted != 0 || got.UnreferencedBytes != full.Bytes-before.Bytes):
			t.Errorf("after collection: %+v", got)
		}
		compact := map[string]string{"blobstoreName": "default"}
		runKind(s, nexustest.TaskCompact, compact)
		if !orient {
			if got := s.Stored("default"); got.Bytes != full.Bytes {
				t.Errorf("compaction right after collection freed bytes: %+v", got)
			}
			c.pass(30 * time.Minute)
			admin(s).get(t, "/blobstores")
			if got := s.Stored("default"); got.SoftDeletedBytes != full.Bytes-before.Bytes {
				t.Errorf("the half-hourly cleanup did not soft-delete: %+v", got)
			}
			runKind(s, nexustest.TaskCompact, compact)
		}
		if got := s.Stored("default"); got.Bytes != before.Bytes || got.Blobs != before.Blobs {
			t.Errorf("in the end %+v, want %+v", got, before)
		}
		if err := s.Whole(hosted, "app", "keep"); err != nil {
			t.Error(err)
		}
	})
}

// assetBlob.cleanup leaves alone what was uploaded less than an hour ago.
func TestFreshBlobsAreNotSoftDeleted(t *testing.T) {
	c := newClock()
	s := nexustest.New(nexustest.Options{Clock: c.now})
	s.Push(hosted, "app", "1", nexustest.Image{}, noon)
	s.DeleteTag(hosted, "app", "1")
	collect(s, hosted, "0")
	cleanup := func() int {
		runKind(s, nexustest.TaskBlobCleanup, map[string]string{"format": "docker"})
		return s.Stored("default").SoftDeleted
	}
	c.pass(59 * time.Minute)
	if n := cleanup(); n != 0 {
		t.Errorf("soft-deleted %d blobs before their hour", n)
	}
	c.pass(time.Minute)
	if n := cleanup(); n != 3 {
		t.Errorf("soft-deleted %d blobs after an hour, want 3", n)
	}
}

func TestCompactionOlderThan(t *testing.T) {
	c := newClock()
	s := nexustest.New(nexustest.Options{Clock: c.now})
	s.Push(hosted, "app", "1", nexustest.Image{}, ago(9))
	s.DeleteTag(hosted, "app", "1")
	collect(s, hosted, "0")
	runKind(s, nexustest.TaskBlobCleanup, map[string]string{"format": "docker"})
	older := map[string]string{"blobstoreName": "default", "blobsOlderThan": "2"}
	c.pass(47 * time.Hour)
	if runKind(s, nexustest.TaskCompact, older); s.Stored("default").Blobs == 0 {
		t.Error("compacted what was deleted less than two days ago")
	}
	c.pass(time.Hour)
	if runKind(s, nexustest.TaskCompact, older); s.Stored("default").Blobs != 0 {
		t.Error("left what was deleted two days ago")
	}
}

func TestS3IsCompactedByLaterReleasesOnly(t *testing.T) {
	for d, want := range map[nexustest.Dialect]bool{nexustest.V377: false, nexustest.V389: true} {
		s := nexustest.New(nexustest.Options{Dialect: d, BlobStores: []nexustest.BlobStore{{Name: "default", Type: "S3"}}})
		s.Push(hosted, "app", "1", nexustest.Image{}, ago(9))
		s.DeleteTag(hosted, "app", "1")
		collect(s, hosted, "0")
		runKind(s, nexustest.TaskBlobCleanup, map[string]string{"format": "docker"})
		runKind(s, nexustest.TaskCompact, map[string]string{"blobstoreName": "default"})
		if got := s.Stored("default").Blobs == 0; got != want {
			t.Errorf("%s: compacted %v, want %v", d, got, want)
		}
	}
}

func TestMetricsTrail(t *testing.T) {
	c := newClock()
	s := nexustest.New(nexustest.Options{Clock: c.now, MetricsLag: 5 * time.Second})
	count := func() int {
		var stores []struct{ BlobCount int }
		admin(s).get(t, "/blobstores").want(200).into(&stores)
		return stores[0].BlobCount
	}
	s.Push(hosted, "app", "1", nexustest.Image{}, ago(9))
	if n := count(); n != 0 {
		t.Errorf("%d blobs at once", n)
	}
	c.pass(5 * time.Second)
	if n := count(); n != 3 {
		t.Errorf("%d blobs after the lag, want 3", n)
	}
}

func TestCollectionHonoursDeployOffset(t *testing.T) {
	s := nexustest.New(nexustest.Options{Clock: newClock().now})
	old := s.Push(hosted, "app", "", nexustest.Image{Layers: []string{"old", "both"}}, noon.Add(-25*time.Hour))
	young := s.Push(hosted, "app", "", nexustest.Image{Layers: []string{"young", "both"}}, noon.Add(-23*time.Hour))
	inFlight := s.PushBlob(hosted, "of a push in flight", "", noon.Add(-time.Hour))
	collect(s, hosted, "24")
	if !s.HasBlob(hosted, inFlight) {
		t.Error("a blob younger than the offset went")
	}
	if s.HasManifest(hosted, "app", string(old)) || s.HasBlob(hosted, oci.FromBytes([]byte("old"))) {
		t.Error("what is older than the offset stayed")
	}
	if err := s.Whole(hosted, "app", string(young)); err != nil {
		t.Errorf("what is younger than the offset went: %v", err)
	}
}

// An index and its children still pull after its platform tags went.
func TestCollectionKeepsChildrenOfIndexes(t *testing.T) {
	s := nexustest.New(nexustest.Options{Clock: newClock().now})
	index := s.PushIndex(hosted, "app", "multi", []nexustest.Image{{}, {Platform: oci.Platform{OS: "linux", Architecture: "arm64"}}}, ago(9))
	for _, path := range s.Paths(hosted) {
		if child, found := strings.CutPrefix(path, "/v2/app/manifests/sha256:"); found && "sha256:"+child != string(index) {
			s.Retag(hosted, "app", "sha256:"+child, "platform-"+child[:4], ago(9))
			s.DeleteTag(hosted, "app", "platform-"+child[:4])
		}
	}
	signature := s.Sign(hosted, "app", index, ago(9))
	collect(s, hosted, "0")
	for _, tag := range []string{"multi", signature} {
		if err := s.Whole(hosted, "app", tag); err != nil {
			t.Error(err)
		}
	}
	s.DeleteTag(hosted, "app", "multi")
	s.DeleteTag(hosted, "app", signature)
	collect(s, hosted, "0")
	if paths := s.Paths(hosted); len(paths) != 0 {
		t.Errorf("left behind: %v", paths)
	}
}

// Layers that a manifest of another Docker repository names stay, on whatever
// blob store; the custom variant does not look there.
func TestCollectionLooksIntoOtherRepositories(t *testing.T) {
	for kind, want := range map[string]bool{nexustest.TaskDockerGC: true, nexustest.TaskDockerGCCustom: false} {
		s := nexustest.New(nexustest.Options{BlobStores: []nexustest.BlobStore{{Name: "default"}, {Name: "other"}},
			Repositories: []nexustest.Repository{{Name: "one"}, {Name: "two", BlobStore: "other"}}})
		shared := oci.FromBytes([]byte("shared"))
		s.Push("one", "app", "1", nexustest.Image{Layers: []string{"shared"}}, ago(9))
		s.Push("two", "app", "1", nexustest.Image{Layers: []string{"shared"}}, ago(9))
		s.DeleteTag("one", "app", "1")
		runKind(s, kind, map[string]string{"repositoryName": "one", "deployOffset": "0"})
		if got := s.HasBlob("one", shared); got != want {
			t.Errorf("%s: shared layer kept %v, want %v", kind, got, want)
		}
		if err := s.Whole("two", "app", "1"); err != nil {
			t.Error(err)
		}
	}
}

// Content shared by two repositories lives as long as one of them refers to it.
func TestMountedContentOutlivesItsOrigin(t *testing.T) {
	s := nexustest.New(nexustest.Options{Repositories: []nexustest.Repository{{Name: "one"}, {Name: "two"}}})
	layer := s.PushBlob("one", "layer", "", ago(9))
	stored := s.Stored("default").Blobs
	s.MountBlob("one", "two", layer, ago(9))
	if got := s.Stored("default").Blobs; got != stored {
		t.Errorf("mounting copied: %d blobs, before %d", got, stored)
	}
	runKind(s, nexustest.TaskDockerGCCustom, map[string]string{"repositoryName": "one", "deployOffset": "0"})
	runKind(s, nexustest.TaskBlobCleanup, map[string]string{"format": "docker"})
	if s.HasBlob("one", layer) || !s.HasBlob("two", layer) || s.Stored("default").SoftDeleted != 0 {
		t.Error("content went with its first asset")
	}
	runKind(s, nexustest.TaskDockerGCCustom, map[string]string{"repositoryName": "two", "deployOffset": "0"})
	runKind(s, nexustest.TaskBlobCleanup, map[string]string{"format": "docker"})
	if s.Stored("default").SoftDeleted != 1 {
		t.Error("content stayed without any asset")
	}
}

func TestReferrersInCollection(t *testing.T) {
	for _, keep := range []bool{false, true} {
		s := nexustest.New(nexustest.Options{KeepReferrers: keep})
		subject := s.Push(hosted, "app", "1", nexustest.Image{}, ago(9))
		lone := s.Push(hosted, "app", "", nexustest.Image{Subject: subject, Artifact: "application/example"}, ago(9))
		listed := s.Attach(hosted, "app", subject, "application/sbom", ago(9))
		collect(s, "*", "0")
		if got := s.HasManifest(hosted, "app", string(lone)); got != keep {
			t.Errorf("referrer that no tag lists: kept %v, want %v", got, keep)
		}
		if err := s.Whole(hosted, "app", string(listed)); err != nil {
			t.Errorf("referrer under the fallback tag: %v", err)
		}
	}
}

func TestIncompleteUploadsArePurged(t *testing.T) {
	c := newClock()
	s := nexustest.New(nexustest.Options{Clock: c.now})
	location := admin(s).ask(t, "POST", "/repository/docker-hosted/v2/app/blobs/uploads/", "").want(202).header.Get("Location")
	c.pass(25 * time.Hour)
	runKind(s, nexustest.TaskUploadPurge, map[string]string{"age": "24"})
	admin(s).ask(t, "GET", "/repository/docker-hosted"+location, "").want(404)
}
