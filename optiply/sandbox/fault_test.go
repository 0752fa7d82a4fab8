package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fetchToken gets a token over HTTP.
func fetchToken(t *testing.T, address string) string {
	t.Helper()
	r, _ := http.NewRequest(http.MethodPost, address+"?grant_type=password&username=u&password=p", nil)
	r.SetBasicAuth("id", "secret")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var got struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	return got.Token
}

func request(method, address, token, body string) *http.Request {
	r, _ := http.NewRequest(method, address, strings.NewReader(body))
	r.Header.Set("Content-Type", mediaType)
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

// postProduct creates a product over HTTP; false when no answer came.
func postProduct(base, token string) (id string, ok bool) {
	resp, err := http.DefaultClient.Do(request(http.MethodPost, base+"/products?accountId=98&couplingId=4711", token,
		`{"data":{"type":"products","attributes":`+stool+`}}`))
	if err != nil {
		return "", false
	}
	defer resp.Body.Close()
	var got struct{ Data struct{ ID string } }
	err = json.NewDecoder(resp.Body).Decode(&got)
	return got.Data.ID, err == nil && got.Data.ID != ""
}

func started(t *testing.T, opts Options) (box *Sandbox, base, token string) {
	t.Helper()
	box, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Close() })
	base, dashboard, err := box.Start()
	if err != nil {
		t.Fatal(err)
	}
	return box, base, fetchToken(t, dashboard+"/auth/oauth/token")
}

func TestFaults_OverAConnection(t *testing.T) {
	const body = `{"data":{"type":"products","attributes":` + stool + `}}`
	for _, tc := range []struct {
		fault   Fault
		status  int // 0: no whole answer
		applied bool
	}{
		{Fault{Effect: Answer}, 500, false},
		{Fault{Effect: Answer, Status: 503}, 503, false},
		{Fault{Effect: AnswerAfter, Status: 504}, 504, true},
		{Fault{Effect: ExpireTokens}, 401, false},
		{Fault{Effect: ResetBefore}, 0, false},
		{Fault{Effect: ResetAfter}, 0, true},
		{Fault{Effect: HangAfter}, 0, true},
		{Fault{Effect: TruncateAfter}, 0, true},
		{Fault{Effect: Slow, Delay: 30 * time.Millisecond}, 201, true},
	} {
		t.Run(fmt.Sprint(tc.fault.Effect, tc.fault.Status), func(t *testing.T) {
			box, base, token := started(t, Options{})
			box.AddFault(tc.fault)
			client := &http.Client{Timeout: 150 * time.Millisecond}
			begin := time.Now()
			resp, err := client.Do(request(http.MethodPost, base+"/products?accountId=98&couplingId=4711", token, body))
			status := 0
			if err == nil {
				if _, err = io.ReadAll(resp.Body); err == nil {
					status = resp.StatusCode
				}
				resp.Body.Close()
			}
			if status != tc.status || (len(box.Products()) == 1) != tc.applied {
				t.Errorf("status %d, %d products, error %v", status, len(box.Products()), err)
			}
			if tc.fault.Effect == ResetAfter && !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("no reset: %v", err)
			}
			if time.Since(begin) < tc.fault.Delay {
				t.Error("not slow")
			}
			logged := box.Requests()[1]
			if logged.Applied != tc.applied || logged.Fault != tc.fault.Effect || logged.Method != http.MethodPost || logged.Path != "/v1/products" {
				t.Errorf("logged %+v", logged)
			}
			want := map[string]int{}
			if tc.applied {
				want["POST products"] = 1
			}
			if diff := cmp.Diff(want, box.Writes()); diff != "" {
				t.Error(diff)
			}
			if tc.fault.Effect == ExpireTokens {
				return
			}
			if _, ok := postProduct(base, token); !ok {
				t.Error("the fault struck twice")
			}
		})
	}
}

func TestFaults_StrikeWhereTheyAreMeantTo(t *testing.T) {
	c := begin(t, Options{})
	c.box.AddFault(Fault{Method: http.MethodPost, Contains: "poison", Times: -1, Effect: Answer, Message: "deterministic"})
	c.box.AddFault(Fault{Path: "sellOrders", Skip: 1, Times: 2, Effect: Answer, Status: 429, RetryAfter: 1500 * time.Millisecond})
	poison := strings.Replace(stool, "Oak", "poison", 1)
	for range 3 {
		if got := c.post(kindProducts, poison).want(http.StatusInternalServerError); got.message() != "deterministic" {
			t.Error(got.text)
		}
		c.post(kindProducts, stool).want(http.StatusCreated)
	}
	for i, want := range []int{200, 429, 429, 200} {
		got := c.send(http.MethodGet, "sellOrders", "").want(want)
		if after := got.header.Get("Retry-After"); (after == "2") != (want == 429) {
			t.Errorf("request %d: Retry-After %q", i, after)
		}
	}
	c.box.AddFault(Fault{Times: -1, Effect: Answer, Status: 502})
	c.login() // no fault without a path touches the token endpoint
	if got := c.send(http.MethodGet, "products", "").want(502); !strings.HasPrefix(got.text, "<html>") {
		t.Error("a gateway answers in HTML")
	}
	c.box.ClearFaults()
	c.post(kindProducts, poison).want(http.StatusCreated)
}

