package main

type clusterCmd struct {
	Status  clusterStatusCmd  `cmd:"" help:"Show a cluster's members and leader, as one node sees them."`
	Recover clusterRecoverCmd `cmd:"" help:"Found a cluster again that has lost its quorum for good."`
	Secrets clusterSecretsCmd `cmd:"" help:"Make, renew and rotate what nodes know each other by: gossip key and raft certificates."`
}
