package main

import (
	"errors"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/buntime/keyval/node"
)

// layers finds the value of a setting that is no flag on the command line: in
// the environment, else in the configuration file, else the default is left. It
// remembers where each value came from. An empty variable is not set.
//
// It is a kong.Resolver, asked once for each flag of the chosen command.
type layers struct {
	lookupEnv func(string) (string, bool)
	names     map[string]string // flag name by name in a configuration file
	file      *settingsFile     // nil until the first question
	sources   map[string]string // by flag name; none: the command line
	environ   []string          // what is set, as NAME=value
	variables []string          // the names of those that are settings, of any command
}

func newLayers(lookupEnv func(string) (string, bool)) *layers {
	return &layers{lookupEnv: lookupEnv, names: map[string]string{}, sources: map[string]string{}}
}

// takeOver keeps kong from reading the environment by itself, because it puts
// values, and so secrets, into its errors, and because it takes an empty
// variable for a value. The names stay in flag.Envs.
func (l *layers) takeOver(app *kong.Application) {
	for _, command := range app.Leaves(false) {
		for _, flag := range command.Flags {
			flag.Tag.Envs = nil
			l.variables = append(l.variables, flag.Envs...)
		}
		if configFlag(command) == nil {
			continue
		}
		for _, flag := range command.Flags {
			if flag.Name != "config" && len(flag.Envs) > 0 {
				l.names[camelCase(flag.Name)] = flag.Name
			}
		}
	}
}

// Validate has nothing to check: an unknown setting in the file is a warning.
func (l *layers) Validate(*kong.Application) error { return nil }

// Resolve returns the value of a flag that is not on the command line.
func (l *layers) Resolve(ctx *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if value, ok := l.env(name); ok {
			l.sources[flag.Name] = variable(name)
			return value, nil
		}
	}
	if err := l.loadFile(ctx); err != nil {
		return nil, err
	}
	if len(flag.Envs) == 0 || flag.Name == "config" { // no setting, or the file itself
		l.sources[flag.Name] = "default"
		return nil, nil
	}
	return l.resolveFromFile(flag)
}

func (l *layers) resolveFromFile(flag *kong.Flag) (any, error) {
	value, err := l.file.value(camelCase(flag.Name))
	if err == nil && len(value) > 1 && !flag.IsSlice() {
		err = errors.New("is a list; use one value")
	}
	switch {
	case err != nil:
		return nil, &node.SettingError{Setting: flag.Name, Source: l.file.source(), Problem: err.Error()}
	case len(value) == 0:
		l.sources[flag.Name] = "default"
		return nil, nil
	case flag.IsSlice():
		l.sources[flag.Name] = l.file.source()
		return strings.Join(value, ","), nil
	default:
		l.sources[flag.Name] = l.file.source()
		return value[0], nil
	}
}

func (l *layers) env(name string) (value string, ok bool) {
	value, ok = l.lookupEnv(name)
	return value, ok && value != ""
}

// loadFile reads the configuration file that the command line or else the
// environment names, once.
func (l *layers) loadFile(ctx *kong.Context) error {
	if l.file != nil {
		return nil
	}
	l.file = &settingsFile{}
	flag := configFlag(ctx.Selected())
	if flag == nil {
		return nil
	}
	path, _ := ctx.FlagValue(flag).(string)
	source := "flag --config"
	if path == "" {
		path, _ = l.env(flag.Envs[0])
		source = variable(flag.Envs[0])
	}
	if path == "" {
		return nil
	}
	file, err := readSettingsFile(path, l.env)
	if err != nil {
		return &node.SettingError{Setting: "config", Source: source, Problem: err.Error()}
	}
	l.file = file
	return nil
}

// configFlag is the command's --config, nil if it has none.
func configFlag(command *kong.Node) *kong.Flag {
	if command == nil {
		return nil
	}
	for _, flag := range command.Flags {
		if flag.Name == "config" {
			return flag
		}
	}
	return nil
}

func variable(name string) string { return "environment variable " + name }

// source says where a setting's value is from.
func (l *layers) source(setting string) string {
	if source, ok := l.sources[setting]; ok {
		return source
	}
	return "flag --" + setting
}

func (l *layers) badSetting(setting, problem string) error {
	return &node.SettingError{Setting: setting, Source: l.source(setting), Problem: problem}
}

// checkList refuses a list that was given and names nothing: whoever wrote it expects that
// it does something. Empty in the environment or the file, it is not set.
func (l *layers) checkList(setting string, items []string) error {
	source := l.source(setting)
	if len(trimmed(items)) > 0 || source == "default" || l.file != nil && source == l.file.source() {
		return nil
	}
	return l.badSetting(setting, "is empty; give it a value, or leave it out")
}

// validate checks cfg and says where a bad value is from.
func (l *layers) validate(cfg node.Config) error {
	err := cfg.Validate()
	bad, ok := errors.AsType[*node.SettingError](err)
	if !ok {
		return err
	}
	return l.badSetting(bad.Setting, bad.Problem)
}

// warnings are sentences about environment and configuration file that an operator
// should see.
func (l *layers) warnings() []string {
	texts := mistyped(l.environ, l.variables)
	if l.file == nil {
		return texts
	}
	return append(texts, l.file.warnings(l.names)...)
}

// camelCase turns a flag's name into its name in a configuration file.
func camelCase(flag string) string {
	words := strings.Split(flag, "-")
	for i, word := range words[1:] {
		words[i+1] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, "")
}
