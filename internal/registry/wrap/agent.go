package wrap

import "net/http"

// UserAgent is the name under which this program asks.
const UserAgent = "regkeep (+https://github.com/regkeep/regkeep)"

// named has every request say who asks. Those that say so already are spared a
// copy.
func named(next http.RoundTripper) http.RoundTripper {
	return roundTrip(func(req *http.Request) (*http.Response, error) {
		if len(req.Header["User-Agent"]) == 0 {
			req = req.Clone(req.Context())
			req.Header.Set("User-Agent", UserAgent)
		}
		return next.RoundTrip(req)
	})
}
