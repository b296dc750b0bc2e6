package nexustest

import "time"

// Options set up a Server. The zero value is a 3.96 server with one hosted
// Docker repository "docker-hosted" on a File blob store "default", a user
// "admin" with password "admin123" who may do everything, and no anonymous
// access.
type Options struct {
	Dialect Dialect          // "": V396
	Clock   func() time.Time // nil: time.Now

	// ContextPath is where the server lives below its host, such as "/nexus".
	ContextPath string
	// BaseURL is what downloadUrl and repository urls start with, as the Base
	// URL capability sets it. "": scheme and host of the request.
	BaseURL string

	// ServerHeader replaces Nexus's own Server header, as reverse proxies do;
	// StripServer removes it.
	ServerHeader string
	StripServer  bool

	Users []User // nil: admin
	// Anonymous turns anonymous access on, with AnonymousPrivileges or, when
	// those are nil, browse and read of every repository.
	Anonymous           bool
	AnonymousPrivileges []string

	Repositories []Repository // nil: docker-hosted
	BlobStores   []BlobStore  // nil: default

	// SearchLag is how long a new component stays invisible to /search, and
	// MetricsLag how long blob store metrics trail the truth.
	SearchLag  time.Duration // 0: two seconds; negative: none
	MetricsLag time.Duration // 0: none

	// HeadIsNoDownload: HEAD of a manifest or blob leaves lastDownloaded alone.
	// Inferred either way, because the Docker format is closed source.
	HeadIsNoDownload bool
	// KeepReferrers: Docker GC keeps an untagged manifest whose subject stays.
	// Inferred; off by default, the more destructive reading.
	KeepReferrers bool
	// DuplicateBlobCreated writes the key blobCreated twice, null first, as
	// some builds of 2024 did.
	DuplicateBlobCreated bool
	// NoLockout turns the sign-in rate limit off.
	NoLockout bool
}

// User is somebody who can sign in. Privileges are Nexus permission strings
// such as "nexus:repository-view:docker:docker-hosted:browse"; see View and
// the Privilege constants.
type User struct {
	Name       string
	Password   string
	Privileges []string
	// Paths is a content selector: an asset whose path it refuses is left out
	// of listings while its component stays. nil: everything.
	Paths func(path string) bool
	// HideUploader makes uploader and uploaderIp null, as recent builds do for
	// those who lack the right to see them.
	HideUploader bool
}

// Privileges that are not about one repository's content.
const (
	PrivilegeAll            = "nexus:*"
	PrivilegeTasksRead      = "nexus:tasks:read"
	PrivilegeTasksStart     = "nexus:tasks:start"
	PrivilegeTasksStop      = "nexus:tasks:stop"
	PrivilegeTasksCreate    = "nexus:tasks:create"
	PrivilegeTasksDelete    = "nexus:tasks:delete"
	PrivilegeBlobStoresRead = "nexus:blobstores:read"
	PrivilegeSettingsRead   = "nexus:repository-admin:*:*:read"
)

// View is the privilege for actions (browse, read, add, edit, delete, comma
// separated, or *) on a repository of any format; "*" is every repository.
func View(repository, actions string) string {
	return "nexus:repository-view:*:" + repository + ":" + actions
}

// Repository is one repository's configuration.
type Repository struct {
	Name        string
	Format      string   // "": docker; oci from V396 on
	Type        string   // "": hosted; proxy, group
	BlobStore   string   // "": default
	WritePolicy string   // "": ALLOW; ALLOW_ONCE, DENY
	Members     []string // of a group
	RemoteURL   string   // of a proxy
	Cleanup     []string // names of cleanup policies
	HTTPPort    int      // of its connector; 0: none
	// PathEnabled routes <base>/v2/<name>/<image>/… here, from V389 on.
	PathEnabled bool
	// BearerAuth asks clients for a token (forceBasicAuth off, Docker Bearer
	// Token Realm active).
	BearerAuth bool
	Offline    bool
}

// BlobStore is one blob store's configuration.
type BlobStore struct {
	Name      string
	Type      string // "": File; S3, Azure Cloud Storage
	Available int64  // free bytes; 0: 50 GB on File, none told elsewhere
	QuotaType string // spaceRemainingQuota, spaceUsedQuota; "": no quota
	Quota     int64
}
