package mlflow_test

import (
	"errors"
	"io"
	"net/http"
	"testing"

	"iris/internal/mlflow"
	"iris/internal/testenv"
)

func TestCheckEncoding(t *testing.T) {
	if err := testenv.MLflow(t).CheckEncoding(t.Context()); err != nil {
		t.Errorf("a database in UTF-8: %v, want no error", err)
	}
	const answer = `{"error_code":"INTERNAL_ERROR","message":"'ascii' codec can't encode character '\\xb1' in position 0"}`
	ascii := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, answer)
	})
	err := ascii.CheckEncoding(t.Context())
	if !errors.Is(err, mlflow.ErrEncoding) || errors.Is(err, mlflow.ErrUnavailable) {
		t.Errorf("a database in ASCII: %v, want ErrEncoding, which no retry repairs", err)
	}
}
