package api

// Metrics answers GET /metrics in JSON.
type Metrics struct {
	Operations map[string]OperationMetrics `json:"operations"` // by operation, since the node started
	// Nil is what the node could not find out: its database is away.
	Queue   *QueueStats     `json:"queue,omitempty"`
	Storage *StorageMetrics `json:"storage,omitempty"`
	Cluster *ClusterMetrics `json:"cluster,omitempty"`
}

// OperationMetrics is how often and how fast an operation ran.
type OperationMetrics struct {
	Count        int64   `json:"count"`
	Errors       int64   `json:"errors"`
	AvgLatencyMs float64 `json:"avgLatencyMs"` // ms
}

// StorageMetrics is the size of the database, sampled at most once a minute.
type StorageMetrics struct {
	Entries   int64 `json:"entries"`
	SizeBytes int64 `json:"sizeBytes"`
}

// ClusterMetrics is the cluster as this node sees it.
type ClusterMetrics struct {
	Members int    `json:"members"` // alive ones, this node included
	Leader  bool   `json:"leader"`  // whether this node leads
	Epoch   uint64 `json:"epoch"`
}

// ClusterStatus answers GET /cluster.
type ClusterStatus struct {
	Node          ClusterNode    `json:"node"`   // the one that answers
	Leader        *ClusterLeader `json:"leader"` // nil while there is none
	Epoch         uint64         `json:"epoch"`  // of the newest leader that this node knows
	Members       []Member       `json:"members"`
	Versionstamps Positions      `json:"versionstamps"`
	// Indexes are nil while the database does not answer.
	Indexes *ClusterIndexes `json:"indexes,omitzero"`
}

// ClusterIndexes are the full-text indexes by their states. Their prefixes are keys, which
// who operates a cluster need not see.
type ClusterIndexes struct {
	Ready    int `json:"ready"`
	Building int `json:"building"`
	// Indexed is how many entries those that are being built have so far.
	Indexed int64 `json:"indexed"`
}

// ClusterNode is the node that answers.
type ClusterNode struct {
	ID        string `json:"id"`
	Version   string `json:"version"`
	HTTPAddr  string `json:"httpAddr"`
	StartedAt int64  `json:"startedAt"` // Unix ms by the node's clock
}

// ClusterLeader is the node that runs the leader's jobs.
type ClusterLeader struct {
	ID       string `json:"id"`
	HTTPAddr string `json:"httpAddr"`
}

// MemberStatus is what gossip knows of a member.
type MemberStatus string

// What gossip may know of a member.
const (
	MemberAlive   MemberStatus = "alive"
	MemberSuspect MemberStatus = "suspect" // did not answer lately
	MemberDead    MemberStatus = "dead"
	MemberLeft    MemberStatus = "left" // said goodbye
)

// MemberRole is a member's part in electing the leader.
type MemberRole string

// The roles of members.
const (
	RoleVoter    MemberRole = "voter"
	RoleNonvoter MemberRole = "nonvoter"
)

// Member is a node of the cluster.
type Member struct {
	ID         string       `json:"id"`
	HTTPAddr   string       `json:"httpAddr"`
	GossipAddr string       `json:"gossipAddr"`
	RaftAddr   string       `json:"raftAddr"`
	Status     MemberStatus `json:"status"`
	Role       MemberRole   `json:"role"`
	Leader     bool         `json:"leader"`
}

// Positions are how far the databases and this node have come.
type Positions struct {
	Primary Versionstamp `json:"primary"`
	Replica Versionstamp `json:"replica"` // null without a replica
	Tail    Versionstamp `json:"tail"`    // how far this node's watch has read
}