func TestFaults_ByChanceRepeatWithTheirSeed(t *testing.T) {
	draw := func(seed uint64) string {
		c := begin(t, Options{Seed: seed})
		c.box.AddFault(Fault{Times: -1, Chance: 0.5, Effect: Answer})
		var b strings.Builder
		for range 40 {
			fmt.Fprint(&b, c.send(http.MethodGet, "products", "").status, " ")
		}
		return b.String()
	}
	first := draw(1)
	if first != draw(1) || first == draw(2) || !strings.Contains(first, "500") || !strings.Contains(first, "200") {
		t.Error(first)
	}
}

func TestClose_EndsHangingRequests(t *testing.T) {
	box, base, token := started(t, Options{})
	box.AddFault(Fault{Effect: HangAfter})
	done := make(chan bool)
	go func() { _, ok := postProduct(base, token); done <- ok }()
	for len(box.Requests()) < 2 {
		time.Sleep(time.Millisecond)
	}
	if err := box.Close(); err != nil {
		t.Error(err)
	}
	if <-done {
		t.Error("answered")
	}
	if err := box.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	if _, _, err := box.Start(); err == nil {
		t.Error("started again")
	}
}

func TestRate_BeyondTheLimitIsThrottled(t *testing.T) {
	now := time.Date(2026, 11, 23, 8, 30, 1, 0, time.UTC)
	c := begin(t, Options{RequestsPerSecond: 2, Now: func() time.Time { return now }})
	for i, want := range []int{200, 200, 429, 429} {
		got := c.send(http.MethodGet, "products", "").want(want)
		if after := got.header.Get("Retry-After"); (after == "1") != (want == 429) {
			t.Errorf("request %d: Retry-After %q", i, after)
		}
	}
	now = now.Add(time.Second)
	c.send(http.MethodGet, "products", "").want(http.StatusOK)
}

func TestToken_Endpoint(t *testing.T) {
	now := time.Date(2026, 11, 23, 8, 30, 1, 0, time.UTC)
	who := Credentials{ClientID: "id", ClientSecret: "secret", Username: "u", Password: "p"}
	c := begin(t, Options{Credentials: who, TokenLifetime: time.Minute, Now: func() time.Time { return now }})
	ask := func(query, form string, change func(*http.Request)) reply {
		r := httptest.NewRequest(http.MethodPost, tokenPath+"?"+query, bytes.NewBufferString(form))
		r.SetBasicAuth("id", "secret")
		if change != nil {
			change(r)
		}
		return c.do(r)
	}
	const password = "grant_type=password&username=u&password=p"
	for name, tc := range map[string]struct {
		got    reply
		status int
		code   string
	}{
		"form":            {ask("", password, nil), 200, ""},
		"query":           {ask(password, "", nil), 200, ""},
		"both":            {ask("grant_type=password", "username=u&password=p", nil), 200, ""},
		"wrong password":  {ask("", password+"x", nil), 400, "invalid_grant"},
		"no user":         {ask("grant_type=password", "", nil), 400, "invalid_grant"},
		"other grant":     {ask("grant_type=client_credentials", "", nil), 400, "unsupported_grant_type"},
		"unknown refresh": {ask("grant_type=refresh_token&refresh_token=x", "", nil), 400, "invalid_grant"},
		"broken form":     {ask("", "%zz", nil), 400, "invalid_request"},
		"no client":       {ask("", password, func(r *http.Request) { r.Header.Del("Authorization") }), 401, "unauthorized"},
		"wrong client":    {ask("", password, func(r *http.Request) { r.SetBasicAuth("id", "x") }), 401, "unauthorized"},
		"get":             {ask(password, "", func(r *http.Request) { r.Method = http.MethodGet }), 405, "method_not_allowed"},
	} {
		if code, _ := tc.got.body["error"].(string); tc.got.status != tc.status || code != tc.code {
			t.Errorf("%s: %d %s", name, tc.got.status, tc.got.text)
		}
	}
	if text := ask("", password, func(r *http.Request) { r.SetBasicAuth("x", "x") }).text; !strings.Contains(text, "UserDetailsService returned null") {
		t.Error(text)
	}

	granted := ask("", password, nil).want(http.StatusOK)
	if in := granted.member("expires_in"); fmt.Sprint(in) != "60" {
		t.Errorf("expires_in %v", in)
	}
	refresh := "grant_type=refresh_token&refresh_token=" + granted.member("refresh_token").(string)
	next := ask(refresh, "", nil).want(http.StatusOK)
	ask(refresh, "", nil).want(http.StatusBadRequest)

	c.token = next.member("access_token").(string)
	now = now.Add(59 * time.Second)
	c.send(http.MethodGet, "products", "").want(http.StatusOK)
	now = now.Add(time.Second)
	if got := c.send(http.MethodGet, "products", "").want(http.StatusUnauthorized); got.member("error") != "invalid_token" {
		t.Error(got.text)
	}
}

func TestLatency_DelaysEveryAnswer(t *testing.T) {
	c := begin(t, Options{Latency: 20 * time.Millisecond})
	begin := time.Now()
	c.send(http.MethodGet, "products", "").want(http.StatusOK)
	if took := time.Since(begin); took < 20*time.Millisecond {
		t.Errorf("took %v", took)
	}
}
