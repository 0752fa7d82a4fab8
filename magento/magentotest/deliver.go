package magentotest

import (
	"compress/gzip"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// write sends the answer as nginx does: chunked, compressed where the client takes it; or as a fault would have it.
func (a *answer) write(w http.ResponseWriter, r *http.Request, fault *Fault) {
	if fault == nil {
		fault = &Fault{}
	}
	header := w.Header()
	header.Set("Content-Type", a.contentType)
	header.Set("Cache-Control", "no-store")
	body := part(a.body, fault.Truncate)
	if a.status == 200 || a.status == 404 {
		header.Set("Vary", "Accept-Encoding")
		if fault.Trickle == nil && acceptsGzip(r) && strings.HasPrefix(a.contentType, "application/json") {
			header.Set("Content-Encoding", "gzip")
			body = compressed(body)
		}
	}
	body = part(body, fault.CutGzip)
	if len(body) == 0 || fault.LongerBy > 0 {
		header.Set("Content-Length", strconv.Itoa(len(body)+fault.LongerBy))
	}
	if fault.ShorterBy > 0 {
		writeShort(w, a.status, body, fault.ShorterBy)
	}
	w.WriteHeader(a.status)
	flush := func() { _ = http.NewResponseController(w).Flush() }
	switch {
	case fault.Cut > 0:
		_, _ = w.Write(part(body, fault.Cut))
		flush()
		hangUp(w, fault.Reset)
	case fault.Trickle != nil:
		fault.Trickle.write(w, r, body, flush)
	case len(body) > 0:
		flush() // chunked, without Content-Length [obs]
		_, _ = w.Write(body)
	}
}

// part is the beginning of a body, all of it when no part is named.
func part(body []byte, much float64) []byte {
	if much <= 0 {
		return body
	}
	return body[:int(float64(len(body))*min(much, 1))]
}

// hangUp breaks a connection. A broken connection is a panic with http.ErrAbortHandler, which net/http understands; with reset
// the client is told so at once.
func hangUp(w http.ResponseWriter, reset bool) {
	if reset {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
			_ = conn.Close()
		}
	}
	panic(http.ErrAbortHandler)
}

// writeShort answers past net/http, which keeps to the length that it was told.
func writeShort(w http.ResponseWriter, status int, body []byte, by int) {
	w.Header().Set("Content-Length", strconv.Itoa(max(len(body)-by, 0)))
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_, _ = fmt.Fprintf(buffered, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
		_ = w.Header().Write(buffered)
		_, _ = buffered.WriteString("\r\n")
		_, _ = buffered.Write(body)
		_ = buffered.Flush()
		_ = conn.Close()
	}
	panic(http.ErrAbortHandler)
}

// write sends bytes until the client has had enough.
func (t *Trickle) write(w http.ResponseWriter, r *http.Request, body []byte, flush func()) {
	size := max(t.Bytes, 1)
	blanks := []byte(strings.Repeat(" ", size))
	for {
		piece := body[:min(size, len(body))]
		body = body[len(piece):]
		if len(piece) == 0 {
			piece = blanks
		}
		if _, err := w.Write(piece); err != nil {
			panic(http.ErrAbortHandler)
		}
		flush()
		if !wait(r, max(t.Every, time.Millisecond)) {
			panic(http.ErrAbortHandler)
		}
	}
}

func acceptsGzip(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept-Encoding"), "gzip")
}

func compressed(body []byte) []byte {
	var out strings.Builder
	writer, _ := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	_, _ = writer.Write(body)
	_ = writer.Close()
	return []byte(out.String())
}
