package mutators_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/adapters"
	"github.com/regkeep/regkeep/internal/registry/adapters/mutators"
	"github.com/regkeep/regkeep/internal/registry/registrytest/live"
	"github.com/regkeep/regkeep/internal/registry/registrytest/server"
	"github.com/regkeep/regkeep/internal/registry/wrap"
)

func TestOpen(t *testing.T) {
	host := live.Distribution(t, server.Options{}).Host
	for _, endpoint := range []registry.Endpoint{
		{Name: "mine", Address: host},
		{Name: "mine", Address: host, Kind: "distribution"},
		{Name: "mine", Address: "http://" + host},
	} {
		opened, err := adapters.Open(t.Context(), endpoint)
		if err != nil {
			t.Fatal(err)
		}
		if opened.Info.Name != "mine" || opened.Info.URL != "http://"+host || opened.Info.Kind != "distribution" {
			t.Errorf("%+v", opened.Info)
		}
		before := opened.Requests()
		if before == 0 {
			t.Error("signed in without a request")
		}
		opened.Reader = wrap.NewCache(opened.Reader, wrap.NewMemory(1000))
		mutator, err := mutators.Open(t.Context(), opened)
		if err != nil || opened.Requests() != before {
			t.Fatalf("%v after %d requests", err, opened.Requests()-before)
		}
		if err := mutator.DeleteManifest(t.Context(), "app", oci.FromBytes(nil)); !errors.Is(err, registry.ErrNotFound) {
			t.Error(err)
		}
		if opened.Requests() != before+1 {
			t.Errorf("%d requests counted for one", opened.Requests()-before)
		}
	}
}

func TestEveryKindCanBeChanged(t *testing.T) {
	for _, kind := range adapters.Kinds() {
		_, err := mutators.Open(t.Context(), adapters.Registry{Info: registry.Info{Kind: kind}})
		if err == nil || strings.Contains(err.Error(), "cannot be changed") {
			t.Errorf("%s is not in the list: %v", kind, err)
		}
	}
	if _, err := mutators.Open(t.Context(), adapters.Registry{Info: registry.Info{Kind: "floppy"}}); err == nil {
		t.Error("a kind that does not exist has a mutator")
	}
}

func TestOpenRefuses(t *testing.T) {
	denied := live.Distribution(t, server.Options{Wrap: func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	}}).Host
	if _, err := adapters.Open(t.Context(), registry.Endpoint{Name: "mine", Address: denied}); !errors.Is(err, registry.ErrDenied) {
		t.Errorf("%v; want denied", err)
	}
	_, err := adapters.Open(t.Context(), registry.Endpoint{Name: "mine", Address: denied, Kind: "floppy"})
	if err == nil || !strings.Contains(err.Error(), "distribution") {
		t.Errorf("%v; want the kinds that there are", err)
	}
}
