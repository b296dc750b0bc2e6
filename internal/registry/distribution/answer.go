package distribution

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/regkeep/regkeep/internal/oci"
	"github.com/regkeep/regkeep/internal/registry"
	"github.com/regkeep/regkeep/internal/registry/wrap"
)

// mostOfAnError bounds what is read of an answer that is an error.
const mostOfAnError = 64 << 10

// hintDeleteDisabled follows from 405, which is the only sign: OPTIONS names
// DELETE as allowed even where it is switched off.
const hintDeleteDisabled = "Deleting is switched off in this registry, or it is in read-only mode: for the CNCF registry set REGISTRY_STORAGE_DELETE_ENABLED=true (storage.delete.enabled in its configuration) and restart it."

// refused reads an answer that is not what was asked for and makes it an
// error. It closes the body.
func (r *Registry) refused(c call, resp *http.Response) *registry.Error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, mostOfAnError))
	resp.Body.Close()
	failure := r.failure(c, nil, nil)
	failure.Status = resp.StatusCode
	failure.Code, failure.Message = errorIn(body)
	failure.Kind = kindOf(resp, failure.Code)
	failure.Hint = r.hint(c, resp, failure)
	return failure
}

// errorIn finds the first error of the distribution-spec's error document, or
// a line of plain text.
func errorIn(body []byte) (code, message string) {
	var document struct {
		Errors []struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"errors"`
	}
	if json.Unmarshal(body, &document) == nil {
		if len(document.Errors) > 0 {
			return clean(document.Errors[0].Code, 64), clean(document.Errors[0].Message, 200)
		}
		return "", ""
	}
	if text := string(body); !strings.Contains(text, "<") {
		return "", clean(text, 200)
	}
	return "", ""
}

// clean makes foreign text fit for one line of a message.
func clean(text string, most int) string {
	text = strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, text))
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

func kindOf(resp *http.Response, code string) error {
	if code == "UNSUPPORTED" {
		return registry.ErrUnsupported
	}
	switch status := resp.StatusCode; {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return registry.ErrDenied
	case status == http.StatusNotFound && isPage(resp):
		// A web server in front of the registry, not the registry itself.
		return registry.ErrUnavailable
	case status == http.StatusNotFound, code == "MANIFEST_BLOB_UNKNOWN", code == "BLOB_UNKNOWN":
		return registry.ErrNotFound
	case status == http.StatusMethodNotAllowed && code == "DENIED":
		return registry.ErrLocked // zot, for a manifest that an index lists
	case status == http.StatusMethodNotAllowed || status == http.StatusNotImplemented:
		return registry.ErrUnsupported
	case status == http.StatusConflict || status == http.StatusPreconditionFailed || status == http.StatusLocked:
		return registry.ErrLocked // GitLab and Harbor, the same; immutable tags
	case status == http.StatusTooManyRequests:
		return registry.ErrThrottled
	case status >= 500 || status == http.StatusRequestTimeout:
		return registry.ErrUnavailable
	}
	return registry.ErrMalformed
}

func isPage(resp *http.Response) bool {
	return mediaTypeOf(resp) == "text/html"
}

// mediaTypeOf is what an answer is served as, without parameters. That of a
// manifest is our own word for it, which keeps no text of the header alive.
func mediaTypeOf(resp *http.Response) string {
	served := resp.Header.Get("Content-Type")
	if known := slices.Index(oci.ManifestTypes, served); known >= 0 {
		return oci.ManifestTypes[known]
	}
	if parsed, _, err := mime.ParseMediaType(served); err == nil {
		return parsed
	}
	return strings.TrimSpace(served)
}

func (r *Registry) hint(c call, resp *http.Response, failure *registry.Error) string {
	host := r.connection.Base().Host
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return "It sends this request elsewhere, which is only followed for reading: use the address it really lives at."
	case failure.Kind == registry.ErrDenied && r.connection.User() == "":
		return wrap.HintNoCredentials(host)
	case failure.Kind == registry.ErrDenied && c.repository != "":
		return fmt.Sprintf("Ask for the right to %s in %s for %s.", rightFor(c.method), c.repository, r.connection.User())
	case failure.Kind == registry.ErrDenied:
		return fmt.Sprintf("%s may not do this in %s.", r.connection.User(), host)
	case failure.Kind == registry.ErrUnsupported && c.method == http.MethodDelete && resp.StatusCode == http.StatusMethodNotAllowed:
		return hintDeleteDisabled
	case failure.Kind == registry.ErrLocked:
		return "The registry protects it: an immutable tag, a retention lock, or an index that still lists it."
	case failure.Kind == registry.ErrThrottled && resp.Header.Get("Retry-After") != "":
		return fmt.Sprintf("The registry asks to come back later (Retry-After: %s).", clean(resp.Header.Get("Retry-After"), 40))
	case failure.Kind == registry.ErrThrottled:
		return "Ask more slowly with --rate."
	case failure.Kind == registry.ErrUnavailable && resp.StatusCode == http.StatusNotFound:
		return "The answer is a web page and not a registry's: is something in front of it, or the address wrong?"
	case resp.StatusCode == http.StatusInternalServerError && failure.Reference != "" && c.method != http.MethodDelete:
		return "Where it is answered so every time, it is damaged: push it again, or remove it from the registry's storage; the log of the registry says more."
	case resp.StatusCode == http.StatusBadRequest && speaksTLS(failure.Message):
		return "This address wants TLS: write https:// before it, or leave --plain-http out."
	}
	return ""
}

func rightFor(method string) string {
	switch method {
	case http.MethodDelete:
		return "delete"
	case http.MethodPut, http.MethodPost:
		return "push"
	}
	return "pull"
}

// speaksTLS knows how Go's server and nginx answer plain HTTP on a TLS port.
func speaksTLS(message string) bool {
	return strings.Contains(message, "HTTP request to an HTTPS server") || strings.Contains(message, "plain HTTP request was sent to HTTPS port")
}
