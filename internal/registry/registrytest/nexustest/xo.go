package nexustest

import (
	"fmt"
	"strings"
	"time"
)

// componentXO is a component as REST shows it. The repository is the one that
// was asked for, also when a member of a group holds the component. inSearch
// selects the search resource's variations.
func (c *call) componentXO(r *repo, found *component, inSearch bool) object {
	v := c.s.rel
	assets := array{}
	for _, a := range found.assets {
		if c.who.selects(a) {
			assets = append(assets, c.assetXO(r, a, inSearch))
		}
	}
	var group any
	if !v.orient() {
		group = ""
	}
	return object{
		{"id", v.itemID(r.Name, found)}, {"repository", r.Name}, {"format", r.Format},
		{"group", group}, {"name", found.name}, {"version", found.version}, {"assets", assets},
	}
}

// assetXO is an asset as REST shows it, with the fields of its release.
func (c *call) assetXO(r *repo, a *asset, inSearch bool) object {
	v := c.s.rel
	path := a.path
	if v.orient() {
		path = strings.TrimPrefix(path, "/")
	}
	checksum := map[string]string{}
	var contentType, uploader, ip, storeName, blobRef any
	size := 0
	var updated time.Time
	if b := a.blob; b != nil {
		checksum["sha1"], checksum["sha256"] = b.sha1, b.digest.Hex()
		contentType, size, updated = orNull(b.contentType), len(b.body), b.created
		storeName, blobRef = b.store.Name, b.reference()
		if !c.who.secretive {
			uploader, ip = orNull(b.by), orNull(b.ip)
		}
	}
	created := a.created
	if inSearch && v.since(90) && a.blob != nil {
		created = a.blob.created
	}
	shown := object{
		{"downloadUrl", c.base() + "/repository/" + r.Name + a.path}, {"path", path},
		{"id", v.itemID(r.Name, a)}, {"repository", r.Name}, {"format", r.Format},
		{"checksum", checksum}, {"contentType", contentType}, {"lastModified", a.modified()},
		{"lastDownloaded", a.downloaded}, {"uploader", uploader}, {"uploaderIp", ip}, {"fileSize", size},
	}
	if c.s.options.DuplicateBlobCreated {
		shown = append(shown, field{"blobCreated", nil})
	}
	switch {
	case v.orient():
		return append(shown, field{"blobCreated", created})
	case !v.since(78):
		shown = append(shown, field{"blobCreated", nil}, field{"blobStoreName", nil})
	default:
		shown = append(shown, field{"blobCreated", created}, field{"blobStoreName", storeName})
	}
	if v.since(91) {
		shown = append(shown, field{"blobRef", blobRef}, field{"blobUpdated", updated}, field{"lastVerified", nil})
	}
	if v.since(94) {
		shown = append(shown, field{"registryUrl", nil})
	}
	attributes := object{}
	if v.since(90) {
		attributes = a.attributes(inSearch)
	}
	return append(shown, field{r.Format, attributes})
}

// manifestFacts are what Nexus reads out of a manifest and its config when it
// is pushed.
type manifestFacts struct {
	manifest     bool
	index        bool
	created      string
	os, arch     string
	size         int64
	cmd, env     []string
	artifactType string
}

// attributes are the format's own fields: of one platform and without a size
// for an index, without any for layers.
func (a *asset) attributes(inSearch bool) object {
	f := a.facts
	digest := field{"content_digest", orNull(string(a.digest()))}
	switch {
	case !f.manifest:
		return object{}
	case a.repo.Format == "oci":
		return object{{"artifactType", orNull(f.artifactType)}, digest}
	}
	shown := object{digest, {"created", f.created}, {"os", orNull(f.os)}, {"architecture", orNull(f.arch)}}
	if !f.index {
		var total any = f.size
		if !inSearch {
			total = inWords(f.size)
		}
		shown = append(shown, field{"totalSize", total})
	}
	return append(shown, field{"cmd", f.cmd}, field{"env", f.env}, field{"history", array{}})
}

// inWords is a size the way the asset resource tells it.
func inWords(size int64) string {
	value, unit := float64(size), "B"
	for _, larger := range []string{"KB", "MB", "GB", "TB"} {
		if value < 1024 {
			break
		}
		value, unit = value/1024, larger
	}
	return fmt.Sprintf("%.2f %s", value, unit)
}
