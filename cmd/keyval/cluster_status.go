package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"text/tabwriter"
)

type clusterStatusCmd struct {
	nodeTarget
	JSON bool `name:"json" help:"Print the node's answer as it is."`
}

// clusterState is the answer of GET /cluster.
type clusterState struct {
	Node struct {
		ID      string `json:"id"`
		Version string `json:"version"`
	} `json:"node"`
	Leader *struct {
		ID string `json:"id"`
	} `json:"leader"`
	Epoch   int64 `json:"epoch"`
	Members []struct {
		ID         string `json:"id"`
		HTTPAddr   string `json:"httpAddr"`
		GossipAddr string `json:"gossipAddr"`
		RaftAddr   string `json:"raftAddr"`
		Status     string `json:"status"`
		Role       string `json:"role"`
		Leader     bool   `json:"leader"`
	} `json:"members"`
	Versionstamps struct {
		Primary string `json:"primary"`
		Replica string `json:"replica"`
		Tail    string `json:"tail"`
	} `json:"versionstamps"`
}

func (c *clusterStatusCmd) Run(ctx context.Context, from *layers, p process) error {
	status, body, err := c.get(ctx, from, "cluster")
	if err != nil {
		return err
	}
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		return fmt.Errorf("status %d: %s; set KEYVAL_TOKEN to the secret of a token with the scope admin", status, excerpt(body))
	}
	if status != http.StatusOK {
		return fmt.Errorf("status %d: %s", status, excerpt(body))
	}
	if c.JSON {
		_, err := fmt.Fprintf(p.stdout, "%s\n", bytes.TrimSuffix(body, []byte("\n")))
		return err
	}
	var state clusterState
	if err := json.Unmarshal(body, &state); err != nil {
		return fmt.Errorf("not the answer of a keyval node: %s", excerpt(body))
	}
	return state.print(p.stdout)
}

func (s clusterState) print(w io.Writer) error {
	leader := "none"
	if s.Leader != nil {
		leader = s.Leader.ID
	}
	fmt.Fprintf(w, "asked    %s (%s)\nleader   %s\nepoch    %d\n", s.Node.ID, s.Node.Version, leader, s.Epoch)
	fmt.Fprintf(w, "primary  %s\nreplica  %s\ntail     %s\n\n", orNone(s.Versionstamps.Primary), orNone(s.Versionstamps.Replica), orNone(s.Versionstamps.Tail))
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "NODE\tSTATUS\tROLE\tLEADER\tHTTP\tGOSSIP\tRAFT")
	for _, m := range s.Members {
		mark := ""
		if m.Leader {
			mark = "*"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", m.ID, m.Status, m.Role, mark, m.HTTPAddr, m.GossipAddr, m.RaftAddr)
	}
	return table.Flush()
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}
