package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"strings"
)

// gossipKeys decodes the keys of either setting. No message holds a key or a
// part of one.
func (s clusterSettings) gossipKeys(from *layers) ([][]byte, error) {
	if len(s.GossipKey) > 0 && s.GossipKeyFile != "" {
		return nil, from.badSetting("gossip-key-file", "gossip-key is set too, by the "+from.source("gossip-key")+"; keep one of them")
	}
	setting, encoded := "gossip-key", trimmed(s.GossipKey)
	if s.GossipKeyFile != "" {
		setting = "gossip-key-file"
		lines, err := readKeyLines(s.GossipKeyFile)
		if err != nil {
			return nil, from.badSetting(setting, err.Error())
		}
		encoded = lines
	}
	var keys [][]byte
	for i, text := range encoded {
		key, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, from.badSetting(setting, fmt.Sprintf("key %d is not base64; make one with: openssl rand -base64 32", i+1))
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// readKeyLines reads a key file: one key a line, with empty lines and lines that
// begin with # left out.
func readKeyLines(path string) ([]string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var keys []string
	for line := range strings.Lines(string(content)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			keys = append(keys, line)
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%q holds no key; write one base64 key a line", path)
	}
	return keys, nil
}
