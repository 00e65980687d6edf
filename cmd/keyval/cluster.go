package main

type clusterCmd struct {
	Status  clusterStatusCmd  `cmd:"" help:"Show a cluster's members and leader, as one node sees them."`
	Recover clusterRecoverCmd `cmd:"" help:"Found a cluster again that has lost its quorum for good."`
}
