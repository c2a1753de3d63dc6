package apiserver

import (
	"net/http"

	"iris/apiserver/httpio"
)

// Accepted is the body of a 202 response.
type Accepted struct {
	TaskID string `json:"task_id" example:"training-iris-4kq2…"`
}

// sendAccepted answers that a task was started, and where to follow it.
func sendAccepted(w http.ResponseWriter, location, id string) error {
	w.Header().Set("Location", location)
	w.Header().Set("Retry-After", "1")
	return httpio.WriteJSON(w, http.StatusAccepted, Accepted{TaskID: id})
}
