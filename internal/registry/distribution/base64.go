package distribution

import (
	"encoding/base64"
	"strings"
)

// rawBase64 is base64url without padding, as JSON Web Signatures write it.
type rawBase64 []byte

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *rawBase64) UnmarshalText(text []byte) error {
	decoded, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(string(text), "="))
	*b = decoded
	return err
}
