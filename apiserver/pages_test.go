package apiserver

import (
	"encoding/json"
	"testing"
)

// eachPage gets all pages of a list and calls visit with the body of each. The path has a query.
func eachPage[P any](t *testing.T, a *api, path string, visit func(P)) {
	t.Helper()
	token := ""
	for first := true; first || token != ""; first = false {
		got := a.do(t, "GET", path+"&page_token="+token, nil)
		if got.status != 200 {
			t.Fatalf("%s: %s, want 200", path, got)
		}
		var page P
		var next struct {
			Token string `json:"next_page_token"`
		}
		for _, into := range []any{&page, &next} {
			if err := json.Unmarshal(got.body, into); err != nil {
				t.Fatal(err)
			}
		}
		visit(page)
		token = next.Token
	}
}
