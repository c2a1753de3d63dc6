// Package deploy holds what the local stack and the containers are made of: the pinned versions of Temporal, MinIO and
// MLflow. It is data with accessors; installing and starting is the work of package stack.
package deploy

import (
	"crypto/sha256"
	_ "embed" // for the pinned files
	"encoding/hex"
	"strings"
)

//go:embed versions.env
var versions string

//go:embed requirements.txt
var requirements string

//go:embed requirements-interop.txt
var interop string

//go:embed requirements-bench.txt
var bench string

//go:embed requirements-tritonclient.txt
var tritonclient string

//go:embed requirements-fastapi.txt
var fastapi string

//go:embed requirements-mlserver.txt
var mlserver string

//go:embed requirements-batch.txt
var batch string

// TemporalVersion is the module version of github.com/temporalio/cli, such as v1.5.1.
func TemporalVersion() string { return value(versions, "TEMPORAL_CLI_VERSION=") }

// MinIOVersion is the module version of github.com/minio/minio, a pseudo-version.
func MinIOVersion() string { return value(versions, "MINIO_VERSION=") }

// MLflowVersion is the version of MLflow that the requirements pin, such as 3.17.2.
func MLflowVersion() string { return value(requirements, "mlflow==") }

// Requirements is the pip requirements file of the MLflow server, every package pinned.
func Requirements() string { return requirements }

// InteropRequirements is Requirements with what the tests that read models in Python take as well.
func InteropRequirements() string { return requirements + interop }

// BenchRequirements is the pip requirements file of the libraries that learners are measured beside, without MLflow.
func BenchRequirements() string { return bench }

// FastAPIRequirements is the pip requirements file of a FastAPI server with onnxruntime, which serving is measured
// beside.
func FastAPIRequirements() string { return fastapi }

// FastAPIVersion is the version of FastAPI that it pins.
func FastAPIVersion() string { return value(fastapi, "fastapi==") }

// MLServerRequirements is the same for MLServer.
func MLServerRequirements() string { return mlserver }

// MLServerVersion is the version of MLServer that it pins.
func MLServerVersion() string { return value(mlserver, "mlserver==") }

// BatchRequirements is the pip requirements file of the libraries that batches are measured beside.
func BatchRequirements() string { return batch }

// PandasVersion is the version of pandas that it pins.
func PandasVersion() string { return value(batch, "pandas==") }

// ScikitLearnVersion is the version of scikit-learn that they pin, such as 1.9.1.
func ScikitLearnVersion() string { return value(bench, "scikit-learn==") }

// TritonClientRequirements is the pip requirements file of Triton's client, without MLflow.
func TritonClientRequirements() string { return tritonclient }

// TritonClientVersion is the version of it that they pin, such as 2.73.0.
func TritonClientVersion() string { return value(tritonclient, "tritonclient==") }

// Hash names a requirements file by its contents in eight hex digits, so that a changed pin means a new folder.
func Hash(requirements string) string {
	sum := sha256.Sum256([]byte(requirements))
	return hex.EncodeToString(sum[:4])
}

// value is what follows prefix on the first line that starts with it, up to a space; empty when there is none.
func value(text, prefix string) string {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, prefix); ok {
			rest, _, _ = strings.Cut(strings.TrimSpace(rest), " ")
			return rest
		}
	}
	return ""
}
