package testenv

import (
	"testing"

	"iris/internal/mlflow"
	"iris/internal/stack"
)

// MLflow returns a client of a real MLflow, whose artifacts are in a real MinIO. Tests share it, so experiments and
// registered models need names of their own: Name makes them.
func MLflow(t testing.TB) *mlflow.Client {
	t.Helper()
	return mlflow.New(mlflow.Options{URL: need(t, stack.MLflow).MLflow})
}
