package main

import (
	"testing"
)

const twoNodes = `{
  "node": {"id": "b", "version": "v1.2.3", "httpAddr": "127.0.0.1:8081", "startedAt": 1},
  "leader": {"id": "a", "httpAddr": "127.0.0.1:8080"},
  "epoch": 7,
  "members": [
    {"id": "a", "httpAddr": "127.0.0.1:8080", "gossipAddr": "127.0.0.1:7946", "raftAddr": "127.0.0.1:7947", "status": "alive", "role": "voter", "leader": true},
    {"id": "b", "httpAddr": "127.0.0.1:8081", "gossipAddr": "127.0.0.1:7956", "raftAddr": "127.0.0.1:7957", "status": "suspect", "role": "nonvoter", "leader": false}
  ],
  "versionstamps": {"primary": "00010000000000050000", "tail": "00010000000000040000"}
}`

const twoNodesTable = `asked    b (v1.2.3)
leader   a
epoch    7
primary  00010000000000050000
replica  none
tail     00010000000000040000

NODE  STATUS   ROLE      LEADER  HTTP            GOSSIP          RAFT
a     alive    voter     *       127.0.0.1:8080  127.0.0.1:7946  127.0.0.1:7947
b     suspect  nonvoter          127.0.0.1:8081  127.0.0.1:7956  127.0.0.1:7957
`

func TestClusterStatusPrintsANodesViewAsATable(t *testing.T) {
	tests := []struct {
		name   string
		status int
		body   string
		args   []string
		want   result
	}{
		{"table", 200, twoNodes, nil, result{exitClean, twoNodesTable, ""}},
		{"as it is", 200, twoNodes, []string{"--json"}, result{exitClean, twoNodes + "\n", ""}},
		{"no leader", 200, `{"node":{"id":"a","version":"x"},"leader":null,"epoch":0,"members":[]}`, nil, result{exitClean,
			"asked    a (x)\nleader   none\nepoch    0\nprimary  none\nreplica  none\ntail     none\n\nNODE  STATUS  ROLE  LEADER  HTTP  GOSSIP  RAFT\n", ""}},
		{"another server", 200, "<html>hello</html>", nil, result{exitFailure, "", "keyval: not the answer of a keyval node: <html>hello</html>\n"}},
		{"no token", 401, `{"error":"this needs a token"}`, nil, result{exitFailure, "", "keyval: status 401: {\"error\":\"this needs a token\"}; set KEYVAL_TOKEN to the secret of a token with the scope admin\n"}},
		{"refused", 404, `{"error":"no such route"}`, nil, result{exitFailure, "", "keyval: status 404: {\"error\":\"no such route\"}\n"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := serveAnswer(t, "/cluster", test.status, test.body)
			got := runCommand(t, nil, append([]string{"cluster", "status", "--timeout", "1m", "--url", server.URL}, test.args...)...)
			if got != test.want {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}
