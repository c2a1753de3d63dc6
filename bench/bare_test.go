//go:build bench

package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"strings"
)

// The bare server reads these from its environment: the address, the features as a JSON array, and its answer.
const (
	bareAddress  = "IRIS_BENCH_BARE_ADDRESS"
	bareFeatures = "IRIS_BENCH_BARE_FEATURES"
	bareAnswer   = "IRIS_BENCH_BARE_ANSWER"
)

// serveBare does as little as a Go server can for such a request: encoding/json decodes the row into a struct, and the
// answer is always the same.
func serveBare(address string) error {
	var features []string
	if err := json.Unmarshal([]byte(os.Getenv(bareFeatures)), &features); err != nil {
		return err
	}
	fields := make([]reflect.StructField, len(features))
	for i, name := range features {
		fields[i] = reflect.StructField{
			Name: fmt.Sprintf("F%d", i), Type: reflect.TypeFor[float64](),
			Tag: reflect.StructTag(fmt.Sprintf("json:%q", strings.ReplaceAll(name, ",", ""))),
		}
	}
	row, answer := reflect.StructOf(fields), []byte(os.Getenv(bareAnswer))
	return http.ListenAndServe(address, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(body, reflect.New(row).Interface())
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header()["Content-Type"] = []string{"application/json"}
		_, _ = w.Write(answer)
	}))
}
