package node

import (
	"encoding/base64"
	"fmt"
	"os"
	"strings"

	"github.com/buntime/keyval/cluster"
)

// gossipKeys are those of the file, if one is set, as it is now.
func (c Config) gossipKeys() ([][]byte, error) {
	if c.GossipKeyFile == "" {
		return c.GossipKeys, nil
	}
	lines, err := readKeyLines(c.GossipKeyFile)
	if err != nil {
		return nil, badSetting("gossip-key-file", "%v", err)
	}
	keys, err := DecodeGossipKeys(lines)
	if err == nil {
		err = cluster.CheckGossipKeys(keys)
	}
	if err != nil {
		return nil, badSetting("gossip-key-file", "%v", err)
	}
	return keys, nil
}

// DecodeGossipKeys reads keys as people write them, in base64. Its error holds no key or
// part of one.
func DecodeGossipKeys(texts []string) ([][]byte, error) {
	var keys [][]byte
	for i, text := range texts {
		key, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("key %d is not base64; make one with: openssl rand -base64 32", i+1)
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
