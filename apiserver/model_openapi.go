package apiserver

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"iris/apiserver/idempotency"
)

func listModelsOperation(path string) huma.Operation {
	return modelOperation("list-models", http.MethodGet, path, "List models", "")
}

func listVersionsOperation(path string) huma.Operation {
	return modelOperation("list-versions", http.MethodGet, path, "List the versions of a model", "")
}

func getVersionOperation(path string) huma.Operation {
	return modelOperation("get-version", http.MethodGet, path, "Get a version of a model", "")
}

func versionBatchesOperation(path string) huma.Operation {
	return modelOperation(
		"list-version-batches", http.MethodGet, path, "List the batches that a version has scored", "")
}

func promoteOperation(path string) huma.Operation {
	op := modelOperation("promote", http.MethodPut, path, "Make a version the champion",
		"This process serves the version before it answers; every other process serves it within 2 s. The promotions of a "+
			"model happen one after the other.")
	op.Parameters = []*huma.Param{idempotency.Parameter(keptByAnswer)}
	return op
}

func rollbackOperation(path string) huma.Operation {
	op := modelOperation("rollback", http.MethodPost, path, "Restore the champion before this one",
		"The version with the alias `previous` becomes the champion, as in any promotion, and the champion becomes "+
			"`previous`, so a second rollback undoes the first. The answer is 409 if the model had no champion before, or if "+
			"another promotion came first.")
	op.DefaultStatus = http.StatusOK
	op.Parameters = []*huma.Param{idempotency.Parameter(keptByAnswer)}
	return op
}

func historyOperation(path string) huma.Operation {
	return modelOperation("get-history", http.MethodGet, path, "List the changes of champion", "")
}

func modelOperation(id, method, path, summary, description string) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Tags: []string{"models"}, Summary: summary, Description: description,
	}
}
