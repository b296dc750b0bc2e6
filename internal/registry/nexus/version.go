package nexus

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
)

// version is a server version such as 3.96.3. Zero is not known. It serves for
// warnings and for words; what a server can do is found by asking it.
type version struct {
	major, minor, patch int
	edition             string // OSS, COMMUNITY, PRO or ""
}

var serverHeader = regexp.MustCompile(`^Nexus/(\d+)\.(\d+)(?:\.(\d+))?\S*(?: \((\w+)\))?`)

func parseServer(header string) (version, bool) {
	m := serverHeader.FindStringSubmatch(header)
	if m == nil {
		return version{}, false
	}
	v := version{edition: m[4]}
	v.major, _ = strconv.Atoi(m[1])
	v.minor, _ = strconv.Atoi(m[2])
	v.patch, _ = strconv.Atoi(m[3])
	return v, true
}

func (v version) known() bool { return v.major != 0 }

func (v version) String() string {
	if !v.known() {
		return ""
	}
	s := fmt.Sprintf("%d.%d.%d", v.major, v.minor, v.patch)
	if v.edition != "" {
		s += " " + v.edition
	}
	return s
}

// before says whether v is known and older than major.minor.patch.
func (v version) before(major, minor, patch int) bool {
	if !v.known() {
		return false
	}
	for _, pair := range [][2]int{{v.major, major}, {v.minor, minor}, {v.patch, patch}} {
		if pair[0] != pair[1] {
			return pair[0] < pair[1]
		}
	}
	return false
}

// version finds the version in the Server header that came with earlier
// answers or, behind a proxy that replaces it, in the server's own API
// document, which needs no sign-in.
func (c *client) version(ctx context.Context) version {
	if v, ok := parseServer(c.lastServer()); ok {
		return v
	}
	document, err := c.document(ctx)
	if err != nil {
		return version{}
	}
	v, _ := parseServer("Nexus/" + document.Info.Version)
	return v
}

type apiDocument struct {
	Info struct {
		Title   string `json:"title"`
		Version string `json:"version"`
	} `json:"info"`
	Paths map[string]struct{} `json:"paths"`
}

func (c *client) document(ctx context.Context) (apiDocument, error) {
	var document apiDocument
	err := c.get(ctx, call{op: "read API document", method: http.MethodGet, path: "/service/rest/swagger.json", anonymous: true}, &document)
	return document, err
}

// warnings are the known bugs that concern whoever cleans up this version.
func (v version) warnings() []string {
	var found []string
	for _, bug := range knownBugs {
		if v.known() && !v.before(bug.from[0], bug.from[1], bug.from[2]) && v.before(bug.until[0], bug.until[1], bug.until[2]) {
			found = append(found, bug.words)
		}
	}
	return found
}

var knownBugs = []struct {
	from, until [3]int // from the first until before the second
	words       string
}{
	{[3]int{3, 30, 0}, [3]int{3, 31, 2}, "Nexus 3.30.0 to 3.31.1 can delete layers that are in use when \"Docker - Delete unused manifests and images\" runs (NEXUS-28247, NEXUS-28078): update Nexus before you reclaim"},
	{[3]int{3, 0, 0}, [3]int{3, 71, 0}, "Nexus before 3.71 may collect OCI images that are in use when \"Docker - Delete unused manifests and images\" runs: update Nexus before you reclaim, if OCI images were pushed"},
	{[3]int{3, 80, 0}, [3]int{4, 0, 0}, "on Nexus 3.80 and later, users report that blobs stay on disk although their cleanup tasks ran (nexus-public#613, #672, #713): compare the blob store sizes that reclaim reports"},
}
