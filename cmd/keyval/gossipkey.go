package main

import "github.com/buntime/keyval/node"

// gossipKeys decodes the keys that are not in a file. No message holds a key or a part
// of one.
func (s clusterSettings) gossipKeys(from *layers) ([][]byte, error) {
	if len(s.GossipKey) > 0 && s.GossipKeyFile != "" {
		return nil, from.badSetting("gossip-key-file", "gossip-key is set too, by the "+from.source("gossip-key")+"; keep one of them")
	}
	keys, err := node.DecodeGossipKeys(trimmed(s.GossipKey))
	if err != nil {
		return nil, from.badSetting("gossip-key", err.Error())
	}
	return keys, nil
}
