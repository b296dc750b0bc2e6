// Command regkeep decides which container images may go, shows why, removes
// exactly those, and proves that everything else still pulls.
package main

func main() {}
