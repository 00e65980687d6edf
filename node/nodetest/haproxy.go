package nodetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
)

// HAProxyConfig says how to run HAProxy.
type HAProxyConfig struct {
	// Config is the text of the configuration file. Where it says "${NAME}", in
	// double quotes, HAProxy puts in the environment variable NAME.
	Config string
	// Listen names environment variables; each is set to an address of its own,
	// 127.0.0.1 and a kernel-chosen port, for a line such as bind "${NAME}". At
	// least one, or there is no telling when it is ready.
	Listen []string
	// Env are further environment variables, as NAME=value.
	Env []string
}

// HAProxy is a running load balancer, as a child process.
type HAProxy struct {
	process *Process
	ports   map[string]*Port
	dir     string // holds the configuration file
}

// StartHAProxy starts HAProxy and returns when it accepts connections on every
// address of config.Listen. A configuration that it does not accept is an error
// with HAProxy's own words. ctx bounds the start only; without a deadline it
// takes at most 2 minutes.
func StartHAProxy(ctx context.Context, config HAProxyConfig) (*HAProxy, error) {
	if len(config.Listen) == 0 {
		return nil, errors.New("start haproxy: nothing to listen on")
	}
	path, err := FindHAProxy()
	if err != nil {
		return nil, err
	}
	h := &HAProxy{ports: make(map[string]*Port)}
	env := config.Env
	for _, name := range config.Listen {
		port, err := ReservePort()
		if err != nil {
			return nil, errors.Join(err, h.Close())
		}
		h.ports[name] = port
		env = append(env, name+"="+port.Addr())
	}
	file, err := h.writeConfig(config.Config)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start haproxy: %w", err), h.Close())
	}
	// -db keeps it in the foreground: a daemon would leave its parent.
	h.process = NewProcess(Command{Path: path, Args: []string{"-db", "-f", file}, Env: env})
	if err := h.start(ctx); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

func (h *HAProxy) writeConfig(text string) (file string, err error) {
	if h.dir, err = os.MkdirTemp("", "keyval-haproxy-*"); err != nil {
		return "", err
	}
	file = filepath.Join(h.dir, "haproxy.cfg")
	return file, os.WriteFile(file, []byte(text), 0o600)
}

func (h *HAProxy) start(ctx context.Context) error {
	if err := h.process.Start(); err != nil {
		return err
	}
	if err := waitReady(ctx, h.process, h.accepts); err != nil {
		return fmt.Errorf("%w; its log ends:\n%s", err, lastLines(h.Logs(), 30))
	}
	return nil
}

// accepts connects to every address once.
func (h *HAProxy) accepts(ctx context.Context) error {
	var dialer net.Dialer
	for _, port := range h.ports {
		conn, err := dialer.DialContext(ctx, "tcp", port.Addr())
		if err != nil {
			return err
		}
		_ = conn.Close()
	}
	return nil
}

// Addr returns the address of a name in HAProxyConfig.Listen, as host:port. A
// name that is not there is a mistake of the caller's and panics.
func (h *HAProxy) Addr(name string) string {
	port, ok := h.ports[name]
	if !ok {
		panic("nodetest: HAProxy was not told to listen for " + name)
	}
	return port.Addr()
}

// URL returns the address of a name as an http:// URL without trailing slash.
func (h *HAProxy) URL(name string) string { return "http://" + h.Addr(name) }

// Process returns HAProxy's process, for its id, its exit and signals.
func (h *HAProxy) Process() *Process { return h.process }

// Logs returns the last 256 KiB that HAProxy wrote. It logs there what the
// configuration sends to stdout or stderr.
func (h *HAProxy) Logs() string { return h.process.Logs() }

// Close kills HAProxy, waits for it, and removes its configuration file.
func (h *HAProxy) Close() error {
	var errs []error
	if h.process != nil {
		errs = append(errs, h.process.Kill())
	}
	for _, port := range h.ports {
		errs = append(errs, port.Close())
	}
	if h.dir != "" {
		errs = append(errs, os.RemoveAll(h.dir))
	}
	return errors.Join(errs...)
}

// CheckHAProxyConfig asks HAProxy whether it would accept a configuration file,
// with env added to the environment as NAME=value. What it objects to, warnings
// included, is the error.
func CheckHAProxyConfig(ctx context.Context, file string, env ...string) error {
	path, err := FindHAProxy()
	if err != nil {
		return err
	}
	// -dW makes warnings errors, -c only checks.
	cmd := exec.CommandContext(ctx, path, "-c", "-dW", "-f", file)
	cmd.Env = append(os.Environ(), env...)
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("haproxy does not accept %s: %w\n%s", file, err, output)
	}
	return nil
}
