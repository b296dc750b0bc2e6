package credentials

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"

	"github.com/regkeep/regkeep/internal/registry"
)

// Files reads files in Docker's format, with the credential helpers that they
// name, until one knows the host. Files that are not there are passed over.
// They are read anew each time, because a sign-in elsewhere may change them.
func Files(paths ...string) registry.CredentialSource {
	return func(ctx context.Context, host string) (registry.Credential, error) {
		for _, path := range paths {
			found, err := lookUp(ctx, path, host)
			if err != nil || found != (registry.Credential{}) {
				return found, err
			}
		}
		return registry.Credential{}, nil
	}
}

func lookUp(ctx context.Context, path, host string) (registry.Credential, error) {
	helpers, err := helpersIn(path)
	if err != nil || !helpers.exists {
		return registry.Credential{}, err
	}
	store, err := credentials.NewStore(path, credentials.StoreOptions{})
	if err != nil {
		return registry.Credential{}, fmt.Errorf("credentials in %s cannot be read: not a Docker configuration", path)
	}
	for _, key := range keys(host) {
		found, err := store.Get(ctx, key)
		if err != nil {
			if name := helpers.of(key); name != "" {
				return registry.Credential{}, fmt.Errorf("credential helper docker-credential-%s, named in %s, failed for %s: %w", name, path, host, err)
			}
			return registry.Credential{}, fmt.Errorf("the credential for %s in %s cannot be read", host, path)
		}
		if found != auth.EmptyCredential {
			return registry.Credential{
				Username: found.Username, Password: found.Password,
				RefreshToken: found.RefreshToken, AccessToken: found.AccessToken,
			}, nil
		}
	}
	return registry.Credential{}, nil
}

// keys are the names that a host's credential is stored under. Docker keeps
// that of Docker Hub under an address of its own, Podman under docker.io.
func keys(host string) []string {
	switch host {
	case "docker.io", "registry-1.docker.io", "index.docker.io":
		return []string{"https://index.docker.io/v1/", "docker.io"}
	}
	return []string{host}
}

// helperNames are the credential helpers of a file.
type helperNames struct {
	exists  bool
	Store   string            `json:"credsStore"`
	Helpers map[string]string `json:"credHelpers"`
}

func (h helperNames) of(key string) string { return cmp.Or(h.Helpers[key], h.Store) }

func helpersIn(path string) (helperNames, error) {
	if path == "" {
		return helperNames{}, nil
	}
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return helperNames{}, nil
	}
	if err != nil {
		return helperNames{}, fmt.Errorf("credentials: %w", err)
	}
	names := helperNames{exists: true}
	if err := json.Unmarshal(content, &names); err != nil {
		return helperNames{}, fmt.Errorf("credentials in %s cannot be read: not JSON", path)
	}
	return names, nil
}
