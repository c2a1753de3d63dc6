// Package mlflowscoring answers the MLflow scoring protocol, as `mlflow models serve` and SageMaker do. It does not
// score: package serving does.
package mlflowscoring

import (
	"net/http"
	"regexp"
	"strings"

	"iris/apiserver/apidoc"
	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/apiserver/serving"
	"iris/deploy"
)

// API answers the protocol.
type API struct{ models *serving.Models }

// New returns an API.
func New(models *serving.Models) *API { return &API{models} }

// Owns reports whether a path belongs to the protocol, whether or not it has a route.
func Owns(path string) bool { return paths.MatchString(path) }

var paths = regexp.MustCompile(`^/(ping|health|version|([^/]+/(versions/[^/]+/)?)?invocations)/?$`)

// Routes returns the routes of the protocol.
func (a *API) Routes(docs apidoc.Schemas) []apidoc.Route {
	return []apidoc.Route{
		{Operation: pingOperation(docs, "/ping"), Handle: a.handlePing},
		{Operation: pingOperation(docs, "/health"), Handle: a.handlePing},
		{Operation: versionOperation(docs, "/version"), Handle: handleVersion},
		{Operation: invocationsOperation(docs, "/invocations"), Handle: a.handleInvocations},
		{Operation: invocationsOperation(docs, "/{model}/invocations"), Handle: a.handleInvocations},
		{Operation: invocationsOperation(docs, "/{model}/versions/{version}/invocations"), Handle: a.handleInvocations},
	}
}

// handlePing answers whether the default model can be asked.
func (a *API) handlePing(w http.ResponseWriter, _ *http.Request) error {
	if err := a.models.Ready(); err != nil {
		return err
	}
	return sendText(w, "\n")
}

// handleVersion names the MLflow version whose protocol this is.
func handleVersion(w http.ResponseWriter, _ *http.Request) error {
	return sendText(w, deploy.MLflowVersion())
}

// sendText sends a text as JSON, which is what MLflow calls it.
func sendText(w http.ResponseWriter, text string) error {
	w.Header()["Content-Type"] = httpio.JSONType
	_, _ = w.Write([]byte(text)) // fails only for a client that hung up
	return nil
}

// handleInvocations scores rows in any of the forms that MLflow knows.
func (a *API) handleInvocations(w http.ResponseWriter, r *http.Request) error {
	media, err := contentType(r.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	p, body, release, err := a.models.ReadRows(w, r)
	defer release()
	if err != nil {
		return err
	}
	if media == csvMedia {
		return a.models.AnswerPredictions(w, r, p, func(row func([]float64) error) error {
			_, err := p.Frame.CSV(body, row)
			return err
		})
	}
	form, rows, params, err := formOf(body)
	if err != nil {
		return err
	}
	if p, err = p.WithParameters(params, "/"+paramsName); err != nil {
		return err
	}
	return inForm(form, a.models.AnswerPredictions(w, r, p, formSource(p, form, rows)))
}

const csvMedia = "text/csv"

// contentType returns the media type of a body. As MLflow does, it compares letter by letter and takes no parameter but
// the charset.
func contentType(header string) (string, error) {
	refuse := func(detail string) (string, error) { return "", problem.New(http.StatusUnsupportedMediaType, detail) }
	media, rest, parameters := strings.Cut(header, ";")
	media = strings.TrimSpace(media)
	for parameters {
		var parameter string
		parameter, rest, parameters = strings.Cut(rest, ";")
		name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		switch {
		case name != "charset":
			return refuse("the parameter " + httpio.Quote(problem.Clip(name)) +
				" of the content type is not understood: only charset is")
		case !strings.EqualFold(value, "utf-8"):
			return refuse("only UTF-8 is supported")
		}
	}
	if media != "application/json" && media != csvMedia {
		return refuse("content type " + httpio.Quote(problem.Clip(media)) +
			" is not supported: send application/json or text/csv")
	}
	return media, nil
}
