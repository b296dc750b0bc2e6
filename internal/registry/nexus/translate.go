package nexus

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/regkeep/regkeep/internal/registry"
)

// answerLimit bounds what is read of an answer that is no success.
const answerLimit = 64 << 10

const hintAnonymous = "Nexus wants a user here and no credentials were found for it; set REGKEEP_USERNAME and REGKEEP_PASSWORD_FILE, or sign in with docker login"

// translate turns an answer that is no success into an error. A refused
// sign-in did not come this far; see door.
func (c *client) translate(call call, request *http.Request, response *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	code, message := words(response.Header, body)
	err := c.fail(call, registry.ErrMalformed, "", nil)
	err.Status, err.Code, err.Message = response.StatusCode, code, message
	switch status := response.StatusCode; {
	case status == http.StatusUnauthorized:
		err.Kind = registry.ErrDenied
		if request.Header.Get("Authorization") == "" {
			err.Hint = hintAnonymous
		}
	case status == http.StatusForbidden:
		err.Kind = registry.ErrDenied
		if call.missing != "" {
			err.Hint = "The user lacks the privilege " + call.missing
		}
	case status == http.StatusNotFound, status == http.StatusGone:
		err.Kind = registry.ErrNotFound
	case status == http.StatusMethodNotAllowed:
		err.Kind = registry.ErrUnsupported
	case status/100 == 3:
		err.Hint = fmt.Sprintf("The server redirects to %s: use that base URL", place(response))
	case status >= 500:
		err.Kind = registry.ErrUnavailable
	}
	return err
}

// place is where a redirect leads, without anything secret in it.
func place(response *http.Response) string {
	target, err := response.Location()
	if err != nil {
		return "another place"
	}
	return target.Scheme + "://" + target.Host + target.Path
}

// words finds the server's own words in the shapes that Nexus answers with.
func words(header http.Header, body []byte) (code, message string) {
	var fault struct {
		Message string `json:"status-message"`
		Errors  []struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"errors"`
	}
	var validation []struct {
		Message string `json:"message"`
	}
	switch {
	case json.Unmarshal(body, &fault) == nil:
		message = fault.Message
		if len(fault.Errors) > 0 {
			code, message = fault.Errors[0].Code, fault.Errors[0].Message
		}
	case json.Unmarshal(body, &validation) == nil && len(validation) > 0:
		message = validation[0].Message
	default:
		message = string(body)
		if strings.Contains(message, "<") {
			message = between(message, "<title>", "</title>")
		}
	}
	message = strings.Join(strings.Fields(message), " ")
	if fault := header.Get("X-Siesta-FaultId"); message == "" && fault != "" {
		message = "fault " + fault + " in the server's log"
	}
	if len(message) > 200 {
		message = message[:200] + "…"
	}
	return code, message
}

func between(s, start, end string) string {
	_, rest, found := strings.Cut(s, start)
	inner, _, closed := strings.Cut(rest, end)
	if !found || !closed {
		return ""
	}
	return inner
}
