package mlflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// What a caller decides on, with errors.Is.
var (
	// ErrNotExist means that there is no such run, model, version, alias or artifact.
	ErrNotExist = errors.New("does not exist")
	// ErrExists means that the name is taken.
	ErrExists = errors.New("exists already")
	// ErrUnavailable means that MLflow did not answer, or answered that it cannot at the moment: try again later.
	ErrUnavailable = errors.New("MLflow is unavailable")
)

// MLflow's codes for the classes above and for the wrong parameters behind which it hides a missing alias.
const (
	codeNotExist = "RESOURCE_DOES_NOT_EXIST"
	codeExists   = "RESOURCE_ALREADY_EXISTS"
	codeInvalid  = "INVALID_PARAMETER_VALUE"
)

// Error is an answer of MLflow that is not a success.
type Error struct {
	Status  int    // of HTTP
	Code    string // MLflow's, such as INVALID_PARAMETER_VALUE; empty when something in between answered
	Message string
}

// maxMessage is what Error shows of a message: database errors bring their SQL along.
const maxMessage = 300

// Error names the status, MLflow's code and the first line of its message.
func (e *Error) Error() string {
	message, _, _ := strings.Cut(strings.TrimSpace(e.Message), "\n")
	if len(message) > maxMessage {
		message = strings.ToValidUTF8(message[:maxMessage], "") + "..."
	}
	if e.Code != "" {
		message = e.Code + ": " + message
	}
	return fmt.Sprintf("MLflow answers %d %s", e.Status, message)
}

// Is puts the answer into one of the classes. A 404 without MLflow's code is none of them: that is a wrong URL.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrNotExist:
		return e.Code == codeNotExist
	case ErrExists:
		return e.Code == codeExists
	case ErrUnavailable:
		return e.Status >= http.StatusInternalServerError || e.Status == http.StatusTooManyRequests
	}
	return false
}

// newError reads the answer in the forms that MLflow, its web framework and proxies give it.
func newError(status int, contentType string, body []byte) *Error {
	e := &Error{Status: status, Message: http.StatusText(status)}
	var answer struct {
		Code    string `json:"error_code"`
		Message string `json:"message"`
		Detail  any    `json:"detail"`
	}
	switch {
	case json.Unmarshal(body, &answer) == nil && answer.Code != "":
		e.Code, e.Message = answer.Code, answer.Message
	case answer.Detail != nil:
		e.Message = fmt.Sprint(answer.Detail)
	case strings.HasPrefix(contentType, "text/plain") && len(body) > 0:
		e.Message = string(body)
	}
	return e
}

var errNoAnswer = errors.New("no answer in time")

// unanswered classifies the error of a request that brought no answer. The end of the caller's context stays what it
// is: it says nothing about MLflow.
func unanswered(ctx context.Context, err error) error {
	switch {
	case errors.Is(context.Cause(ctx), errNoAnswer):
		return fmt.Errorf("%w: %w", ErrUnavailable, errNoAnswer)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
