// Package nexustest emulates the parts of Sonatype Nexus Repository 3 that a
// retention client meets: the REST API of Docker repositories, blob stores and
// tasks, the registry API of the same repositories, and what tasks do to
// storage, in the dialects of several releases.
//
// It promises to answer as published recordings, Sonatype's open source and
// Sonatype's documentation say, and to leave what is only inferred switchable;
// docs/nexus-emulator.md lists every assumption with its mark. Time comes from
// Options.Clock alone. It stores everything in memory, runs without package
// testing, and knows nothing of regkeep: no policy, no plan, no adapter.
package nexustest
