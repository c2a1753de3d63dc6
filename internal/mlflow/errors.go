package mlflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Errors that callers handle, for errors.Is.
var (
	// ErrNotExist means that a run, model, version, alias or artifact does not exist.
	ErrNotExist = errors.New("does not exist")
	// ErrExists means that a name is taken.
	ErrExists = errors.New("exists already")
	// ErrUnavailable means that MLflow did not answer, or that it cannot serve the request now. Try again later.
	ErrUnavailable = errors.New("MLflow is unavailable")
	// ErrEncoding means that the database of MLflow cannot store a character of the request, because its encoding is not
	// UTF-8. Only a database of another encoding can.
	ErrEncoding = errors.New("the database of MLflow is not UTF-8")
	// ErrNotMLflow means that the answer has another form than MLflow's. A proxy may have sent it.
	ErrNotMLflow = errors.New("the answer is not MLflow's")
)

// MLflow's codes for the errors above, and for a wrong parameter, which it also reports for a missing alias.
const (
	codeNotExist = "RESOURCE_DOES_NOT_EXIST"
	codeExists   = "RESOURCE_ALREADY_EXISTS"
	codeInvalid  = "INVALID_PARAMETER_VALUE"
	CodeDatabase = "BAD_REQUEST" // an error of the database that MLflow does not expect
)

// Error is a response of MLflow that is not a success.
type Error struct {
	Status  int    // the HTTP status
	Code    string // MLflow's error code, such as INVALID_PARAMETER_VALUE; empty if a proxy or a framework answered
	Message string
}

// maxMessage bounds how much of a message Error shows. Database errors contain their SQL.
const maxMessage = 300

// Error returns the status, MLflow's code and the first line of its message.
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

// cannotEncode is what Python says about a character that an encoding does not have. MLflow answers 500 with it.
const cannotEncode = "codec can't encode"

// Is reports whether the response is ErrNotExist, ErrExists, ErrEncoding or ErrUnavailable. A 404 without MLflow's code
// is none of them: it means a wrong URL.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrNotExist:
		return e.Code == codeNotExist
	case ErrExists:
		return e.Code == codeExists
	case ErrEncoding:
		return strings.Contains(e.Message, cannotEncode)
	case ErrUnavailable:
		if e.Is(ErrEncoding) {
			return false
		}
		return e.Status >= http.StatusInternalServerError || e.Status == http.StatusTooManyRequests
	}
	return false
}

// Refused reports whether MLflow would refuse the same request again. Errors of its database are 400 too, among them a
// connection that the database closed. A name that exists already may be that of an earlier attempt.
func (e *Error) Refused() bool {
	switch e.Status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return e.Code != CodeDatabase && !e.Is(ErrExists)
	}
	return e.Is(ErrEncoding)
}

// newError parses an error in the formats of MLflow, of its web framework and of proxies.
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

// unanswered classifies the error of a request without a response. The end of the caller's context does not become
// ErrUnavailable: it says nothing about MLflow.
func unanswered(ctx context.Context, err error) error {
	switch {
	case errors.Is(context.Cause(ctx), errNoAnswer):
		return fmt.Errorf("%w: %w", ErrUnavailable, errNoAnswer)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
