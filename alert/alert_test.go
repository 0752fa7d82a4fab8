package alert_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"magento-optiply/alert"
)

// server keeps what it was sent, and answers with one status after another; the last one stays.
type server struct {
	mu       sync.Mutex
	got      []string
	statuses []int
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("Content-Type")+" "+string(body))
	status := 200
	if len(s.statuses) > 0 {
		status = s.statuses[0]
		if len(s.statuses) > 1 {
			s.statuses = s.statuses[1:]
		}
	}
	w.WriteHeader(status)
}

func start(t *testing.T, statuses ...int) (*server, alert.Sender) {
	s := &server{statuses: statuses}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return s, alert.Sender{Address: h.URL + "/ping/secret-uuid?region=eu", UserAgent: "magento-optiply/test", Wait: time.Millisecond}
}

func TestHeartbeat_AsksStartAndTheExitCode(t *testing.T) {
	s, sender := start(t)
	if err := sender.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := sender.End(t.Context(), 3, "a summary\n"); err != nil {
		t.Fatal(err)
	}
	want := []string{"POST /ping/secret-uuid/start?region=eu text/plain ", "POST /ping/secret-uuid/3?region=eu text/plain; charset=utf-8 a summary\n"}
	if diff := cmp.Diff(want, s.got); diff != "" {
		t.Error(diff)
	}
}

func TestHeartbeat_CutsALongTextBetweenCharacters(t *testing.T) {
	s, sender := start(t)
	if err := sender.End(t.Context(), 0, "x"+strings.Repeat("é", 60_000)); err != nil {
		t.Fatal(err)
	}
	if got := s.got[0]; len(got) > 100_100 || strings.ContainsRune(got, '\uFFFD') {
		t.Errorf("%d bytes, %q", len(got), got[len(got)-4:])
	}
}

func TestSender_TriesAgainWhatMayPassAndNamesNoSecret(t *testing.T) {
	for _, c := range []struct {
		statuses []int
		requests int
		says     string
	}{
		{[]int{503, 429, 200}, 3, ""},
		{[]int{500}, 3, "it answered 500 Internal Server Error"},
		{[]int{404}, 1, "it answered 404 Not Found"},
	} {
		s, sender := start(t, c.statuses...)
		err := sender.JSON(t.Context(), []byte(`{}`))
		if len(s.got) != c.requests || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %d requests, error %v", c.statuses, len(s.got), err)
		}
		if err != nil && strings.Contains(err.Error(), "secret-uuid") {
			t.Errorf("the error shows the address: %v", err)
		}
	}
	dead := alert.Sender{Address: "http://127.0.0.1:1/ping/secret-uuid", Wait: time.Millisecond}
	if err := dead.Start(t.Context()); err == nil || strings.Contains(err.Error(), "secret-uuid") || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("a server that is not there: %v", err)
	}
}

func TestBody_DefaultIsOneDocumentWithASentence(t *testing.T) {
	template, err := alert.ParseBody("")
	if err != nil {
		t.Fatal(err)
	}
	text, err := alert.Body(template, alert.Message{Shop: "de\"mo", ExitCode: 1, Verdict: "it\nfailed </script>"})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"text": "de\"mo: it\nfailed </script>", "shop": "de\"mo", "run_id": "", "exit_code": 1.0, "summary": nil}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseBody_RefusesWhatWouldFailAtNight(t *testing.T) {
	for _, text := range []string{"{{", "{{.Nothing}}", "text", `{"a": {{.Verdict}}}`, `{} {}`, `{{json .Shop .RunID}}`} {
		if _, err := alert.ParseBody(text); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}

func figures() alert.Figures {
	at := time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
	return alert.Figures{Shop: `de"mo`, Version: "v1", ExitCode: 3, Began: at, Ended: at.Add(90 * time.Second), Seconds: map[string]float64{"extract": 1.5},
		Streams: []alert.StreamFigures{{Stream: "products", Part: "full", Rows: 46, Requests: 2, Complete: true}, {Stream: "orders", Store: "nl", Part: "window", Retries: 1}},
		Changes: []alert.ChangeFigures{{Entity: "products", Operation: "create", Outcomes: map[string]int64{"planned": 46, "done": 45, "rejected": 1}}},
		LeftOut: map[string]int64{"dropped": 9, "held": 0}}
}

func TestMetrics_AreWhatPrometheusReads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "demo.prom")
	if err := alert.WriteMetrics(path, figures()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`magento_optiply_run_exit_code{shop="de\"mo"} 3`,
		`magento_optiply_last_success_timestamp_seconds{shop="de\"mo"} 0`,
		`magento_optiply_stream_complete{part="full",shop="de\"mo",store="",stream="products"} 1`,
		`magento_optiply_stream_complete{part="window",shop="de\"mo",store="nl",stream="orders"} 0`,
		`magento_optiply_changes{entity="products",operation="create",outcome="done",shop="de\"mo"} 45`,
		`magento_optiply_left_out_rows{kind="held",shop="de\"mo"} 0`,
	} {
		if !strings.Contains(string(text), line+"\n") {
			t.Errorf("no line %s in\n%s", line, text)
		}
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); err != nil || len(left) != 1 {
		t.Errorf("files beside it: %v, %v", left, err)
	}
	if err := alert.WriteMetrics(filepath.Join(t.TempDir(), "nowhere", "demo.prom"), figures()); err == nil {
		t.Error("a folder that is not there is no error")
	}
}

var metricName = regexp.MustCompile(`\bmagento_optiply_[a-z_]+`)

// TestMetrics_NamesAreThoseOfTheDocumentTheRulesAndTheDashboard compares what is written with what is promised and used.
func TestMetrics_NamesAreThoseOfTheDocumentTheRulesAndTheDashboard(t *testing.T) {
	path := filepath.Join(t.TempDir(), "demo.prom")
	if err := alert.WriteMetrics(path, figures()); err != nil {
		t.Fatal(err)
	}
	names := func(path string, pattern *regexp.Regexp) []string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, m := range pattern.FindAllStringSubmatch(string(text), -1) {
			list = append(list, m[len(m)-1])
		}
		slices.Sort(list)
		return slices.Compact(list)
	}
	written := names(path, regexp.MustCompile(`(?m)^# TYPE (\S+) gauge$`))
	if diff := cmp.Diff(written, names("../docs/alerts.md", regexp.MustCompile("(?m)^\\| `(magento_optiply_[a-z_]+)`"))); diff != "" {
		t.Errorf("docs/alerts.md (-written +documented):\n%s", diff)
	}
	for _, file := range []string{"../packaging/prometheus/magento-optiply.rules.yaml", "../packaging/grafana/magento-optiply.json"} {
		used := names(file, metricName)
		if len(used) < 3 {
			t.Errorf("%s uses %v", file, used)
		}
		for _, name := range used {
			if !slices.Contains(written, name) {
				t.Errorf("%s uses %s, which no run writes", file, name)
			}
		}
	}
}

func TestPackaging_RulesAndDashboardParse(t *testing.T) {
	text, err := os.ReadFile("../packaging/prometheus/magento-optiply.rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var rules struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.UnmarshalWithOptions(text, &rules, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	for _, r := range rules.Groups[0].Rules {
		if r.Alert == "" || r.Expr == "" || r.Labels["severity"] == "" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
			t.Errorf("a rule is not whole: %+v", r)
		}
	}
	if text, err = os.ReadFile("../packaging/grafana/magento-optiply.json"); err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil || len(board.Panels) < 5 {
		t.Fatal(fmt.Errorf("%d panels: %w", len(board.Panels), err))
	}
}
