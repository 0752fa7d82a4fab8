package magentotest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options bend a server's behaviour. The zero value is a well-behaved shop of version 2.4.6 behind nginx, without input limits.
type Options struct {
	// MaxPageSize is Magento's input limit; over it, its 400. 0: off.
	MaxPageSize int
	// DefaultPageSize is the page size of a search that names none, part of the same input limits. 0: off.
	DefaultPageSize int
	// RepeatLastPage answers pages past the end as Magento did before 2.4: with the last page again.
	RepeatLastPage bool
	// Apache refuses %2F in a path, as Apache does by default. [obs: exp-sku-encoding-nginx-apache.txt]
	Apache bool
	// OAuth are the keys of requests that are signed, instead of the shop's.
	OAuth *OAuth
	// OAuthKeepsPort has the port in the signed address, as the RFC wants it and 2.4.6 was not seen to.
	OAuthKeepsPort bool
	// OAuthPathAsSent decodes nothing but unreserved characters of the signed path, as versions after 2.4.7 do. [src, not run]
	OAuthPathAsSent bool
	// NoBearer refuses the integration's token as a bearer token, as 2.4.4 and later do unless it is allowed. [obs] An
	// administrator's token is good.
	NoBearer bool
	// Admins may ask for a token. With any, a shop without an access token does not take every token.
	Admins []Admin
	// OnlyLoginPath is the only path where they can: "/index.php/rest/V1/integration/admin/token" in a shop without URL
	// rewriting. Empty: there and without /index.php.
	OnlyLoginPath string
	// DeniedResources are permissions that the token lacks, such as "Magento_Sales::actions_view".
	DeniedResources []string
	// NoInventory is a shop without the MSI modules: none of the /V1/inventory routes is there.
	NoInventory bool
	// NoBulkStock is a shop too old for the bulk listings of stock; the other /V1/inventory routes are there.
	NoBulkStock bool
	// ExportLacks are SKUs that the bulk listing of salable quantities leaves out, as it did one in a thousand. [obs: OOS-1]
	ExportLacks []string
	// Latency passes before every answer.
	Latency time.Duration
	// Faults are there from the start; see AddFault.
	Faults []Fault
	// Logf is told of every request. nil: nobody is.
	Logf func(format string, args ...any)
}

// Server answers as the shop would. It is an http.Handler; Start lets it listen by itself.
type Server struct {
	shop    *Shop
	options Options

	hooks    sync.Mutex // held while Fault.Between changes the shop
	mu       sync.Mutex
	faults   []*scripted
	shuffles uint64               // for Fault.UnstableTies
	nonces   map[string]bool      // that were used
	tokens   map[string]time.Time // of administrators, and when they end
	failures map[string]int       // of logins, by user name
	requests []Request
	http     *http.Server
}

// Request is a line of the request log.
type Request struct {
	Method string
	Path   string // percent-encoded, as sent
	Query  string // as sent
	Header http.Header
	Status int    // 0: the connection was broken before an answer
	Fault  string // the name of the fault that it met
}

// New makes a server of a shop. The shop may be changed while the server runs.
func New(shop *Shop, options Options) *Server {
	s := &Server{shop: shop, options: options}
	for _, fault := range options.Faults {
		s.AddFault(fault)
	}
	return s
}

// Start listens on a free port of this machine and returns the store URL, without a slash at the end.
func (s *Server) Start() (baseURL string, err error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("start the fixture shop: %w", err)
	}
	server := &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	s.mu.Lock()
	if s.http != nil {
		s.mu.Unlock()
		_ = listener.Close()
		return "", errors.New("start the fixture shop: it is started already")
	}
	s.http = server
	s.mu.Unlock()
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) && s.options.Logf != nil {
			s.options.Logf("fixture shop: %v", err)
		}
	}()
	return "http://" + listener.Addr().String(), nil
}

// Close stops a server that was started, in the middle of an answer if need be.
func (s *Server) Close() error {
	s.mu.Lock()
	server := s.http
	s.http = nil
	s.mu.Unlock()
	if server == nil {
		return nil
	}
	return server.Close()
}

// Requests returns what was asked so far, in the order in which it was answered.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// ClearRequests empties the request log.
func (s *Server) ClearRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

