package main

import (
	"reflect"
	"time"

	"github.com/alecthomas/kong"
)

// cli is the grammar of the command line; each command has a file of its own.
type cli struct {
	Help helpFlag `short:"h" help:"Show what a command does and what it can be told."`

	Serve       serveCmd       `cmd:"" help:"Run one node."`
	Dev         devCmd         `cmd:"" help:"Run a cluster in one process, to develop against."`
	Check       checkCmd       `cmd:"" help:"Ask a node whether it is ready."`
	Bench       benchCmd       `cmd:"" help:"Measure a running server, and compare measurements."`
	Config      configCmd      `cmd:"" help:"Show the settings that serve would run with, and where each comes from."`
	Cluster     clusterCmd     `cmd:"" help:"Look at a cluster, or found it again."`
	Token       tokenCmd       `cmd:"" help:"Make, show and revoke the tokens of who may call the API."`
	Incarnation incarnationCmd `cmd:"" help:"Begin a new life of a restored database."`
	Version     versionCmd     `cmd:"" help:"Print the version."`
	Completion  completionCmd  `cmd:"" help:"Print the completion script of a shell."`
	Complete    completeCmd    `cmd:"" name:"__complete" hidden:"" passthrough:"" help:"Print the completions of a command line."`
}

// newParser makes kong's parser for grammar. Environment and configuration file
// reach the flags through settings alone, which knows where each value is from.
func newParser(grammar *cli, settings *layers, p process) (*kong.Kong, error) {
	parser, err := kong.New(grammar,
		kong.Name("keyval"),
		kong.Description("A distributed key-value store, queue and watch service over plain HTTP."),
		kong.NoDefaultHelp(),
		kong.Writers(p.stdout, p.stderr),
		kong.ExplicitGroups(append(settingGroups(), benchGroups()...)),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
		kong.ValueFormatter(describeFlag),
		kong.Help(printHelp),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), settings.explain(durationMapper{})),
		kong.TypeMapper(reflect.TypeFor[byteSize](), settings.explain(sizeMapper{})),
		kong.TypeMapper(reflect.TypeFor[valueSizes](), settings.explain(valueSizesMapper{})),
		kong.KindMapper(reflect.Bool, settings.explainBool()),
		kong.KindMapper(reflect.Int, settings.explain(numberMapper{})),
		kong.KindMapper(reflect.Int64, settings.explain(numberMapper{})),
		kong.KindMapper(reflect.Float64, settings.explain(fractionMapper{})),
		kong.KindMapper(reflect.String, settings.explain(textMapper{})),
		kong.Resolvers(settings),
	)
	if err != nil {
		return nil, err
	}
	settings.takeOver(parser.Model)
	describeWorkloads(parser.Model.Node)
	return parser, nil
}
