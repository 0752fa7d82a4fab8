package main_test

import (
	"encoding/json"
	"io"
	nethttp "net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"magento-optiply/magento/magentotest"
)

// listener is a heartbeat server and a webhook in one. A status of 0 answers 200.
type listener struct {
	mu     sync.Mutex
	got    []string // path and body
	status int
}

func (l *listener) ServeHTTP(w nethttp.ResponseWriter, r *nethttp.Request) {
	body, _ := io.ReadAll(r.Body)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.got = append(l.got, r.URL.Path+" "+string(body))
	if l.status != 0 {
		w.WriteHeader(l.status)
	}
}

// heard returns what came since it was asked last.
func (l *listener) heard() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	got := l.got
	l.got = nil
	return got
}

func (s servedShop) told(l *listener) {
	s.t.Helper()
	h := httptest.NewServer(l)
	s.t.Cleanup(h.Close)
	s.configure("alerts:\n  heartbeat_url: " + h.URL + "/ping/secret-uuid\n  webhook_url: " + h.URL + "/hook?token=secret-token\n  metrics_file: " + s.dir + "/{shop}.prom\n")
}

func TestAlerts_ANightIsToldToAllThree(t *testing.T) {
	t.Parallel()
	l := &listener{}
	s := newServedShop(t, "", magentotest.Options{})
	s.told(l)
	s.must(3, "run")
	got := l.heard()
	if len(got) != 3 || got[0] != "/ping/secret-uuid/start " || !strings.HasPrefix(got[1], "/ping/secret-uuid/3 Run 20") || !strings.Contains(got[1], "60 changes sent. 9 rows were left out") {
		t.Fatalf("heard %q", got)
	}
	var hook struct {
		Text     string
		Shop     string
		ExitCode int `json:"exit_code"`
		Summary  struct {
			ExitCode int `json:"exit_code"`
			Type     string
		}
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(got[2], "/hook ")), &hook); err != nil {
		t.Fatalf("%v: %s", err, got[2])
	}
	if hook.Shop != "demo" || hook.ExitCode != 3 || hook.Summary.ExitCode != 3 || hook.Summary.Type != "summary" || !strings.HasPrefix(hook.Text, "demo: 60 changes sent. 9 rows were left out") {
		t.Errorf("the webhook heard %+v", hook)
	}
	if m := s.metrics(); !strings.Contains(m, `magento_optiply_changes{entity="products",operation="create",outcome="done",shop="demo"} 46`) {
		t.Errorf("metrics:\n%s", m)
	}
	// A run with nothing to send is good: the webhook is not for it.
	s.must(0, "run")
	if got := l.heard(); len(got) != 2 || !strings.HasPrefix(got[1], "/ping/secret-uuid/0 ") {
		t.Errorf("heard %q", got)
	}
	folderLacks(t, s.dir+"/data", []string{"secret-uuid", "secret-token"})
	// Nobody is told of a dry run.
	s.must(0, "run", "--dry-run")
	if got := l.heard(); len(got) != 0 {
		t.Errorf("of a dry run was heard %q", got)
	}
}

func (s servedShop) metrics() string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "demo.prom"))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// metric is the line of a metric, without its labels.
func metric(text, name string) string {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, name+"{") {
			return strings.TrimSpace(line[strings.LastIndex(line, " "):])
		}
	}
	return ""
}

func TestAlerts_AFailureIsToldAndTheLastSuccessStays(t *testing.T) {
	t.Parallel()
	l := &listener{}
	s := newServedShop(t, "", magentotest.Options{})
	s.told(l)
	s.configure("alerts:\n  webhook_when: always\n  webhook_body: '{\"says\": {{json .Verdict}}, \"run\": {{json .RunID}}}'\n")
	s.must(3, "run")
	last := metric(s.metrics(), "magento_optiply_last_success_timestamp_seconds")
	l.heard()
	s.configure("magento:\n  access_token: wrong\n")
	s.must(1, "run")
	got := l.heard()
	if len(got) != 3 || got[0] != "/ping/secret-uuid/start " || !strings.HasPrefix(got[1], "/ping/secret-uuid/1 ") || !strings.Contains(got[1], "magento.access_token") {
		t.Fatalf("heard %q", got)
	}
	var hook map[string]string
	if err := json.Unmarshal([]byte(strings.TrimPrefix(got[2], "/hook ")), &hook); err != nil || !strings.Contains(hook["says"], "magento.access_token") || hook["run"] != "" {
		t.Errorf("the webhook heard %q, %v", got[2], err)
	}
	if m := s.metrics(); last == "" || last == "0" || metric(m, "magento_optiply_last_success_timestamp_seconds") != last || metric(m, "magento_optiply_run_exit_code") != "1" {
		t.Errorf("the last success was %s:\n%s", last, m)
	}
}

