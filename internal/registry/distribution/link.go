package distribution

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// nextPage reads the Link header (RFC 8288) with rel=next and keeps its query
// alone: the path stays ours, because links come relative, absolute, with the
// scheme seen behind a proxy, unescaped, and without the path prefix that the
// registry is reached under. A link to another host is refused. nil: no link.
func nextPage(header http.Header, host string) (url.Values, error) {
	for _, value := range header.Values("Link") {
		for value != "" {
			open := strings.IndexByte(value, '<')
			if open < 0 {
				break
			}
			target, rest, found := strings.Cut(value[open+1:], ">")
			if !found {
				return nil, fmt.Errorf("the link to the next page is cut off")
			}
			parameters, following, _ := strings.Cut(rest, ",")
			value = following
			if !isNext(parameters) {
				continue
			}
			if other := hostIn(target); other != "" && !sameHost(other, host) {
				return nil, fmt.Errorf("the link to the next page leads to another host, %q", clean(other, 100))
			}
			_, query, _ := strings.Cut(target, "?")
			query, _, _ = strings.Cut(query, "#")
			if query == "" {
				return nil, fmt.Errorf("the link to the next page has no query")
			}
			return parseQuery(query), nil
		}
	}
	return nil, nil
}

func isNext(parameters string) bool {
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		if strings.EqualFold(strings.TrimSpace(name), "rel") {
			return strings.EqualFold(strings.Trim(strings.TrimSpace(value), `"`), "next")
		}
	}
	return false
}

func hostIn(target string) string {
	rest := target
	if scheme, after, found := strings.Cut(target, "://"); found && !strings.ContainsAny(scheme, "/?") {
		rest = "//" + after
	}
	authority, found := strings.CutPrefix(rest, "//")
	if !found {
		return ""
	}
	if end := strings.IndexAny(authority, "/?#"); end >= 0 {
		authority = authority[:end]
	}
	return authority
}

// sameHost compares without the default ports of either scheme, because a
// proxy that ends TLS makes registries write the other scheme.
func sameHost(a, b string) bool {
	trim := func(host string) string {
		host = strings.ToLower(host)
		return strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ":80")
	}
	return trim(a) == trim(b)
}

// parseQuery takes what it can: a value that is not escaped as it should be is
// taken as it stands, and "+" is a plus.
func parseQuery(query string) url.Values {
	values := make(url.Values)
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if plain, err := url.PathUnescape(value); err == nil {
			value = plain
		}
		values.Add(name, value)
	}
	return values
}
