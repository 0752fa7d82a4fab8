package magentotest_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"magento-optiply/magento/magentotest"
)

// exchange is one recorded answer of a real Magento 2.4.6; orders and customers are cut down to what is nobody's private
// matter.
type exchange struct {
	File          string
	Method        string
	Path          string
	Status        int
	Type          string
	Accept        *string
	Authorization *string
	Order         string // "undefined": the shop sorted by an index of MySQL's choice; only the counts are compared
	Total         string // "later": recorded when the shop had more records
	Body          string
}

func TestServer_AnswersAsRecorded(t *testing.T) {
	compareWithRecorded(t, loadShop(t), "recorded.ndjson.zst", 320)
}

// The same shop after it got a second stock with three sources. Its salable quantities are derived from the source items.
func TestServer_AnswersAsRecordedWithSeveralStocks(t *testing.T) {
	shop, err := magentotest.Load(os.DirFS("testdata/msi"))
	if err != nil {
		t.Fatal(err)
	}
	compareWithRecorded(t, shop, "recorded-msi.ndjson.zst", 40)
}

func compareWithRecorded(t *testing.T, shop *magentotest.Shop, file string, atLeast int) {
	t.Helper()
	server := magentotest.New(shop, magentotest.Options{})
	base := start(t, server)
	count := 0
	for _, recorded := range exchanges(t, file) {
		count++
		t.Run(recorded.File, func(t *testing.T) {
			status, header, body := ask(t, base, recorded)
			if status != recorded.Status {
				t.Fatalf("status %d, recorded %d\n%s", status, recorded.Status, body)
			}
			if got := header.Get("Content-Type"); got != recorded.Type {
				t.Errorf("content type %q, recorded %q", got, recorded.Type)
			}
			if diff := cmp.Diff(comparable(recorded, recorded.Body), comparable(recorded, body)); diff != "" {
				t.Errorf("%s\n-recorded +ours\n%s", recorded.Path, diff)
			}
		})
	}
	if count < atLeast {
		t.Errorf("only %d recordings were compared", count)
	}
}

var (
	reportID = regexp.MustCompile(`webapi-[0-9a-f]+`)
	total    = regexp.MustCompile(`"total_count":\d+`)
)

// comparable takes out of a body what differs from one moment to the next.
func comparable(recorded exchange, body string) string {
	body = reportID.ReplaceAllString(body, "webapi-x")
	if recorded.Total == "later" {
		body = total.ReplaceAllString(body, `"total_count":0`)
	}
	if recorded.Order == "undefined" {
		body = body[strings.LastIndex(body, `"search_criteria"`):]
	}
	return body
}

func exchanges(t *testing.T, file string) []exchange {
	t.Helper()
	packed, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	decoder, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	text, err := decoder.DecodeAll(packed, nil)
	if err != nil {
		t.Fatal(err)
	}
	var all []exchange
	lines := json.NewDecoder(bytes.NewReader(text))
	for lines.More() {
		var one exchange
		if err := lines.Decode(&one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}

// recordedShop is loaded once, for the tests that only read it.
var recordedShop = sync.OnceValues(func() (*magentotest.Shop, error) { return magentotest.Load(os.DirFS("testdata/shop")) })

func loadShop(t testing.TB) *magentotest.Shop {
	t.Helper()
	shop, err := recordedShop()
	if err != nil {
		t.Fatal(err)
	}
	return shop
}

func start(t testing.TB, server *magentotest.Server) string {
	t.Helper()
	base, err := server.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return base
}

// ask sends the recorded request as it was sent, byte by byte, which net/http's client would not do.
func ask(t *testing.T, base string, recorded exchange) (int, http.Header, string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	method, authorization, accept := "GET", "Bearer demo-token", "application/json"
	if recorded.Method != "" {
		method = recorded.Method
	}
	if recorded.Authorization != nil {
		authorization = *recorded.Authorization
	}
	if recorded.Accept != nil {
		accept = *recorded.Accept
	}
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: shop\r\nAuthorization: %s\r\nAccept: %s\r\n\r\n", method, recorded.Path, authorization, accept)
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(response.Body); err != nil {
		t.Fatal(err)
	}
	if recorded.Status == 200 && !slices.Contains(response.TransferEncoding, "chunked") {
		t.Error("a good answer is not chunked")
	}
	return response.StatusCode, response.Header, body.String()
}
