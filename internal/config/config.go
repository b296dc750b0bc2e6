// Package config reads the configuration file: registries with how to reach
// and sign in to them, sources of in-use evidence, where state is kept.
//
// It promises that every mistake is reported with file, line and column, and
// that a secret is only ever named (an environment variable, a file, a
// command), read when it is needed and never shown. The policies that stand in
// the same file are the business of package policy.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/regkeep/regkeep/internal/registry"
)

// File is one configuration file. The zero value is a configuration that says
// nothing.
type File struct {
	Path string // as the user wrote it; "" where there is no file
	Text []byte // the whole file, for the policy parser

	Registries []Registry // in the order of the file
	InUse      InUse
	State      string        // "" for the default place
	Archive    string        // where whole images are kept before they go; "" for nowhere
	PlanMaxAge time.Duration // 0 for the default
	// Policies: the file has policies, so it says what may go.
	Policies bool
}

// Registry is one configured registry.
type Registry struct {
	// Endpoint is complete but for its Credentials.
	Endpoint registry.Endpoint
	Secret   Secret
}

// InUse is where to look for images in use.
type InUse struct {
	Sources  []Source
	Aliases  []Alias
	Remember time.Duration // 0 for the default; at most a year
	Timeout  time.Duration // of one source; 0 for the default
}

// Alias is another name (a mirror, a port) of a registry in references.
type Alias struct{ From, To string }

// Source is one source of in-use evidence: exactly one of the kinds is set.
type Source struct {
	// Registries are those whose use it sees; nil: all.
	Registries []string
	// MaxAge of what a list, a command or a url tells; 0: it does not matter.
	MaxAge time.Duration

	Kubernetes *Kubernetes
	Docker     *Docker
	Files      []string
	List       *List
	Images     []string // written out
	Command    []string
	URL        string
}

// Kubernetes names a cluster.
type Kubernetes struct {
	Kubeconfig, Context string
	Namespaces          []string
	Resources           []string // custom ones, each GROUP/VERSION/PLURAL
}

// List names a file of images that something else writes.
type List struct{ Path string }

// Docker names an engine.
type Docker struct{ Host, CertDir string }

// Registry finds a configured registry by name.
func (f *File) Registry(name string) (Registry, bool) {
	for _, r := range f.Registries {
		if r.Endpoint.Name == name {
			return r, true
		}
	}
	return Registry{}, false
}

// mostBytes bounds the size of a configuration file.
const mostBytes = 4 << 20

// Read reads the file at path.
func Read(path string) (*File, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: there is no such file", path)
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, fmt.Errorf("%s: this is a folder; name the file", path)
	case info.Size() > mostBytes:
		return nil, fmt.Errorf("%s: %d bytes are more than a configuration can have (%d)", path, info.Size(), mostBytes)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, text)
}

// Find reads the file that is used where none is named: $REGKEEP_CONFIG, else
// regkeep/regkeep.yaml in the user's configuration folder. No file is a
// configuration that says nothing.
func Find(getenv func(string) string) (*File, error) {
	if path := getenv("REGKEEP_CONFIG"); path != "" {
		return Read(path)
	}
	folder := getenv("XDG_CONFIG_HOME")
	if folder == "" {
		home := getenv("HOME")
		if home == "" {
			return &File{}, nil
		}
		folder = filepath.Join(home, ".config")
	}
	path := filepath.Join(folder, "regkeep", "regkeep.yaml")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return &File{}, nil
	}
	return Read(path)
}

// DefaultState is where state is kept where nothing is written:
// $XDG_STATE_HOME/regkeep/state.db.
func DefaultState(getenv func(string) string) (string, error) {
	folder := getenv("XDG_STATE_HOME")
	if folder == "" {
		home := getenv("HOME")
		if home == "" {
			return "", errors.New("neither XDG_STATE_HOME nor HOME is set: say with --state FILE where to keep what runs did")
		}
		folder = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(folder, "regkeep", "state.db"), nil
}
