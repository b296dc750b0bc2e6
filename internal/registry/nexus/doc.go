// Package nexus reads and changes Sonatype Nexus Repository 3 through its REST
// API.
//
// A repository is named "<Nexus repository>/<image>". It promises that finding
// out, planning and deleting tags send nothing below /v2 and so leave the
// "last downloaded" of every asset as it was: listings come from /components
// and /assets, a tag is looked at as its component, and it is deleted as its
// component. Only bodies that somebody asks for (Manifest, Blob) and undo
// (PutManifest, PutBlob) use the registry API, by digest.
//
// It refuses group and proxy repositories, never deletes by digest, never
// repeats a sign-in that failed, and knows no policy and no plan.
package nexus
