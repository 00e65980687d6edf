package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/jsonc"
)

// seedPlugin is the name under which a buntime.jsonc holds our settings.
const seedPlugin = "@buntime/plugin-keyval"

// settingsFile is a configuration file: JSON with comments and trailing commas,
// in one of two forms. Our own is an object with the settings in camelCase. The
// other is a buntime.jsonc, known by its member "plugins": our settings are in
// the entry ["@buntime/plugin-keyval", {…}], and everything else is not ours.
//
// In a value, ${NAME} and ${NAME:-default} stand for an environment variable.
type settingsFile struct {
	path    string // empty: no file
	env     func(string) (string, bool)
	members map[string]jsontext.Value
	noEntry bool // a buntime.jsonc without an entry of ours
}

// readSettingsFile reads the file at path. env says false for a variable that is
// unset or empty.
func readSettingsFile(path string, env func(string) (string, bool)) (*settingsFile, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	file := &settingsFile{path: path, env: env}
	if err := file.parse(content); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return file, nil
}

func (f *settingsFile) parse(content []byte) error {
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	content = jsonc.ToJSON(content) // the same length, so offsets stay right
	if err := json.Unmarshal(content, &f.members); err != nil {
		return placed(err, content)
	}
	plugins, isSeed := f.members["plugins"]
	if !isSeed {
		return nil
	}
	return f.parseSeed(plugins)
}

// parseSeed keeps only what is ours of a buntime.jsonc.
func (f *settingsFile) parseSeed(plugins jsontext.Value) error {
	f.members = nil
	var entries []jsontext.Value
	if err := json.Unmarshal(plugins, &entries); err != nil {
		return errors.New(`"plugins" is not a list`)
	}
	f.noEntry = true
	for _, entry := range entries {
		name, options := splitPlugin(entry)
		if name != seedPlugin {
			continue
		}
		f.noEntry = false
		if options == nil {
			return nil
		}
		if err := json.Unmarshal(options, &f.members); err != nil {
			return fmt.Errorf("the options of %s are not an object", seedPlugin)
		}
		return nil
	}
	return nil
}

// splitPlugin reads "name" and ["name", {options}]. Another plugin's entry may
// have any form; it has no name here.
func splitPlugin(entry jsontext.Value) (name string, options jsontext.Value) {
	if json.Unmarshal(entry, &name) == nil {
		return name, nil
	}
	var pair []jsontext.Value
	if json.Unmarshal(entry, &pair) != nil || len(pair) == 0 || json.Unmarshal(pair[0], &name) != nil {
		return "", nil
	}
	if len(pair) > 1 {
		options = pair[1]
	}
	return name, options
}

func (f *settingsFile) source() string { return "file " + f.path }

// value is the text of a member, with variables put in: none if it is not set,
// several if it is a list.
func (f *settingsFile) value(name string) ([]string, error) {
	raw, ok := f.members[name]
	if !ok {
		return nil, nil
	}
	if raw.Kind() != '[' {
		return f.scalars(raw)
	}
	var items []jsontext.Value
	if err := json.Unmarshal(raw, &items); err != nil {
		return nil, err
	}
	return f.scalars(items...)
}

func (f *settingsFile) scalars(items ...jsontext.Value) ([]string, error) {
	var texts []string
	for _, raw := range items {
		text, err := f.scalar(raw)
		if err != nil {
			return nil, err
		}
		if text != "" {
			texts = append(texts, text)
		}
	}
	return texts, nil
}

func (f *settingsFile) scalar(raw jsontext.Value) (string, error) {
	switch raw.Kind() {
	case 'n':
		return "", nil
	case 't', 'f', '0':
		return raw.String(), nil
	case '"':
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return "", errors.New("is not valid text")
		}
		return expand(text, f.env)
	default:
		return "", errors.New("is an object or a list of lists; use text, a number, true or false")
	}
}

// warnings names the members that are no settings of ours; known is by name.
func (f *settingsFile) warnings(known map[string]string) []string {
	var texts []string
	if f.noEntry {
		texts = append(texts, fmt.Sprintf("%s has plugins, but no %s among them", f.path, seedPlugin))
	}
	for _, name := range slices.Sorted(maps.Keys(f.members)) {
		if _, ok := known[name]; ok {
			continue
		}
		text := fmt.Sprintf("%s sets %q, which is no setting; it is ignored", f.path, name)
		if meant := nearest(name, slices.Collect(maps.Keys(known))); meant != "" {
			text += fmt.Sprintf("; did you mean %q?", meant)
		}
		texts = append(texts, text)
	}
	return texts
}

var reference = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}`)

// expand puts environment variables into text. A text that is nothing but
// references to variables that are not set becomes empty, which means not set.
// Half a text is an error: a URL without its host would lead elsewhere.
func expand(text string, env func(string) (string, bool)) (string, error) {
	var missing []string
	expanded := reference.ReplaceAllStringFunc(text, func(match string) string {
		parts := reference.FindStringSubmatch(match)
		if value, ok := env(parts[1]); ok {
			return value
		}
		if parts[2] == "" {
			missing = append(missing, parts[1])
		}
		return parts[3]
	})
	if len(missing) > 0 && expanded != "" {
		return "", fmt.Errorf("refers to %s, which is not set; set it, or write ${%s:-default}", strings.Join(missing, ", "), missing[0])
	}
	return expanded, nil
}

// placed says at which line and column of content a JSON error is.
func placed(err error, content []byte) error {
	syntax, ok := errors.AsType[*jsontext.SyntacticError](err)
	if !ok {
		return errors.New("holds no JSON object")
	}
	before := content[:min(int(syntax.ByteOffset), len(content))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - bytes.LastIndexByte(before, '\n')
	return fmt.Errorf("line %d, column %d: %w", line, column, syntax.Err)
}
