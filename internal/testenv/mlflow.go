package testenv

import (
	"testing"

	"iris/internal/mlflow"
	"iris/internal/stack"
)

// MLflow returns a client of a real MLflow, whose artifacts are in a real MinIO. Tests share the server, so each needs
// its own names of experiments and registered models, from Name.
func MLflow(t testing.TB) *mlflow.Client {
	t.Helper()
	return mlflow.New(mlflow.Options{URL: need(t, stack.MLflow).MLflow})
}
