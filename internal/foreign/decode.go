package foreign

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// decode reads one JSON document. A key that is not known is an error: it may
// change what the known ones mean.
func decode(data []byte, into any) error {
	reader := json.NewDecoder(bytes.NewReader(data))
	reader.DisallowUnknownFields()
	err := reader.Decode(into)
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("line %d: %w", lineAt(data, syntax.Offset), err)
	case errors.As(err, &kind):
		return fmt.Errorf("line %d: %s must be %s, not %s", lineAt(data, kind.Offset), kind.Field, kind.Type, kind.Value)
	case err != nil:
		return fmt.Errorf("line %d: %w", lineAt(data, reader.InputOffset()), err)
	}
	if _, err := reader.Token(); err != io.EOF {
		return fmt.Errorf("line %d: something follows the document", lineAt(data, reader.InputOffset()))
	}
	return nil
}

func lineAt(data []byte, offset int64) int {
	offset = min(offset, int64(len(data)))
	return 1 + bytes.Count(data[:offset], []byte("\n"))
}
