package systems

// Names of what a user would pick instead.
const (
	NameDeno  = "Deno KV behind Deno.serve"
	NameEtcd  = "etcd"
	NameNATS  = "NATS JetStream"
	NameRedis = "Redis"
)

// Peers are what a user would pick instead.
func Peers() []System { return []System{Deno(), Etcd(), NATS(), Redis()} }

// Why a peer has no turn.
const noDocuments = "it does not look into values"
