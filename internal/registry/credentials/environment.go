package credentials

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/regkeep/regkeep/internal/registry"
)

// Names of the variables that carry a credential for every registry that a
// command talks to.
const (
	UsernameVariable     = "REGKEEP_USERNAME"
	PasswordVariable     = "REGKEEP_PASSWORD"
	PasswordFileVariable = "REGKEEP_PASSWORD_FILE"
)

// Environment reads REGKEEP_USERNAME with REGKEEP_PASSWORD or
// REGKEEP_PASSWORD_FILE, whose last line break does not count. Half of a
// credential is an error.
func Environment(getenv func(string) string) registry.CredentialSource {
	return func(context.Context, string) (registry.Credential, error) {
		username, password, file := getenv(UsernameVariable), getenv(PasswordVariable), getenv(PasswordFileVariable)
		switch {
		case username == "" && password == "" && file == "":
			return registry.Credential{}, nil
		case username == "":
			return registry.Credential{}, fmt.Errorf("a password is in the environment but no user name: set %s", UsernameVariable)
		case password != "" && file != "":
			return registry.Credential{}, fmt.Errorf("%s and %s are both set: keep one", PasswordVariable, PasswordFileVariable)
		case file != "":
			content, err := os.ReadFile(file)
			if err != nil {
				return registry.Credential{}, fmt.Errorf("%s: %w", PasswordFileVariable, err)
			}
			if password = strings.TrimRight(string(content), "\r\n"); password == "" {
				return registry.Credential{}, fmt.Errorf("%s: %s is empty", PasswordFileVariable, file)
			}
		case password == "":
			return registry.Credential{}, errors.New(UsernameVariable + " is set without a password: set " + PasswordVariable + " or " + PasswordFileVariable)
		}
		return registry.Credential{Username: username, Password: password}, nil
	}
}
