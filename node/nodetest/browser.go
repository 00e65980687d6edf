package nodetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/chromedp/chromedp"
)

// Browser is a headless Chromium with a new, empty profile.
type Browser struct {
	ctx    context.Context // chromedp keeps the browser in it
	output *tailBuffer
	end    func() error
}

// StartBrowser starts Chromium and returns when it takes commands. ctx bounds the
// start only; without a deadline it takes at most 2 minutes.
func StartBrowser(ctx context.Context) (*Browser, error) {
	path, err := FindChromium()
	if err != nil {
		return nil, err
	}
	b := &Browser{output: newTailBuffer()}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.CombinedOutput(b.output),
		// The sandbox needs rights that root and containers do not have, and
		// protects nothing here: the pages are our own.
		chromedp.NoSandbox,
		chromedp.DisableGPU,
		// It is not to call home; a closed network would make it wait for that.
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-quic", true),
		// Without this its output is mostly complaints about a missing desktop.
		chromedp.Flag("log-level", "3"),
	)
	allocator, cancelAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	browser, cancel := chromedp.NewContext(allocator)
	b.ctx = browser
	b.end = sync.OnceValue(func() error {
		defer cancelAllocator()
		return cancelAndWait(browser)
	})
	if err := runFirst(ctx, browser, cancel); err != nil {
		_ = b.end() // it has been cancelled; what is left is to wait
		return nil, fmt.Errorf("start chromium: %w; its output ends:\n%s", err, lastLines(b.Logs(), 30))
	}
	return b, nil
}

// Logs returns the last 256 KiB that the browser wrote.
func (b *Browser) Logs() string { return b.output.String() }

// Close ends the browser with all its pages, waits for its processes, and removes
// its profile. It gives the browser 2 minutes to end by itself.
func (b *Browser) Close() error { return b.end() }

// cancelAndWait ends a chromedp context that owns a browser or a tab.
func cancelAndWait(target context.Context) error {
	ctx, cancel := context.WithTimeout(target, readyTimeout)
	defer cancel()
	if err := chromedp.Cancel(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("close chromium: %w", err)
	}
	return nil
}

// Page is one open tab. Its methods are for one goroutine at a time.
type Page struct {
	ctx     context.Context // chromedp keeps the tab in it
	console *tailBuffer
	end     func() error
}

// Open opens a tab, loads url, and returns when the page's load event has fired.
// ctx bounds the loading; without a deadline it takes at most 2 minutes.
func (b *Browser) Open(ctx context.Context, url string) (*Page, error) {
	tab, cancel := chromedp.NewContext(b.ctx)
	p := &Page{ctx: tab, console: newTailBuffer()}
	if err := runFirst(ctx, tab, cancel); err != nil {
		return nil, fmt.Errorf("open %s: %w", url, err)
	}
	// Subscribed before the page is loaded, so that nothing is missed.
	messages := chromedp.Console(tab)
	var recorder sync.WaitGroup
	recorder.Go(func() {
		for message, err := range messages {
			if err != nil {
				return // the tab is closed
			}
			fmt.Fprintln(p.console, message)
		}
	})
	p.end = sync.OnceValue(func() error {
		defer recorder.Wait()
		return cancelAndWait(tab)
	})
	if _, err := runWithin(ctx, p, chromedp.Navigate(url)); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", url, err), p.Close())
	}
	return p, nil
}

// Eval evaluates a JavaScript expression, waits for it if it is a promise, and
// stores its value in result as [encoding/json] would, unless result is nil.
func (p *Page) Eval(ctx context.Context, expression string, result any) error {
	// A value that JSON cannot say, such as undefined, is taken as null.
	script := "Promise.resolve(" + expression + ").then(value => JSON.stringify(value) ?? 'null')"
	text, err := runWithin(ctx, p, chromedp.Evaluate[string](script, chromedp.EvalAwaitPromise))
	if err == nil && result != nil {
		err = json.Unmarshal([]byte(text), result)
	}
	if err != nil {
		return fmt.Errorf("evaluate %s: %w", expression, err)
	}
	return nil
}

// WaitFor returns when a JavaScript expression is true, for example
//
//	document.title === "done"
//
// It gives up when ctx is over, without a deadline after 2 minutes; the error then
// carries what the page wrote to its console.
func (p *Page) WaitFor(ctx context.Context, expression string) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		var holds bool
		if err := p.Eval(ctx, "!!("+expression+")", &holds); err != nil {
			return fmt.Errorf("wait: %w; the page's console:\n%s", err, p.Console())
		}
		if holds {
			return nil
		}
		select {
		case <-ctx.Done(): // the next evaluation says so
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Console returns what the page has written to its console and the exceptions
// that it did not catch.
func (p *Page) Console() string { return p.console.String() }

// Close closes the tab.
func (p *Page) Close() error { return p.end() }

// runWithin runs an action in the tab, within ctx and at most 2 minutes.
func runWithin[T any](ctx context.Context, p *Page, action chromedp.Action[T]) (T, error) {
	ctx, cancelTimeout := context.WithTimeout(ctx, readyTimeout)
	defer cancelTimeout()
	bounded, cancel := context.WithCancel(p.ctx)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	result, err := chromedp.Run(bounded, action)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return result, err
}

// runFirst starts what a chromedp context stands for, and cancels it if that does
// not succeed within ctx. The first run decides how long the browser or the tab
// lives, so ctx cannot be the one to run it in.
func runFirst(ctx, target context.Context, cancel context.CancelFunc) error {
	ctx, cancelTimeout := context.WithTimeout(ctx, readyTimeout)
	defer cancelTimeout()
	defer context.AfterFunc(ctx, cancel)()
	err := chromedp.Do(target)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return err
}
