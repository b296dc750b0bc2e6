package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/regkeep/regkeep/internal/registry"
)

// Secret is how to sign in to a registry.
type Secret struct {
	Username string
	Password Reference
	Token    Reference // an identity (refresh) token; goes before a password
}

// Reference names the place of a secret. At most one way is set.
type Reference struct {
	Env     string
	File    string
	Command []string
	Literal Hidden
}

// Hidden is a secret that stands in the file. It never shows itself.
type Hidden string

// String never shows the secret.
func (Hidden) String() string { return "(hidden)" }

// GoString never shows the secret.
func (Hidden) GoString() string { return "(hidden)" }

// MarshalText never shows the secret.
func (Hidden) MarshalText() ([]byte, error) { return []byte("(hidden)"), nil }

func (r Reference) ways() int {
	ways := 0
	for _, set := range []bool{r.Env != "", r.File != "", len(r.Command) > 0, r.Literal != ""} {
		if set {
			ways++
		}
	}
	return ways
}

func (r Reference) set() bool { return r.ways() > 0 }

// Credentials is the source of this registry's credential, nil where the
// configuration has none. Secrets are read at each call, so that one that is
// renewed meanwhile is found.
func (r Registry) Credentials() registry.CredentialSource {
	if !r.Secret.Password.set() && !r.Secret.Token.set() {
		return nil
	}
	return func(ctx context.Context, _ string) (registry.Credential, error) {
		credential := registry.Credential{Username: r.Secret.Username}
		var err error
		if r.Secret.Token.set() {
			if credential.RefreshToken, err = r.Secret.Token.read(ctx); err != nil {
				return registry.Credential{}, fmt.Errorf("token of registry %s: %w", r.Endpoint.Name, err)
			}
			return credential, nil
		}
		if credential.Password, err = r.Secret.Password.read(ctx); err != nil {
			return registry.Credential{}, fmt.Errorf("password of registry %s: %w", r.Endpoint.Name, err)
		}
		return credential, nil
	}
}

func (r Reference) read(ctx context.Context) (string, error) {
	var secret string
	switch {
	case r.Env != "":
		secret = os.Getenv(r.Env)
		if secret == "" {
			return "", fmt.Errorf("the environment variable %s is empty or not set", r.Env)
		}
	case r.File != "":
		text, err := os.ReadFile(r.File)
		if err != nil {
			return "", err
		}
		secret = strings.TrimRight(string(text), "\r\n")
		if secret == "" {
			return "", fmt.Errorf("%s is empty", r.File)
		}
	case len(r.Command) > 0:
		out, err := run(ctx, r.Command)
		if err != nil {
			return "", err
		}
		if secret = strings.TrimRight(out, "\r\n"); secret == "" {
			return "", fmt.Errorf("%s printed nothing", r.Command[0])
		}
	default:
		secret = string(r.Literal)
	}
	return secret, nil
}

// run starts a program without a shell. What it printed to its standard output
// never becomes part of an error.
func run(ctx context.Context, args []string) (string, error) {
	command := exec.CommandContext(ctx, args[0], args[1:]...)
	var out bytes.Buffer
	command.Stdout = &out
	command.Stderr = os.Stderr
	if err := command.Run(); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return "", fmt.Errorf("%s ended with %s", args[0], exit.ProcessState)
		}
		return "", fmt.Errorf("%s: %w", args[0], err)
	}
	return out.String(), nil
}
