// Package e2e holds no code: its tests run the built program on real registries
// and hold what it did against a second reading of the rules that shares no code
// with it.
package e2e
