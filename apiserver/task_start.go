package apiserver

import (
	"net/http"

	"iris/apiserver/httpio"
	"iris/workflows"
)

// Accepted is the body of a 202 response.
type Accepted struct {
	TaskID string              `json:"task_id" example:"training-iris-4kq2…"`
	Data   *workflows.Findings `json:"data,omitempty" doc:"Of a training with an upload: its class column and why, and what its owner should know of the data."`
}

// sendAccepted answers that a task was started, and where to follow it.
func sendAccepted(w http.ResponseWriter, location string, accepted Accepted) error {
	w.Header().Set("Location", location)
	w.Header().Set("Retry-After", "1")
	return httpio.WriteJSON(w, http.StatusAccepted, accepted)
}
