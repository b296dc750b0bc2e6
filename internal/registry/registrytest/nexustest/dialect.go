package nexustest

import "fmt"

// Dialect is a Nexus release whose manners the emulator takes on.
type Dialect string

// The dialects. Orient370 stands for the OrientDB era, V371 for the first
// release on SQL, V377 for the first Community Edition, V389 for the release
// whose delete by digest leaves broken tags, V396 for the latest known.
const (
	Orient370 Dialect = "orient-3.70"
	V371      Dialect = "3.71"
	V377      Dialect = "3.77"
	V389      Dialect = "3.89"
	V396      Dialect = "3.96"
)

// Dialects lists all of them, oldest first.
func Dialects() []Dialect { return []Dialect{Orient370, V371, V377, V389, V396} }

// release is what a dialect comes down to: the full version, the edition as
// the Server header has it, and the number that features are compared with.
type release struct {
	version string
	edition string
	minor   int
}

var releases = map[Dialect]release{
	Orient370: {"3.70.1-02", "OSS", 70},
	V371:      {"3.71.0-06", "OSS", 71},
	V377:      {"3.77.0-08", "COMMUNITY", 77},
	V389:      {"3.89.0-09", "COMMUNITY", 89},
	V396:      {"3.96.3-01", "COMMUNITY", 96},
}

func releaseOf(d Dialect) release {
	if d == "" {
		d = V396
	}
	found, ok := releases[d]
	if !ok {
		panic(fmt.Sprintf("nexustest: no dialect %q", d))
	}
	return found
}

func (v release) header() string { return "Nexus/" + v.version + " (" + v.edition + ")" }

func (v release) since(minor int) bool { return v.minor >= minor }

// orient says whether content lies in OrientDB: long opaque ids, paths without
// a leading slash, no group, no asset blob rows of their own.
func (v release) orient() bool { return v.minor <= 70 }

// pageSize is that of /components and /assets.
func (v release) pageSize() int {
	if v.since(74) {
		return 100
	}
	return 10
}

// faultBodies says whether errors carry a JSON document; older releases send
// an empty body with X-Siesta-FaultId.
func (v release) faultBodies() bool { return v.since(78) }

// strictSignIn says whether a request without credentials is refused outright
// when anonymous access is off; older releases answer lists with nothing.
func (v release) strictSignIn() bool { return v.since(78) }

func (v release) createsTasks() bool { return v.since(74) }

func (v release) limitsSignIn() bool { return v.since(93) }

func (v release) routesByPath() bool { return v.since(83) }

func (v release) hasOCIFormat() bool { return v.since(94) }

// digestDeleteLeavesTags is nexus-public#925: only the manifest goes.
func (v release) digestDeleteLeavesTags() bool { return v.minor >= 82 && v.minor < 90 }
