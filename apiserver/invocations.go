package apiserver

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"iris/apiserver/apidoc"
	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/apiserver/serving"
	"iris/deploy"
	"iris/internal/dataset"
	"iris/internal/frame"
)

// The MLflow scoring protocol, as `mlflow models serve` speaks it.

func (s *Server) invocationRoutes() {
	s.foreignRoute(s.pingOperation("/ping"), s.handlePing)
	s.foreignRoute(s.pingOperation("/health"), s.handlePing)
	s.foreignRoute(s.mlflowVersionOperation("/version"), handleMLflowVersion)
	s.foreignRoute(s.invocationsOperation("/invocations"), s.handleInvocations)
	s.foreignRoute(s.invocationsOperation("/{model}/invocations"), s.handleInvocations)
	s.foreignRoute(s.invocationsOperation("/{model}/versions/{version}/invocations"), s.handleInvocations)
}

// handlePing says whether the default model can be asked.
func (s *Server) handlePing(w http.ResponseWriter, _ *http.Request) error {
	if err := s.serving.DefaultReady(); err != nil {
		return err
	}
	return sendSmall(w, "\n")
}

// handleMLflowVersion names the MLflow whose protocol this is.
func handleMLflowVersion(w http.ResponseWriter, _ *http.Request) error {
	return sendSmall(w, deploy.MLflowVersion())
}

func sendSmall(w http.ResponseWriter, text string) error {
	w.Header()["Content-Type"] = httpio.JSONType
	_, _ = w.Write([]byte(text)) // a client that hung up
	return nil
}

// The forms in which rows come, and the fields of language models, which are none.
const (
	formSplit     = "dataframe_split"
	formRecords   = "dataframe_records"
	formInstances = "instances"
	formInputs    = "inputs"
)

var (
	invocationForms    = []string{formSplit, formRecords, formInstances, formInputs}
	languageModelForms = []string{"messages", "prompt", "input"}
)

