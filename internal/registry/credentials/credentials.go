package credentials

import (
	"context"
	"os"
	"path/filepath"
	"runtime"

	"github.com/regkeep/regkeep/internal/registry"
)

// Default looks in the environment first, then in Docker's configuration, then
// in Podman's.
func Default() registry.CredentialSource {
	home, _ := os.UserHomeDir()
	return First(
		Environment(os.Getenv),
		Files(DockerConfig(os.Getenv, home)),
		Files(PodmanAuth(os.Getenv, home)...),
	)
}

// First asks one source after the other until one knows the host. A source
// that fails ends the search: what it would have said is not known.
func First(sources ...registry.CredentialSource) registry.CredentialSource {
	return func(ctx context.Context, host string) (registry.Credential, error) {
		for _, source := range sources {
			found, err := source(ctx, host)
			if err != nil || found != (registry.Credential{}) {
				return found, err
			}
		}
		return registry.Credential{}, nil
	}
}

// DockerConfig is where Docker's configuration lies: in DOCKER_CONFIG, or in
// .docker below the home directory.
func DockerConfig(getenv func(string) string, home string) string {
	directory := getenv("DOCKER_CONFIG")
	if directory == "" {
		if home == "" {
			return ""
		}
		directory = filepath.Join(home, ".docker")
	}
	return filepath.Join(directory, "config.json")
}

// PodmanAuth is where Podman, Buildah and Skopeo look (containers-auth.json(5)):
// REGISTRY_AUTH_FILE alone where it is set, else the runtime directory and the
// configuration directory.
func PodmanAuth(getenv func(string) string, home string) []string {
	if file := getenv("REGISTRY_AUTH_FILE"); file != "" {
		return []string{file}
	}
	var files []string
	if directory := getenv("XDG_RUNTIME_DIR"); directory != "" && runtime.GOOS == "linux" {
		files = append(files, filepath.Join(directory, "containers", "auth.json"))
	}
	if directory := getenv("XDG_CONFIG_HOME"); directory != "" {
		files = append(files, filepath.Join(directory, "containers", "auth.json"))
	} else if home != "" {
		files = append(files, filepath.Join(home, ".config", "containers", "auth.json"))
	}
	return files
}
