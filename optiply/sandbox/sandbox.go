// Package sandbox is a server that speaks Optiply's API as far as products and sell orders go, and keeps what it was
// told in a file. The nightly run and its tests write to it where they would write to Optiply.
//
// It refuses what the API is known to refuse, and is no more helpful than the API is known to be: remote ids are not
// unique and cannot be filtered by, so that a create sent twice shows as two rows. Where the API's behaviour is not
// known the sandbox takes the stricter course. Comments grade facts as package optiply's do.
package sandbox

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/time/rate"
)

// Options are how a sandbox behaves. The zero value keeps nothing on disk and accepts everybody.
type Options struct {
	// Dir is the state folder, made when it is missing; empty means memory only.
	Dir string
	// TokenLifetime is 24 hours when 0, as the real one is treated by a client (seen).
	TokenLifetime time.Duration
	// RequestsPerSecond beyond which the answer is 429 with Retry-After; 0 means no limit.
	RequestsPerSecond float64
	// Latency is added to every answer.
	Latency     time.Duration
	Credentials Credentials
	// AccountID is the one account that may be written to; 0 means any.
	AccountID int64
	// Seed of the faults that strike by chance.
	Seed uint64
	Now  func() time.Time
}

// ErrInUse is given when another process has the state folder open.
var ErrInUse = errors.New("the sandbox is in use by another process")

// Sandbox is an http.Handler for the API under /v1 and the token endpoint under /api.
type Sandbox struct {
	opts    Options
	tokens  *tokens
	script  *script
	limiter *rate.Limiter
	lock    *flock.Flock
	journal *journal
	notice  string
	closed  chan struct{}
	close   sync.Once

	mu    sync.Mutex // guards state, and the order of journal and state
	state *state

	logMu    sync.Mutex
	requests []Request

	serverMu sync.Mutex
	server   *http.Server
}

// Open reads the journal of opts.Dir. A torn last line is dropped, which Notice tells; a broken line before it is an
// error with file and line.
func Open(opts Options) (*Sandbox, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.TokenLifetime <= 0 {
		opts.TokenLifetime = 24 * time.Hour
	}
	s := &Sandbox{
		opts: opts, tokens: newTokens(opts), script: newScript(opts.Seed), state: newState(), closed: make(chan struct{}),
	}
	if opts.RequestsPerSecond > 0 {
		s.limiter = rate.NewLimiter(rate.Limit(opts.RequestsPerSecond), max(1, int(opts.RequestsPerSecond)))
	}
	if opts.Dir == "" {
		return s, nil
	}
	if err := s.openDir(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Sandbox) openDir() error {
	if err := os.MkdirAll(s.opts.Dir, 0o755); err != nil {
		return fmt.Errorf("make sandbox folder: %w", err)
	}
	s.lock = flock.New(filepath.Join(s.opts.Dir, "lock"))
	locked, err := s.lock.TryLock()
	if err != nil {
		return fmt.Errorf("lock sandbox folder: %w", err)
	}
	if !locked {
		return fmt.Errorf("%s: %w", s.opts.Dir, ErrInUse)
	}
	if s.journal, s.notice, err = openJournal(s.opts.Dir, s.state.apply); err != nil {
		return errors.Join(err, s.lock.Close())
	}
	return nil
}

// Notice says what Open had to mend; empty when nothing.
func (s *Sandbox) Notice() string { return s.notice }

// Start serves on a free local port, and gives the two addresses that a client is configured with.
func (s *Sandbox) Start() (baseURL, dashboardURL string, err error) {
	s.serverMu.Lock()
	defer s.serverMu.Unlock()
	select {
	case <-s.closed:
		return "", "", errors.New("the sandbox is closed")
	default:
	}
	if s.server != nil {
		return "", "", errors.New("the sandbox is started already")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", "", fmt.Errorf("start sandbox: %w", err)
	}
	s.server = &http.Server{Handler: s, ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute}
	go s.server.Serve(listener) //nolint:errcheck // always ErrServerClosed: Close ends it
	root := "http://" + listener.Addr().String()
	return root + apiPrefix, root + "/api", nil
}

// Close stops serving, and closes and unlocks the state folder. What was answered is on disk already.
func (s *Sandbox) Close() error {
	var errs []error
	s.close.Do(func() {
		close(s.closed)
		s.serverMu.Lock()
		defer s.serverMu.Unlock()
		if s.server != nil {
			errs = append(errs, s.server.Close())
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		errs = append(errs, s.journal.close())
		if s.lock != nil {
			errs = append(errs, s.lock.Close())
		}
	})
	return errors.Join(errs...)
}

// AddFault scripts a misbehaviour.
func (s *Sandbox) AddFault(f Fault) { s.script.add(f) }

// ClearFaults ends all scripted misbehaviour.
func (s *Sandbox) ClearFaults() { s.script.clear() }

// ExpireTokens makes all tokens issued so far invalid.
func (s *Sandbox) ExpireTokens() { s.tokens.expire() }

// account is the one account of GET /v1/accounts: the configured one, else that of the first product or order, else 1. A sandbox that
// takes writes to any account has each that is asked for by its id, too; asked is 0 for the list.
func (s *Sandbox) account(asked int64) *record {
	id := s.opts.AccountID
	if id == 0 {
		id = asked
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range []*kind{products, sellOrders} {
		if t := s.state.tables[k.name]; id == 0 && len(t.ids) > 0 {
			id = t.rows[t.ids[0]].account()
		}
	}
	if id == 0 {
		id = 1
	}
	return &record{kind: accounts, id: id, values: map[string]any{
		"accountId": id, "name": "Sandbox", "uuid": fmt.Sprintf("00000000-0000-4000-8000-%012d", id),
	}}
}