func TestAlerts_DeadServersFailNoRun(t *testing.T) {
	t.Parallel()
	l := &listener{status: 404}
	s := newServedShop(t, "", magentotest.Options{})
	s.told(l)
	s.configure("alerts:\n  metrics_file: /dev/null/nowhere.prom\n")
	r := s.must(3, "run")
	for _, what := range []string{"the heartbeat's start", "the heartbeat's end", "the webhook", "the metrics"} {
		if !strings.Contains(r.stderr, what+" could not be told") {
			t.Errorf("the log does not say that %s could not be told:\n%s", what, r.stderr)
		}
	}
	lacks(t, "the log", []byte(r.stderr), []string{"secret-uuid", "secret-token"})
	if products, _, _ := s.held(); len(products) != 46 {
		t.Errorf("%d products at Optiply", len(products))
	}
}

func TestAlerts_ABrokenTemplateIsAnErrorOfTheConfiguration(t *testing.T) {
	t.Parallel()
	l := &listener{}
	s := newServedShop(t, "", magentotest.Options{})
	s.told(l)
	s.configure("alerts:\n  webhook_body: '{{.Nothing}}'\n")
	if r := s.must(2, "run"); !strings.Contains(r.stderr, "alerts.webhook_body") {
		t.Errorf("the error does not name the setting:\n%s", r.stderr)
	}
	if got := slices.Concat(l.heard()); len(got) != 0 {
		t.Errorf("heard %q", got)
	}
	if r := s.must(2, "run", "--shop", "all", "--config-dir", s.dir, "--metrics-file", "one.prom"); !strings.Contains(r.stderr, "{shop}") {
		t.Errorf("one file for several shops: %s", r.stderr)
	}
}

// A heartbeat server that takes its time, or that hangs, keeps no run from beginning: this one answers the start when the shop
// has been asked something.
func TestAlerts_TheStartIsToldWhileTheRunGoesOn(t *testing.T) {
	t.Parallel()
	d := newDisaster(t, 51)
	begun := make(chan struct{})
	var once sync.Once
	shop := d.shop
	d.shop = nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		once.Do(func() { close(begun) })
		shop.ServeHTTP(w, r)
	})
	l := &listener{}
	h := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		select {
		case <-begun:
			l.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(h.Close)
	d.configure("alerts:\n  heartbeat_url: " + h.URL + "/ping\n")
	r := d.must(3, "run")
	if got := l.heard(); len(got) != 2 || got[0] != "/ping/start " || !strings.HasPrefix(got[1], "/ping/3 ") || strings.Contains(r.stderr, "could not be told") {
		t.Errorf("heard %q\n%s", got, r.stderr)
	}
}

// Without it a webhook that looks into the run, to say more of it, would find one that goes on, and the night's changes missing.
func TestAlerts_WhoIsToldFindsTheRunAsItEnded(t *testing.T) {
	t.Parallel()
	s := newServedShop(t, "", magentotest.Options{})
	found := make(chan string, 1)
	h := httptest.NewServer(nethttp.HandlerFunc(func(nethttp.ResponseWriter, *nethttp.Request) {
		found <- s.exec("sql", "SELECT phase, exit_code, (SELECT count(*) FROM state.products) AS products FROM state.runs", "--format", "csv").stdout
	}))
	t.Cleanup(h.Close)
	s.configure("alerts:\n  webhook_url: " + h.URL + "/hook\n")
	s.must(3, "run")
	if got := <-found; got != "phase,exit_code,products\ndone,3,46\n" {
		t.Errorf("found %q", got)
	}
}
