// Package regkeep is the root of the program, which is built from cmd/regkeep.
// It holds no code: its test guards the rooms below internal, which may import
// which, and that nothing that plans can reach what deletes (docs/architecture.md).
package regkeep
