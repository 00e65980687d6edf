// Package deploy checks the files in deploy/ with the libraries that read them in
// earnest: Kubernetes' own types, Compose's loader, Docker's parser. The settings
// that they use are checked by the keyval binary itself. HAProxy's file is tested
// in node/nodetest, by HAProxy.
package deploy_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	compose "github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	strict "sigs.k8s.io/yaml"
)

const root = "../.."

// keyval is the binary that the settings are checked with.
var keyval string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "keyval-deploy-*")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		keyval = filepath.Join(dir, "keyval")
		build := exec.Command("go", "build", "-C", root, "-o", keyval, "./cmd/keyval")
		// As make build does, so that the build cache serves both.
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if output, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v: %v\n%s", build, err, output)
			return 1
		}
		return m.Run()
	}())
}

func mustRead(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, "deploy", file))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// mustBeSettings lets keyval judge settings given as environment variables: each
// name is one that "serve --help" knows, and "config" accepts the values.
func mustBeSettings(t *testing.T, settings map[string]string) {
	t.Helper()
	if len(settings) == 0 {
		t.Fatal("no settings were found")
	}
	help, err := exec.Command(keyval, "serve", "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	check := exec.Command(keyval, "config")
	for name, value := range settings {
		if name == "KEYVAL_AUTH_FILE" && value != "" {
			value = mustMakeTokens(t)
		}
		if !bytes.Contains(help, []byte("[$"+name+"]")) {
			t.Errorf("%s is no setting of keyval serve", name)
		}
		check.Env = append(check.Env, name+"="+value)
	}
	if output, err := check.CombinedOutput(); err != nil {
		t.Errorf("keyval config: %v\n%s", err, output)
	}
}

// mustMakeTokens makes a file of tokens as the files in deploy/ say.
func mustMakeTokens(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "tokens.jsonc")
	if output, err := exec.Command(keyval, "token", "new", "--name", "web", "--scope", "read,write", "--auth-file", file).CombinedOutput(); err != nil {
		t.Fatalf("keyval token new: %v\n%s", err, output)
	}
	return file
}

// mustRun lets keyval parse a command line, without running it.
func mustRun(t *testing.T, args []string) {
	t.Helper()
	if output, err := exec.Command(keyval, append(slices.Clone(args), "--help")...).CombinedOutput(); err != nil {
		t.Errorf("keyval %s: %v\n%s", strings.Join(args, " "), err, output)
	}
}

// mustFitTheDrain checks that a node is given enough time to stop by itself: what
// its settings say, and 10 s for leadership, gossip and the database.
func mustFitTheDrain(t *testing.T, grace time.Duration, settings map[string]string) {
	t.Helper()
	drain := 10 * time.Second
	for name, byDefault := range map[string]time.Duration{"KEYVAL_DRAIN_DELAY": 2 * time.Second, "KEYVAL_DRAIN_TIMEOUT": 20 * time.Second} {
		d := byDefault
		if value, ok := settings[name]; ok {
			var err error
			if d, err = time.ParseDuration(value); err != nil {
				t.Fatal(err)
			}
		}
		drain += d
	}
	if grace < drain {
		t.Errorf("it is killed after %v, and may need %v to stop", grace, drain)
	}
}

// manifests decodes the Kubernetes files strictly, by kind and name.
func manifests(t *testing.T) map[string]any {
	t.Helper()
	objects := make(map[string]any)
	files, err := filepath.Glob(filepath.Join(root, "deploy/kubernetes/*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if filepath.Base(file) == "kustomization.yaml" {
			continue
		}
		content := mustRead(t, "kubernetes/"+filepath.Base(file))
		documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
		for {
			document, err := documents.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			name, object, err := decode(document)
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			objects[name] = object
		}
	}
	return objects
}

// decode decodes one document; a field that its kind does not have is an error.
func decode(document []byte) (name string, object any, err error) {
	var head struct {
		APIVersion, Kind string
		Metadata         struct{ Name string }
	}
	if err := strict.Unmarshal(document, &head); err != nil {
		return "", nil, err
	}
	kinds := map[string]any{
		"v1 Namespace":                       &core.Namespace{},
		"v1 ConfigMap":                       &core.ConfigMap{},
		"v1 Service":                         &core.Service{},
		"apps/v1 StatefulSet":                &apps.StatefulSet{},
		"policy/v1 PodDisruptionBudget":      &policy.PodDisruptionBudget{},
		"networking.k8s.io/v1 NetworkPolicy": &networking.NetworkPolicy{},
	}
	object, ok := kinds[head.APIVersion+" "+head.Kind]
	if !ok {
		return "", nil, fmt.Errorf("%s %s is not expected", head.APIVersion, head.Kind)
	}
	return head.Kind + " " + head.Metadata.Name, object, strict.UnmarshalStrict(document, object)
}

