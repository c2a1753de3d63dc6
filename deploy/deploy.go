// Package deploy holds the pinned versions of what the local stack and the containers are made of: Temporal, MinIO,
// MLflow and the Python environments of tests and benchmarks. It is data with accessors; package stack installs and
// starts the parts.
package deploy

import (
	"crypto/sha256"
	_ "embed" // for the pinned files
	"encoding/hex"
	"path"
	"strings"
)

//go:embed versions.env
var versions string

//go:embed temporal-cli.sha256
var temporalArchives string

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

//go:embed requirements-tables.txt
var tables string

// TemporalVersion returns the module version of github.com/temporalio/cli, such as v1.5.1.
func TemporalVersion() string { return value(versions, "TEMPORAL_CLI_VERSION=") }

// Archive is a file of an official release.
type Archive struct {
	URL    string
	SHA256 string // hex digits
}

// TemporalArchive returns the archive of the official Temporal CLI release for a platform, named as in GOOS and GOARCH.
// It reports false if no hash is pinned for the platform.
func TemporalArchive(goos, goarch string) (Archive, bool) {
	version := strings.TrimPrefix(TemporalVersion(), "v")
	url := strings.NewReplacer("{version}", version, "{os}", goos, "{arch}", goarch).
		Replace(value(versions, "TEMPORAL_CLI_URL="))
	for line := range strings.Lines(temporalArchives) {
		if sum, name, _ := strings.Cut(strings.TrimSpace(line), "  "); name == path.Base(url) {
			return Archive{URL: url, SHA256: sum}, true
		}
	}
	return Archive{}, false
}

// MinIOVersion returns the module version of github.com/minio/minio, a pseudo-version.
func MinIOVersion() string { return value(versions, "MINIO_VERSION=") }

// MLflowVersion returns the version of MLflow that Requirements pins, such as 3.17.2.
func MLflowVersion() string { return value(requirements, "mlflow==") }

// Requirements returns the pip requirements of the MLflow server. Every package is pinned, here and in the other
// requirements.
func Requirements() string { return requirements }

// InteropRequirements returns Requirements plus the packages of the tests that read models in Python.
func InteropRequirements() string { return requirements + interop }

// BenchRequirements returns the pip requirements of the libraries that learners are measured against. They do not
// include MLflow.
func BenchRequirements() string { return bench }

// TablesRequirements returns the pip requirements of the libraries that models of public tables are measured against,
// and of the packages with the tables.
func TablesRequirements() string { return tables }

// CatBoostVersion returns the version of CatBoost that TablesRequirements pins, such as 1.2.10.
func CatBoostVersion() string { return value(tables, "catboost==") }

// ScikitLearnVersion returns the version of scikit-learn that BenchRequirements pins, such as 1.9.1.
func ScikitLearnVersion() string { return value(bench, "scikit-learn==") }

// TritonClientRequirements returns the pip requirements of Triton's client. They do not include MLflow.
func TritonClientRequirements() string { return tritonclient }

// TritonClientVersion returns the version of Triton's client that TritonClientRequirements pins, such as 2.73.0.
func TritonClientVersion() string { return value(tritonclient, "tritonclient==") }

// FastAPIRequirements returns the pip requirements of the FastAPI server with onnxruntime that serving is measured
// against.
func FastAPIRequirements() string { return fastapi }

// FastAPIVersion returns the version of FastAPI that FastAPIRequirements pins.
func FastAPIVersion() string { return value(fastapi, "fastapi==") }

// MLServerRequirements returns the pip requirements of the MLServer that serving is measured against.
func MLServerRequirements() string { return mlserver }

// MLServerVersion returns the version of MLServer that MLServerRequirements pins.
func MLServerVersion() string { return value(mlserver, "mlserver==") }

// BatchRequirements returns the pip requirements of the libraries that batches are measured against.
func BatchRequirements() string { return batch }

// PandasVersion returns the version of pandas that BatchRequirements pins.
func PandasVersion() string { return value(batch, "pandas==") }

// Hash names a requirements file by its contents, in eight hex digits, so that a changed pin means a new folder.
func Hash(requirements string) string {
	sum := sha256.Sum256([]byte(requirements))
	return hex.EncodeToString(sum[:4])
}

// value returns the rest of the first line that starts with prefix, up to a space. It is empty if no line does.
func value(text, prefix string) string {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, prefix); ok {
			rest, _, _ = strings.Cut(strings.TrimSpace(rest), " ")
			return rest
		}
	}
	return ""
}
