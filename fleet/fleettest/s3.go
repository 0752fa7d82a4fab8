package fleettest

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// S3 speaks as much of S3's protocol as copies need: put with If-None-Match, get, head, list by prefix, delete. What it does not
// know it answers with 501, so that a test fails there and not elsewhere. It does not check signatures; that they are there it does.
type S3 struct {
	URL string

	mu      sync.Mutex
	objects map[string]object
	Refused int // puts of a name that was there
}

type object struct {
	data []byte
	meta http.Header
	when time.Time
}

// StartS3 serves an empty bucket of any name.
func StartS3(t testing.TB) *S3 {
	s := &S3{objects: map[string]object{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// Address is that of a bucket, as fleet.storage has it.
func (s *S3) Address(bucket string) string {
	return fmt.Sprintf("s3://%s?region=eu-central-1&endpoint=%s&use_path_style=true", bucket, s.URL)
}

// Keys are the names of all objects, with their bucket.
func (s *S3) Keys() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []string
	for key := range s.objects {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// ServeHTTP answers one request.
func (s *S3) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := strings.TrimPrefix(r.URL.Path, "/")
	bucket, name, _ := strings.Cut(key, "/")
	found, there := s.objects[key]
	switch {
	case !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 "):
		fail(w, http.StatusForbidden, "AccessDenied")
	case r.Method == http.MethodGet && name == "" && r.URL.Query().Get("list-type") == "2":
		s.list(w, bucket, r.URL.Query().Get("prefix"))
	case r.Method == http.MethodPut && name != "":
		s.put(w, r, key, there)
	case (r.Method == http.MethodGet || r.Method == http.MethodHead) && name != "" && !there:
		fail(w, http.StatusNotFound, "NoSuchKey")
	case (r.Method == http.MethodGet || r.Method == http.MethodHead) && name != "":
		for k, v := range found.meta {
			w.Header()[k] = v
		}
		w.Header().Set("Last-Modified", found.when.UTC().Format(http.TimeFormat))
		w.Header().Set("ETag", tag(found.data))
		w.Header().Set("Content-Length", fmt.Sprint(len(found.data)))
		if r.Method == http.MethodGet {
			_, _ = w.Write(found.data)
		}
	case r.Method == http.MethodDelete && name != "":
		delete(s.objects, key)
		w.WriteHeader(http.StatusNoContent)
	default:
		fail(w, http.StatusNotImplemented, "NotImplemented")
	}
}

func (s *S3) put(w http.ResponseWriter, r *http.Request, key string, there bool) {
	data, err := body(r)
	switch {
	case err != nil:
		fail(w, http.StatusBadRequest, "IncompleteBody")
		return
	case there && r.Header.Get("If-None-Match") == "*":
		s.Refused++
		fail(w, http.StatusPreconditionFailed, "PreconditionFailed")
		return
	}
	meta := http.Header{}
	for k, v := range r.Header {
		if strings.HasPrefix(k, "X-Amz-Meta-") || k == "Content-Type" {
			meta[k] = v
		}
	}
	s.objects[key] = object{data, meta, time.Now()}
	w.Header().Set("ETag", tag(data))
}

// body reads a request, and takes the pieces apart in which a client sends what it signs as it goes ("aws-chunked").
func body(r *http.Request) ([]byte, error) {
	data, err := io.ReadAll(r.Body)
	if err != nil || !strings.Contains(r.Header.Get("Content-Encoding"), "aws-chunked") && !strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		return data, err
	}
	var out []byte
	for rest := string(data); ; {
		head, after, ok := strings.Cut(rest, "\r\n")
		var n int
		if _, err := fmt.Sscanf(head, "%x", &n); !ok || err != nil || n > len(after) {
			return nil, io.ErrUnexpectedEOF
		}
		if n == 0 {
			return out, nil
		}
		out = append(out, after[:n]...)
		rest = strings.TrimPrefix(after[n:], "\r\n")
	}
}

func tag(data []byte) string {
	sum := md5.Sum(data)
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

func (s *S3) list(w http.ResponseWriter, bucket, prefix string) {
	type entry struct {
		Key          string
		Size         int
		LastModified string
		ETag         string
	}
	var answer struct {
		XMLName     xml.Name `xml:"ListBucketResult"`
		Name        string
		KeyCount    int
		IsTruncated bool
		Contents    []entry
	}
	answer.Name = bucket
	for key, o := range s.objects {
		if name, ok := strings.CutPrefix(key, bucket+"/"); ok && strings.HasPrefix(name, prefix) {
			answer.Contents = append(answer.Contents, entry{name, len(o.data), o.when.UTC().Format(time.RFC3339), tag(o.data)})
		}
	}
	slices.SortFunc(answer.Contents, func(a, b entry) int { return strings.Compare(a.Key, b.Key) })
	answer.KeyCount = len(answer.Contents)
	w.Header().Set("Content-Type", "application/xml")
	_ = xml.NewEncoder(w).Encode(answer)
}

func fail(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code></Error>", code)
}
