package registry_test

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"iris/internal/registry"
	"iris/internal/testenv"
)

// cutTest is an operation that must survive an outage in any of its steps.
type cutTest struct {
	proxies []*testenv.Proxy
	attempt func() error // the operation
	verify  func()       // repeats the operation and asserts that its effect is there once
}

// cutAtEachStep repeats a test for each changing request of its operation. From that request on all fail, either before
// or after the server acts on them. The operation must have at least minSteps such requests.
func cutAtEachStep(t *testing.T, minSteps int, prepare func(*testing.T) cutTest) {
	for _, how := range []struct {
		name string
		fate testenv.Fate
	}{{"before the server acts", testenv.Refuse}, {"after the server acted", testenv.Cut}} {
		for step, done := 1, false; !done; step++ {
			t.Run(fmt.Sprintf("step %d %s", step, how.name), func(t *testing.T) {
				test := prepare(t)
				var mu sync.Mutex // abandoned uploads may still arrive
				changes, reached := 0, false
				for _, proxy := range test.proxies {
					proxy.Decide(func(r *http.Request) testenv.Fate {
						mu.Lock()
						defer mu.Unlock()
						if !changing(r) {
							return testenv.Pass
						}
						if changes++; changes < step {
							return testenv.Pass
						}
						reached = true
						return how.fate
					})
				}
				err := test.attempt()
				mu.Lock()
				done = !reached
				mu.Unlock()
				if done {
					if err != nil || step < minSteps {
						t.Fatalf("the operation has no step %d: %v", step, err)
					}
				} else if !errors.Is(err, registry.ErrUnavailable) {
					t.Fatalf("got %v, want ErrUnavailable", err)
				}
				for _, proxy := range test.proxies {
					proxy.Decide(nil)
				}
				test.verify()
			})
			if t.Failed() {
				return
			}
		}
	}
}

// changing reports whether a request changes something on the server. MLflow also takes some searches by POST.
func changing(r *http.Request) bool {
	return r.Method != http.MethodGet && r.URL.Path != "/api/2.0/mlflow/logged-models/search" &&
		r.URL.Path != "/api/2.0/mlflow/runs/search"
}