func TestTheKubernetesManifestsAreWhatKubernetesAndKeyvalAccept(t *testing.T) {
	objects := manifests(t)
	for _, name := range []string{"Namespace keyval", "Service keyval", "PodDisruptionBudget keyval", "NetworkPolicy keyval"} {
		if objects[name] == nil {
			t.Errorf("%s is missing; there are %v", name, slices.Sorted(maps.Keys(objects)))
		}
	}
	set, config := objects["StatefulSet keyval"].(*apps.StatefulSet), objects["ConfigMap keyval"].(*core.ConfigMap)
	container := set.Spec.Template.Spec.Containers[0]
	settings := maps.Clone(config.Data)
	for _, podIP := range []string{"10.0.0.1", "fd00::1"} {
		for _, variable := range container.Env {
			if variable.Value != "" {
				settings[variable.Name] = strings.ReplaceAll(variable.Value, "$(POD_IP)", podIP)
			}
		}
		mustBeSettings(t, settings)
	}
	mustRun(t, container.Args)
	mustFitTheDrain(t, time.Duration(*set.Spec.Template.Spec.TerminationGracePeriodSeconds)*time.Second, settings)

	headless, ok := objects["Service "+set.Spec.ServiceName].(*core.Service)
	if !ok || headless.Spec.ClusterIP != core.ClusterIPNone || !headless.Spec.PublishNotReadyAddresses {
		t.Errorf("the StatefulSet's service %q is not headless, or hides nodes that are not ready", set.Spec.ServiceName)
	}
	if got := settings["KEYVAL_JOIN"]; got != set.Spec.ServiceName {
		t.Errorf("nodes join %q, want the headless service %q", got, set.Spec.ServiceName)
	}
	var ports []string
	for _, port := range container.Ports {
		ports = append(ports, port.Name)
	}
	for _, name := range []string{"Service keyval", "Service keyval-nodes"} {
		for _, port := range objects[name].(*core.Service).Spec.Ports {
			if !slices.Contains(ports, port.TargetPort.String()) {
				t.Errorf("%s sends to port %s, which the pods do not have", name, port.TargetPort.String())
			}
		}
	}
	var mounts []string
	for _, mount := range container.VolumeMounts {
		mounts = append(mounts, mount.MountPath)
	}
	if dir := filepath.Dir(settings["KEYVAL_AUTH_FILE"]); !slices.Contains(mounts, dir) {
		t.Errorf("the file of tokens is in %s, where nothing is mounted", dir)
	}
	if got := container.ReadinessProbe.HTTPGet.Path; got != "/readyz" {
		t.Errorf("readiness asks %s", got)
	}
	if got := container.LivenessProbe.HTTPGet.Path; got != "/healthz" {
		t.Errorf("liveness asks %s", got)
	}
}

func TestAFieldThatKubernetesDoesNotKnowIsFound(t *testing.T) {
	_, _, err := decode([]byte("apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {sessionAfinity: ClientIP}\n"))
	if err == nil || !strings.Contains(err.Error(), "sessionAfinity") {
		t.Errorf("got %v, want an error that names the field", err)
	}
}

