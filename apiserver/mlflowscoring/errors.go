package mlflowscoring

import (
	"errors"
	"net/http"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/apiserver/serving"
	"iris/internal/frame"
)

// formError is an error in the rows of a form. MLflow has different codes for the same mistake in different forms.
type formError struct {
	form string
	error
}

// Unwrap returns the error in the rows.
func (e *formError) Unwrap() error { return e.error }

func inForm(form string, err error) error {
	if err == nil {
		return nil
	}
	return &formError{form, err}
}

// mlflowError is the body of most errors of the protocol.
type mlflowError struct {
	ErrorCode  string `json:"error_code" example:"BAD_REQUEST"`
	Message    string `json:"message"`
	SQLState   string `json:"sqlstate" example:"KAM00"`
	ErrorClass string `json:"error_class" example:"INVALID_PARAMETER_VALUE"`
}

// The errors of MLflow by their codes. A code implies the state and the class.
var (
	badRequest = mlflowError{ErrorCode: "BAD_REQUEST", SQLState: "KAM00", ErrorClass: "INVALID_PARAMETER_VALUE"}
	misfit     = mlflowError{
		ErrorCode: "INVALID_PARAMETER_VALUE", SQLState: "KAM01", ErrorClass: "SCHEMA_ENFORCEMENT_FAILED",
	}
	unknown     = mlflowError{ErrorCode: "RESOURCE_DOES_NOT_EXIST", SQLState: "KAM00", ErrorClass: "RESOURCE_NOT_FOUND"}
	unavailable = mlflowError{
		ErrorCode: "TEMPORARILY_UNAVAILABLE", SQLState: "XXM00", ErrorClass: "CLIENT_INTERNAL_ERROR",
	}
	internal = mlflowError{ErrorCode: "INTERNAL_ERROR", SQLState: "XXM00", ErrorClass: "CLIENT_INTERNAL_ERROR"}
)

// Fail sends a problem as `mlflow models serve` does: a text for a Content-Type that it does not understand, a detail
// for what its web framework refuses, else codes and a message.
func Fail(w http.ResponseWriter, p *problem.Problem, err error) {
	status, text := p.Plain()
	var body mlflowError
	switch {
	case status == http.StatusUnsupportedMediaType:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text)) // fails only for a client that hung up
		return
	case status == http.StatusMethodNotAllowed:
		_ = httpio.WriteJSON(w, status, map[string]string{"detail": http.StatusText(status)})
		return
	case status == http.StatusNotFound:
		body = unknown
	case status == http.StatusServiceUnavailable:
		body = unavailable
	case status >= http.StatusInternalServerError:
		body = internal
	case isMisfit(err):
		body = misfit
	default:
		body = badRequest
	}
	body.Message = text
	_ = httpio.WriteJSON(w, status, body)
}

// isMisfit reports whether the rows could be read but do not fit the model. MLflow distinguishes them from rows that it
// cannot read.
func isMisfit(err error) bool {
	fault, ok := serving.FrameFault(err)
	form := ""
	var in *formError
	if errors.As(err, &in) {
		form = in.form
	}
	switch {
	case !ok:
		return false
	case fault == frame.NoColumn, fault == frame.NoValue:
		return true
	case fault == frame.BadNested: // MLflow converts the values of what is called a dataframe before it checks the schema
		return form == formInstances || form == formInputs
	case fault == frame.BadLength, fault == frame.Incomplete:
		return form != formInstances
	}
	return false
}
