package nexustest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Nexus writes JSON through Jackson with its default pretty printer: " : "
// after keys, objects indented by two, arrays on one line, keys in the order
// of the class, nulls included. encoding/json can say none of that, and it
// cannot repeat a key.

type field struct {
	key   string
	value any
}

type object []field

type array []any

// nexusTime is how Jackson is told to write dates: milliseconds, an offset.
const nexusTime = "2006-01-02T15:04:05.000-07:00"

func render(value any) []byte {
	var b bytes.Buffer
	writeValue(&b, value, 0)
	return b.Bytes()
}

func writeValue(b *bytes.Buffer, value any, depth int) {
	switch v := value.(type) {
	case object:
		writeObject(b, v, depth)
	case array:
		writeArray(b, v, depth)
	case []string:
		items := make(array, len(v))
		for i, s := range v {
			items[i] = s
		}
		writeArray(b, items, depth)
	case map[string]string:
		fields := make(object, 0, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			fields = append(fields, field{key, v[key]})
		}
		writeObject(b, fields, depth)
	case time.Time:
		if v.IsZero() {
			b.WriteString("null")
			return
		}
		b.WriteString(`"` + v.UTC().Format(nexusTime) + `"`)
	case string:
		encoder := json.NewEncoder(b)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(v); err != nil {
			panic(err)
		}
		b.Truncate(b.Len() - 1)
	case nil:
		b.WriteString("null")
	case bool, int, int64:
		fmt.Fprint(b, v)
	default:
		panic(fmt.Sprintf("nexustest: no JSON for %T", value))
	}
}

func writeObject(b *bytes.Buffer, fields object, depth int) {
	if len(fields) == 0 {
		b.WriteString("{ }")
		return
	}
	b.WriteString("{")
	for i, f := range fields {
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString("\n" + strings.Repeat("  ", depth+1))
		writeValue(b, f.key, depth)
		b.WriteString(" : ")
		writeValue(b, f.value, depth+1)
	}
	b.WriteString("\n" + strings.Repeat("  ", depth) + "}")
}

func writeArray(b *bytes.Buffer, items array, depth int) {
	b.WriteString("[ ")
	for i, item := range items {
		if i > 0 {
			b.WriteString(", ")
		}
		writeValue(b, item, depth)
	}
	if len(items) > 0 {
		b.WriteString(" ")
	}
	b.WriteString("]")
}

// orNull is null for the empty string.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// line is a document on one line, as the registry API writes it.
func line(value any) []byte {
	var b bytes.Buffer
	if err := json.Compact(&b, render(value)); err != nil {
		panic(err)
	}
	return b.Bytes()
}
