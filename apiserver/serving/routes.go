package serving

import "iris/apiserver/apidoc"

// Routes returns the routes of predictions.
func (m *Models) Routes(docs apidoc.Schemas) []apidoc.Route {
	return []apidoc.Route{
		{Operation: predictOperation(docs, PredictTemplate, "The champion answers"), Handle: m.predictChampion},
		{Operation: predictOperation(docs, "/predict", "The champion answers"), Handle: m.predictChampion},
		{
			Operation: predictOperation(
				docs, "/{model}/versions/{version}/predict", "The version answers, champion or not"),
			Handle: m.predictVersion,
		},
	}
}