// ServeHTTP answers one request. A broken connection is a panic with http.ErrAbortHandler, which net/http understands.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	entry := Request{Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Header: r.Header.Clone()}
	logged := false
	note := func() {
		if !logged {
			logged = true
			s.log(entry)
		}
	}
	defer note()

	fault := s.fault(r)
	delay := s.options.Latency
	if fault != nil {
		entry.Fault = fault.Name
		delay += fault.Delay
	}
	if !wait(r, delay) {
		panic(http.ErrAbortHandler)
	}
	if fault != nil && fault.Close {
		hangUp(w, fault.Reset)
	}
	s.commonHeader(w)
	var a *answer
	if fault != nil && fault.Status != 0 {
		a = fault.answer(w)
	} else {
		a = s.answer(r)
	}
	if a.session {
		sessionHeader(w, a.status)
	}
	entry.Status = a.status
	if a.fault != "" {
		entry.Fault = a.fault
	}
	note() // before the answer, so that who has it finds it in the log
	a.write(w, r, fault)
}

func (s *Server) log(entry Request) {
	s.mu.Lock()
	s.requests = append(s.requests, entry)
	s.mu.Unlock()
	if s.options.Logf != nil {
		s.options.Logf("%s %s?%s: %d", entry.Method, entry.Path, entry.Query, entry.Status)
	}
}

// wait tells whether the client was still there after a while.
func wait(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

func (s *Server) commonHeader(w http.ResponseWriter) {
	w.Header().Set("Server", "nginx/1.22.1")
	if s.options.Apache {
		w.Header().Set("Server", "Apache/2.4.62 (Debian)")
	}
	w.Header().Set("Date", s.now().Format(http.TimeFormat))
}

// sessionHeader is what an answer carries once PHP has started a session. The cookie is of no use to a client. [obs]
func sessionHeader(w http.ResponseWriter, status int) {
	w.Header().Set("Expires", "Thu, 19 Nov 1981 08:52:00 GMT")
	w.Header().Set("Pragma", "no-cache")
	if status == 200 {
		w.Header().Set("X-Frame-Options", "SAMEORIGIN")
	}
	w.Header().Add("Set-Cookie", "PHPSESSID=0f1e2d3c4b5a69788796a5b4c3; Max-Age=3600; path=/; HttpOnly; SameSite=Lax")
}

// answer finds the answer of a shop without faults. What is looked at first shows when several things are wrong: the
// store code, the route, the permission, then the parameters. [obs]
func (s *Server) answer(r *http.Request) *answer {
	if s.options.Apache && strings.Contains(strings.ToUpper(r.URL.EscapedPath()), "%2F") {
		return &answer{status: 404, contentType: "text/html; charset=iso-8859-1", body: apache404Page}
	}
	if !acceptsJSON(r.Header.Values("Accept")) {
		return &answer{status: 500, contentType: "text/html; charset=UTF-8", body: error500Page}
	}
	if r.Method == http.MethodHead {
		return jsonAnswer(405, nil) // [obs: b-err-head]
	}
	if a := s.login(r); a != nil {
		return a
	}
	endpoint, call, problem := s.route(r)
	if problem != nil {
		return problem
	}
	if problem := s.authorized(r, endpoint.resource); problem != nil {
		return problem
	}
	call.conditions = s.conditions(r)
	a := endpoint.serve(s, call)
	if bitten := call.conditions.bitten; bitten != nil {
		a = bitten.Poison.answer() // as it was told, whatever fields= asks for
		a.fault = bitten.Name
	} else if fields := call.params.first("fields"); fields != nil {
		a = withFields(a, fields.text)
	}
	a.session = true
	return a
}

// acceptsJSON tells whether an Accept header leaves room for JSON; with nothing but text/html Magento's error page is
// the answer. [obs: b-err-accept-*]
func acceptsJSON(accept []string) bool {
	all := strings.Join(accept, ",")
	if strings.TrimSpace(all) == "" {
		return true
	}
	for _, known := range []string{"*/*", "application/*", "json", "xml"} {
		if strings.Contains(all, known) {
			return true
		}
	}
	return false
}