func TestTheComposeFileIsWhatComposeAndKeyvalAccept(t *testing.T) {
	options, err := cli.NewProjectOptions([]string{filepath.Join(root, "deploy/compose.yaml")}, cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var join []string
	for _, name := range slices.Sorted(maps.Keys(project.Services)) {
		service := project.Services[name]
		if service.Build == nil {
			continue // not ours
		}
		join = append(join, name)
		settings := make(map[string]string)
		for variable, value := range service.Environment {
			if value != nil {
				settings[variable] = *value
			}
		}
		mustBeSettings(t, settings)
		mustFitTheDrain(t, time.Duration(*service.StopGracePeriod), settings)
		if got, want := settings["KEYVAL_JOIN"], "keyval-1,keyval-2,keyval-3"; got != want {
			t.Errorf("%s joins %s, want %s", name, got, want)
		}
		for _, url := range []string{settings["LIBSQL_URL"], settings["LIBSQL_REPLICA_URL"]} {
			mustBeService(t, project, url)
		}
	}
	if got, want := strings.Join(join, ","), "keyval-1,keyval-2,keyval-3"; got != want {
		t.Errorf("nodes: got %s, want %s", got, want)
	}
	replica := project.Services["libsql-replica"].Environment
	if primary := replica["SQLD_PRIMARY_GRPC_URL"]; primary == nil {
		t.Error("the replica has no SQLD_PRIMARY_GRPC_URL and follows nobody")
	} else {
		mustBeService(t, project, *primary)
	}
}

// mustBeService checks that a URL's host is a service of the project.
func mustBeService(t *testing.T, project *compose.Project, url string) {
	t.Helper()
	host := regexp.MustCompile(`^\w+://([^:/]+)`).FindStringSubmatch(url)
	if host == nil {
		t.Errorf("%q is no URL", url)
	} else if _, ok := project.Services[host[1]]; !ok {
		t.Errorf("%s is no service", host[1])
	}
}

func TestTheDockerfileIsWhatDockerAndKeyvalAccept(t *testing.T) {
	parsed, err := parser.Parse(bytes.NewReader(mustRead(t, "Dockerfile")))
	if err != nil {
		t.Fatal(err)
	}
	warn := func(rule, description, _, message string, _ []parser.Range) {
		t.Errorf("%s: %s: %s", rule, description, message)
	}
	stages, _, err := instructions.Parse(parsed.AST, linter.New(&linter.Config{Warn: warn}))
	if err != nil {
		t.Fatal(err)
	}
	settings, user := make(map[string]string), ""
	for _, command := range stages[len(stages)-1].Commands {
		switch command := command.(type) {
		case *instructions.EnvCommand:
			for _, pair := range command.Env {
				settings[pair.Key] = pair.Value
			}
		case *instructions.UserCommand:
			user = command.User
		case *instructions.CmdCommand:
			mustRun(t, command.CmdLine)
		case *instructions.HealthCheckCommand:
			// CMD, then the binary, then its arguments.
			mustRun(t, command.Health.Test[2:])
		}
	}
	mustBeSettings(t, settings)
	if !strings.HasPrefix(user, "65532") {
		t.Errorf("it runs as %q, want the unprivileged 65532", user)
	}
}

func TestTheSystemdUnitIsWhatSystemdAndKeyvalAccept(t *testing.T) {
	unit := string(mustRead(t, "systemd/keyval.service"))
	if !strings.Contains(unit, "\nExecStart=/usr/local/bin/keyval serve\n") {
		t.Error("ExecStart is not /usr/local/bin/keyval serve")
	}
	settings := make(map[string]string)
	for _, match := range regexp.MustCompile(`(?m)^Environment=(\w+)=(.*)$`).FindAllStringSubmatch(unit, -1) {
		settings[match[1]] = match[2]
	}
	mustBeSettings(t, settings)
	for _, match := range regexp.MustCompile(`(?m)^#?([A-Z_]+)=(.*)$`).FindAllStringSubmatch(string(mustRead(t, "systemd/keyval.env")), -1) {
		// Either of the two, and all else together.
		if match[1] != "KEYVAL_INSECURE" {
			settings[match[1]] = match[2]
		}
	}
	mustBeSettings(t, settings)
	delete(settings, "KEYVAL_AUTH_FILE")
	settings["KEYVAL_INSECURE"] = "true"
	mustBeSettings(t, settings)
	stop := regexp.MustCompile(`(?m)^TimeoutStopSec=(.*)$`).FindStringSubmatch(unit)
	grace, err := time.ParseDuration(stop[1])
	if err != nil {
		t.Fatal(err)
	}
	mustFitTheDrain(t, grace, settings)

	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		if os.Getenv("KEYVAL_REQUIRE_TOOLS") != "" {
			t.Fatal(err)
		}
		t.Skip("SKIPPED, systemd did not read the unit: systemd-analyze is not installed (run: make tools)")
	}
	// It looks for the program, so the copy that it reads names one that is there.
	file := filepath.Join(t.TempDir(), "keyval.service")
	unit = strings.ReplaceAll(unit, "/usr/local/bin/keyval", keyval)
	if err := os.WriteFile(file, []byte(unit), 0o600); err != nil {
		t.Fatal(err)
	}
	output, err := exec.Command(analyze, "verify", "--man=no", file).CombinedOutput()
	if err != nil || len(output) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, output)
	}
}
