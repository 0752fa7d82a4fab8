package magento

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Callers that give back and callers that keep get each their own answer, whatever was read into the same memory before.
func TestGetKept_LeavesTheAnswersOfOthersAlone(t *testing.T) {
	t.Parallel()
	shop := newFakeShop(t, map[string]http.HandlerFunc{"GET /rest/V1/products": func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "[%q]", strings.Repeat(r.URL.RawQuery, 100))
	}})
	client := newTestClient(t, shop.URL)
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			var kept *Response
			for i := range 20 {
				resp, err := client.GetKept(t.Context(), "products", Query{{Name: "a", Value: strings.Repeat("x", worker+i)}}, func(body []byte) ([]byte, bool) {
					return slices.Clone(body), i != 10
				})
				if err != nil {
					t.Error(err)
					return
				}
				if want := fmt.Sprintf("[%q]", strings.Repeat("a="+strings.Repeat("x", worker+i), 100)); string(resp.Body) != want {
					t.Errorf("worker %d, answer %d: %.40s", worker, i, resp.Body)
				}
				if i == 10 {
					kept = resp
				}
			}
			if want := strings.Repeat("a="+strings.Repeat("x", worker+10), 100); string(kept.Body) != fmt.Sprintf("[%q]", want) {
				t.Errorf("worker %d: an answer that was kept is another now: %.40s", worker, kept.Body)
			}
		})
	}
	all.Wait()
}
