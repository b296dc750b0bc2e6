//go:build node

package nexustest_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/regkeep/regkeep/internal/registry/registrytest/nexustest"
)

// TestGeneratedClient drives the emulator with the client that Sonatype's own
// OpenAPI document of 3.96 generated. Needs Node and, once,
// `npm ci` in tools/nexus-client; run with `go test -tags node`.
func TestGeneratedClient(t *testing.T) {
	tool, err := filepath.Abs(filepath.Join("..", "..", "..", "..", "tools", "nexus-client"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(tool, "node_modules")); err != nil {
		t.Fatalf("the generated client is not installed: run `npm ci` in %s", tool)
	}
	s := nexustest.New(nexustest.Options{ContextPath: "/nexus"})
	for i := range 100 { // a full page, hence an empty second one
		s.Push(hosted, "team/app", fmt.Sprint(i), nexustest.Image{Layers: []string{"shared"}}, ago(9))
	}
	s.PushManifest(hosted, "team/app", "0", "application/vnd.oci.image.index.v1+json", []byte(`{"manifests":[]}`), ago(8))
	base, stop, err := s.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	command := exec.CommandContext(t.Context(), "node", "drive.mjs", base, "admin", "admin123", hosted, s.ComponentID(hosted, "team/app", "0"))
	command.Dir, command.Stderr = tool, os.Stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var got struct {
		Repositories, Tags, TagPages, Found, Checked int
		States                                       []string
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Logf("%s", out)
	if got.Repositories != 1 || got.Tags != 100 || got.TagPages != 2 || got.Found != 50 || len(got.States) != 2 || got.Checked < 1000 {
		t.Errorf("the client saw %+v", got)
	}
	if tags := s.Tags(hosted, "team/app"); len(tags) != 99 || tags["0"] != "" {
		t.Errorf("%d tags left, want 99 without the deleted one", len(tags))
	}
}
