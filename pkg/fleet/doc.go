// Package fleet gives many machines their files from one etcd.
//
//	linkd fleet apply ──> etcd ──> Node ──> Cache ──> the daemon's files
//	                       ▲                              │
//	linkd fleet status <───┴───────── Report <────────────┘
//
// A Revision is the list of all files of the fleet at one time: their names, the hashes of their texts, and the nodes that they are
// for. It is one key, so a Node sees all of it or nothing. The texts are stored before it, each under its hash.
//
// A Node never waits for etcd. The daemon reads the files of the Cache, which is on the disk. The Node replaces them when etcd has
// another revision, and tries to reach etcd again for as long as that takes.
package fleet
