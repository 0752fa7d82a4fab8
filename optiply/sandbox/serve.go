package sandbox

import (
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const maxBody = 10 << 20

// ServeHTTP answers one request, as far as the scripted faults let it.
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		s.send(w, r, Fault{}, errorAnswer(refuse(http.StatusRequestEntityTooLarge, "cannot read the body")))
		return
	}
	fault := s.script.strike(r.Method, r.URL.Path, body)
	switch fault.Effect {
	case Answer:
		s.send(w, r, fault, fault.answer())
		return
	case ResetBefore:
		s.cut(w, r, fault, answer{})
		return
	case ExpireTokens:
		s.tokens.expire()
	case Slow:
		s.wait(r, fault.Delay)
	}
	s.deliver(w, r, fault, s.handle(r, body))
}

// deliver sends an answer, or does to it what the fault says.
func (s *Sandbox) deliver(w http.ResponseWriter, r *http.Request, fault Fault, a answer) {
	switch fault.Effect {
	case AnswerAfter:
		said := fault.answer()
		said.applied = a.applied
		s.send(w, r, fault, said)
	case ResetAfter:
		s.cut(w, r, fault, a)
	case HangAfter:
		s.note(r, fault, 0, a.applied)
		select {
		case <-r.Context().Done():
		case <-s.closed:
		}
		panic(http.ErrAbortHandler)
	case TruncateAfter:
		s.note(r, fault, a.status, a.applied)
		writeHead(w, a)
		_, _ = w.Write(a.body[:len(a.body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	default:
		s.send(w, r, fault, a)
	}
}

func (s *Sandbox) send(w http.ResponseWriter, r *http.Request, fault Fault, a answer) {
	s.wait(r, s.opts.Latency)
	s.note(r, fault, a.status, a.applied)
	writeHead(w, a)
	_, _ = w.Write(a.body)
}

func writeHead(w http.ResponseWriter, a answer) {
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	if a.status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
}

// cut closes the connection without an answer, by a reset where there is a TCP connection.
func (s *Sandbox) cut(w http.ResponseWriter, r *http.Request, fault Fault, a answer) {
	s.note(r, fault, 0, a.applied)
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func (s *Sandbox) wait(r *http.Request, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	case <-s.closed:
	}
}

func (s *Sandbox) note(r *http.Request, fault Fault, status int, applied bool) {
	s.record(Request{
		At: s.opts.Now(), Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery,
		Status: status, Applied: applied, Fault: fault.Effect,
	})
}

// pathKind is the kind in a path of the API, the path itself elsewhere.
func pathKind(path string) string {
	rest, ok := strings.CutPrefix(path, apiPrefix+"/")
	if !ok {
		return path
	}
	name, _, _ := strings.Cut(rest, "/")
	return name
}