// handleInvocations scores rows in any of the forms that MLflow knows.
func (s *Server) handleInvocations(w http.ResponseWriter, r *http.Request) error {
	media, err := invocationType(r.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	served, err := s.serving.Requested(r)
	if err != nil {
		return err
	}
	body, release, err := s.bulk.Read(r, s.MaxBody)
	defer release()
	if err != nil {
		return err
	}
	p := s.serving.Predictors.Requested(w, served)
	if media == csvMedia {
		return s.serving.AnswerPredictions(w, r, p, func(row func([]float64) error) error {
			_, err := p.Frame.CSV(body, row)
			return err
		})
	}
	form, rows, err := invocationForm(body)
	if err != nil {
		return err
	}
	return inForm(form, s.serving.AnswerPredictions(w, r, p, formSource(p, form, rows)))
}

const csvMedia = "text/csv"

// invocationType is the media type of a body. MLflow compares it to the letter and takes no parameter but the charset.
func invocationType(header string) (string, error) {
	refuse := func(detail string) (string, error) { return "", problem.New(http.StatusUnsupportedMediaType, detail) }
	media, rest, parameters := strings.Cut(header, ";")
	media = strings.TrimSpace(media)
	for parameters {
		var parameter string
		parameter, rest, parameters = strings.Cut(rest, ";")
		name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		switch {
		case name != "charset":
			return refuse(
				"the parameter " + httpio.Quote(problem.Clip(name)) + " of the content type is not understood: only charset is",
			)
		case !strings.EqualFold(value, "utf-8"):
			return refuse("only UTF-8 is supported")
		}
	}
	if media != "application/json" && media != csvMedia {
		return refuse(
			"content type " + httpio.Quote(problem.Clip(media)) + " is not supported: send application/json or text/csv",
		)
	}
	return media, nil
}

// invocationForm finds the one form that a JSON body has, and the rows in it.
func invocationForm(body []byte) (form string, rows []byte, err error) {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	language := false
	several := false
	err = frame.EachMember(body, func(name, value []byte) error {
		switch key := string(name); {
		case slices.Contains(languageModelForms, key):
			language = true
		case slices.Contains(invocationForms, key):
			several = several || form != "" && form != key
			form, rows = key, value
		}
		return nil
	})
	switch {
	case err != nil:
	case language:
		err = &frame.Error{
			Fault:    frame.NoColumn,
			RowError: dataset.RowError{Reason: "this is not a language model: it takes rows of numbers"},
		}
	case form == "" || several:
		err = &frame.Error{Fault: frame.BadForm, RowError: dataset.RowError{
			Reason: "want an object with exactly one of " + strings.Join(invocationForms, ", "),
		}}
	}
	return form, rows, err
}

// formSource returns the source of the rows in a form.
func formSource(p *serving.Predictor, form string, data []byte) serving.Source {
	at := "/" + form
	return func(row func([]float64) error) (err error) {
		// instances and inputs hold columns as well as records. Bare numbers are allowed only for a model of one feature.
		switch oneFeature := len(p.Model.Schema().Features) == 1; {
		case form == formSplit:
			_, err = p.Frame.Split(data, at, row)
			return err
		case form == formRecords:
			return records(p, data, at, row)
		case data[0] == '{':
			_, err = p.Frame.Columns(data, at, row)
			return err
		case data[0] == '[' && oneFeature && !bytes.HasPrefix(bytes.TrimLeft(data[1:], " \t\r\n"), []byte("{")):
			_, err = p.Frame.Column(data, at, row)
			return err
		case data[0] == '[':
			return records(p, data, at, row)
		case data[0] == '"':
			return formError(frame.BadValue, at, "a string, want records or columns")
		}
		return formError(frame.NoColumn, at, "no names of columns: want records or columns")
	}
}

// records reads records, of which there must be one: it names the columns.
func records(p *serving.Predictor, data []byte, at string, row func([]float64) error) error {
	n, err := p.Frame.Records(data, at, row)
	if n == 0 && err == nil {
		return formError(frame.NoColumn, at, "no records, and so no names of columns")
	}
	return err
}

func formError(fault frame.Fault, at, reason string) error {
	return &frame.Error{Fault: fault, RowError: dataset.RowError{Pointer: at, Reason: reason}}
}

// invocationError is an error in rows of a form: the same mistake has other codes in other forms.
type invocationError struct {
	form string
	error
}

func (e *invocationError) Unwrap() error { return e.error }

func inForm(form string, err error) error {
	if err == nil {
		return nil
	}
	return &invocationError{form, err}
}

// mlflowError is how MLflow says what is wrong.
type mlflowError struct {
	ErrorCode  string `json:"error_code" example:"BAD_REQUEST"`
	Message    string `json:"message"`
	SQLState   string `json:"sqlstate" example:"KAM00"`
	ErrorClass string `json:"error_class" example:"INVALID_PARAMETER_VALUE"`
}

// Its codes, each of which implies the other two.
var (
	mlflowBadRequest = mlflowError{ErrorCode: "BAD_REQUEST", SQLState: "KAM00", ErrorClass: "INVALID_PARAMETER_VALUE"}
	mlflowMisfit     = mlflowError{
		ErrorCode:  "INVALID_PARAMETER_VALUE",
		SQLState:   "KAM01",
		ErrorClass: "SCHEMA_ENFORCEMENT_FAILED",
	}
	mlflowUnknown = mlflowError{
		ErrorCode:  "RESOURCE_DOES_NOT_EXIST",
		SQLState:   "KAM00",
		ErrorClass: "RESOURCE_NOT_FOUND",
	}
	mlflowUnavailable = mlflowError{
		ErrorCode:  "TEMPORARILY_UNAVAILABLE",
		SQLState:   "XXM00",
		ErrorClass: "CLIENT_INTERNAL_ERROR",
	}
	mlflowInternal = mlflowError{ErrorCode: "INTERNAL_ERROR", SQLState: "XXM00", ErrorClass: "CLIENT_INTERNAL_ERROR"}
)

// failMLflow answers as `mlflow models serve` does: a text for a type that is not understood, a detail for what its web
// framework refuses, else codes and a message.
func failMLflow(w http.ResponseWriter, p *problem.Problem, err error) {
	status, text := foreign(p)
	var of mlflowError
	switch {
	case status == http.StatusUnsupportedMediaType:
		sendAs(w, status, "text/plain; charset=utf-8", []byte(text))
		return
	case status == http.StatusMethodNotAllowed:
		_ = httpio.WriteJSON(w, status, map[string]string{"detail": http.StatusText(status)})
		return
	case status == http.StatusNotFound:
		of = mlflowUnknown
	case status == http.StatusServiceUnavailable:
		of = mlflowUnavailable
	case status >= http.StatusInternalServerError:
		of = mlflowInternal
	case isMisfit(err):
		of = mlflowMisfit
	default:
		of = mlflowBadRequest
	}
	of.Message = text
	_ = httpio.WriteJSON(w, status, of)
}

// isMisfit reports whether rows could be read and do not fit the model, which MLflow tells from rows that it cannot
// read.
func isMisfit(err error) bool {
	fault, ok := serving.FrameFault(err)
	form := ""
	var in *invocationError
	if errors.As(err, &in) {
		form = in.form
	}
	switch {
	case !ok:
		return false
	case fault == frame.NoColumn, fault == frame.NoValue:
		return true
	case fault == frame.BadNested: // a frame holds an array in the place of a number, but casts it at once where it is called a frame
		return form == formInstances || form == formInputs
	case fault == frame.BadLength, fault == frame.Incomplete:
		return form != formInstances
	}
	return false
}

func sendAs(w http.ResponseWriter, status int, mediaType string, body []byte) {
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that hung up
}

func (s *Server) pingOperation(path string) huma.Operation {
	return huma.Operation{
		OperationID: "mlflow-" + strings.TrimPrefix(
			path,
			"/",
		),
		Method:    http.MethodGet,
		Path:      path,
		Tags:      []string{"protocols"},
		Summary:   "Can the default model be asked? (MLflow, SageMaker)",
		Responses: map[string]*huma.Response{"200": {Description: "An empty line"}},
	}
}

func (s *Server) mlflowVersionOperation(path string) huma.Operation {
	return huma.Operation{
		OperationID: "mlflow-version", Method: http.MethodGet, Path: path, Tags: []string{"protocols"},
		Summary:   "The MLflow whose scoring protocol this is",
		Responses: map[string]*huma.Response{"200": {Description: "Its number, bare"}},
	}
}

func (s *Server) invocationsOperation(path string) huma.Operation {
	fields := map[string]*huma.Schema{
		formSplit: {
			Type:                 huma.TypeObject,
			AdditionalProperties: true,
			Description:          "`columns`, `data` (rows) and perhaps `index`",
		},
		formRecords:   {Type: huma.TypeArray, Items: serving.RowSchema(), Description: "the rows as objects"},
		formInstances: {Description: "the rows as objects, or columns as in `inputs`"},
		formInputs:    {Description: "an object of columns, or the rows as objects"},
		"params":      {Description: "ignored"},
	}
	return huma.Operation{
		OperationID: apidoc.OperationID("invoke", path),
		Method:      http.MethodPost,
		Path:        path,
		Tags:        []string{"protocols"},
		Summary:     "Classify rows by the MLflow scoring protocol",
		Description: "As `mlflow models serve` of the same version: JSON with exactly one of the four forms, or a CSV with a header.",
		Parameters:  apidoc.PathParameters(path),
		RequestBody: apidoc.Body(map[string]*huma.MediaType{
			"application/json": {
				Schema:  &huma.Schema{Type: huma.TypeObject, Properties: fields},
				Example: map[string]any{formRecords: []any{serving.ExampleRow}},
			},
			csvMedia: {
				Schema: &huma.Schema{Type: huma.TypeString, Description: "a header with the names of the features, then the rows"},
			},
		}),
		Responses: map[string]*huma.Response{"200": serving.DescribePredictions()},
	}
}
