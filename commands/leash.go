package commands

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A process that runs a shop for another one is on a leash: its stdin. When that ends, because the other was stopped or
// killed, the run stops as after a Ctrl-C (at once where it had been told to stop already), so that no shop is worked on by a process that nobody knows of. Over a leash with a
// lease the other says until when it holds the shop, and after that time nothing is sent to Optiply: a machine that was away
// and comes back late cannot write what another has taken over.
const (
	leashVariable = "MAGENTO_OPTIPLY_LEASH"
	leashTied     = "tied"  // stdin ends: stop
	leashLease    = "lease" // and send nothing after the time of the last line "until UNIX-MILLISECONDS"
)

// leash is this process's own.
type leash struct {
	limited bool
	until   atomic.Int64  // Unix milliseconds
	told    chan struct{} // closed when the first line has come
	stop    context.CancelCauseFunc
	now     func() time.Time
}

var (
	errLeashEnded = errors.New("the process that this run belongs to has gone")
	errLeaseEnded = errors.New("this process does not hold the shop any more, so it sends nothing; the host that holds it goes on")
)

// leashed puts the process on its leash where it has one. The context it returns ends with the leash.
func leashed(ctx context.Context, env Env) (context.Context, *leash) {
	kind, _ := env.LookupEnv(leashVariable)
	if kind != leashTied && kind != leashLease {
		return ctx, nil
	}
	ctx, stop := context.WithCancelCause(ctx)
	l := &leash{limited: kind == leashLease, stop: stop, now: env.Now, told: make(chan struct{})}
	go l.listen(env.Stdin, func() {
		if ctx.Err() != nil && env.Exit != nil {
			env.Exit(exitInterrupted) // it was told to stop before: that is the second Ctrl-C
		}
		stop(errLeashEnded)
	})
	return ctx, l
}

func (l *leash) listen(from io.Reader, ended func()) {
	lines := bufio.NewScanner(from)
	first := sync.OnceFunc(func() { close(l.told) })
	defer first()
	for lines.Scan() {
		text, ok := strings.CutPrefix(lines.Text(), "until ")
		if ms, err := strconv.ParseInt(text, 10, 64); ok && err == nil {
			l.until.Store(ms)
			first()
		}
	}
	ended()
}

// leaseLine is what a leash is told.
func leaseLine(until time.Time) string { return fmt.Sprintf("until %d\n", until.UnixMilli()) }

// guard lets nothing that changes Optiply through after the lease has ended.
func (l *leash) guard(next http.RoundTripper) http.RoundTripper {
	if l == nil || !l.limited {
		return next
	}
	if next == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = 16
		next = t
	}
	return leaseTransport{leash: l, next: next}
}

type leaseTransport struct {
	leash *leash
	next  http.RoundTripper
}

func (t leaseTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	select {
	case <-t.leash.told:
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
	if req.Method != http.MethodGet && req.Method != http.MethodHead && t.leash.now().UnixMilli() >= t.leash.until.Load() {
		t.leash.stop(errLeaseEnded)
		return nil, errLeaseEnded
	}
	return t.next.RoundTrip(req)
}
