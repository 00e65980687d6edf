package node

import "github.com/buntime/keyval/httpapi"

const (
	// mostConnections is how many connections there may be where no setting says so:
	// ten thousand streams and as many others.
	mostConnections = 20_000
	// otherFiles is how many open files are kept for all else, the database's
	// connections first.
	otherFiles = 512
)

// limitConnections has the API's listener refuse what is too much.
func (n *Node) limitConnections() error {
	total, each := connectionLimits(n.cfg, openFiles())
	limited, err := httpapi.LimitConnections(n.listener, httpapi.ConnectionLimits{
		Total: total, PerAddress: each, Plain: n.tls == nil, Logger: n.log, Registerer: n.cfg.Registerer})
	if err == nil {
		n.listener = limited
	}
	return err
}

// connectionLimits are how many connections there may be in all and from one address,
// where the process may open so many files; 0 for no bound.
func connectionLimits(cfg Config, files uint64) (total, each int) {
	total = cfg.MaxConnections
	if total == 0 {
		total = mostConnections
	}
	if files > 0 {
		// With few files a quarter must do for all else.
		total = min(total, int(min(files, 1<<30)-min(otherFiles, files/4)))
	}
	each = cfg.MaxConnectionsPerAddress
	if each == 0 {
		each = total - total/4
	}
	return total, min(each, total)
}
