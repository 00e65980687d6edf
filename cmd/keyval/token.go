package main

import (
	"cmp"
	"fmt"

	"github.com/buntime/keyval/httpapi/access/authfile"
	"github.com/buntime/keyval/node"
)

type tokenCmd struct {
	New    tokenNewCmd    `cmd:"" help:"Make a token and print its secret, once."`
	List   tokenListCmd   `cmd:"" help:"Show the tokens of a file and what each may do."`
	Revoke tokenRevokeCmd `cmd:"" help:"Take a token out of its file: nobody comes in by it any more."`
}

// tokenFile is the file that a command reads or edits.
type tokenFile struct {
	AuthFile string `required:"" env:"KEYVAL_AUTH_FILE" placeholder:"FILE" help:"The file of tokens, as keyval serve is given it."`
}

func (f tokenFile) read(from *layers) ([]authfile.Entry, error) {
	entries, err := authfile.Read(f.AuthFile, node.TokenRules)
	if err != nil {
		return nil, from.badSetting("auth-file", err.Error())
	}
	return entries, nil
}

// edit changes the file. What is wrong with its content is said with its name.
func (f tokenFile) edit(from *layers, change func(content []byte) ([]byte, error)) error {
	err := authfile.Update(f.AuthFile, func(content []byte) ([]byte, error) {
		if len(content) > 0 {
			if _, err := authfile.Parse(content, node.TokenRules); err != nil {
				return nil, from.badSetting("auth-file", fmt.Sprintf("%s: %v", f.AuthFile, err))
			}
		}
		return change(content)
	})
	if err != nil && !isUsage(err) {
		return fmt.Errorf("cannot change the file of tokens: %w", err)
	}
	return err
}

type tokenRevokeCmd struct {
	Token string `arg:"" optional:"" placeholder:"NAME" help:"The token's name."`
	Name  string `placeholder:"NAME" help:"The same as a flag."`
	tokenFile
}

func (c *tokenRevokeCmd) Run(from *layers, p process) error {
	name := cmp.Or(c.Token, c.Name)
	if name == "" || c.Token != "" && c.Name != "" {
		return fmt.Errorf("%w: name one token: keyval token revoke NAME", errUsage)
	}
	err := c.edit(from, func(content []byte) ([]byte, error) {
		edited, found, err := authfile.Remove(content, name, node.TokenRules)
		if err == nil && !found {
			err = fmt.Errorf("%w: there is no token %q in %s; keyval token list shows those that there are", errUsage, name, c.AuthFile)
		}
		return edited, err
	})
	if err == nil {
		fmt.Fprintf(p.stderr, "The token %q is revoked: nodes that read this file refuse it within a second.\n", name)
	}
	return err
}
