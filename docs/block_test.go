package docs_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A block is a fenced code block of a Markdown file. The words after its language
// say how it is tested; a reader does not see them.
//
//	sh              run by bash, from the project's root; it must succeed
//	sh background   started, and ended when the page has been run
//	sh instead      the same, in place of what was started before
//	sh skip         not run
//	json, text      what the sh block before it prints
//	go              a whole program, started as sh background is
//	go skip, …      not tested, nor is any other language
type block struct {
	line     int // of the opening fence, from 1
	language string
	words    []string
	text     string
}

// is tells whether the block has this language and, if any are given, words.
func (b block) is(language string, words ...string) bool {
	return b.language == language && slices.Equal(b.words, words)
}

// blocks returns the fenced code blocks of a Markdown text, in order.
func blocks(markdown string) ([]block, error) {
	var found []block
	var open *block
	fence := ""
	for i, line := range strings.Split(markdown, "\n") {
		bare := strings.TrimSpace(line)
		switch {
		case open == nil && strings.HasPrefix(bare, "```"):
			info := strings.TrimLeft(bare, "`")
			fence = bare[:len(bare)-len(info)]
			words := strings.Fields(info)
			open = &block{line: i + 1}
			if len(words) > 0 {
				open.language, open.words = words[0], words[1:]
			}
		case open != nil && bare == fence:
			found = append(found, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		}
	}
	if open != nil {
		return nil, fmt.Errorf("line %d: the block is not closed", open.line)
	}
	return found, nil
}

func TestBlocksAreFoundWithTheirWords(t *testing.T) {
	t.Parallel()
	got, err := blocks("text `code`\n```sh background\nmake run\n```\n\n````json\n{\n```\n}\n````\n  ```\n  x\n  ```\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []block{
		{2, "sh", []string{"background"}, "make run\n"},
		{6, "json", []string{}, "{\n```\n}\n"},
		{11, "", nil, "  x\n"},
	}
	if len(got) != len(want) {
		t.Fatalf("got %d blocks, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i].line != want[i].line || got[i].text != want[i].text || !got[i].is(want[i].language, want[i].words...) {
			t.Errorf("block %d: got %+v, want %+v", i, got[i], want[i])
		}
	}
	if _, err := blocks("a\n```sh\nb\n"); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("an open block: got %v, want an error that names line 2", err)
	}
}
