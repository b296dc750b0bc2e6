// Package policy turns a policy file into a Policy and a Policy, an inventory
// and evidence of use into one verdict per root.
//
// Evaluate is a function of its arguments: no clock, no input or output, no
// logging, no goroutines; the same input gives the same report whatever the
// order in which things arrive. Conditions are three-valued, so a missing fact
// never turns into a removal. The package does not know how a registry is read
// or changed.
package policy
