package apiserver

import "net/url"

// links writes the addresses of pages that say more: of this API, of Temporal and of MLflow.
type links struct {
	temporalUI, namespace string // "" for an address that is not known
	mlflowUI              string
}

// temporal returns the page of a workflow execution, "" if the address of Temporal's pages is not known.
func (l links) temporal(id, runID string) string {
	if l.temporalUI == "" || runID == "" {
		return ""
	}
	return l.temporalUI + "/namespaces/" + url.PathEscape(l.namespace) +
		"/workflows/" + url.PathEscape(id) + "/" + url.PathEscape(runID) + "/history"
}

// mlflow returns a page of MLflow, "" if the address of MLflow's pages is not known. Without the query, MLflow shows
// the page among those for language models.
func (l links) mlflow(path ...string) string {
	if l.mlflowUI == "" {
		return ""
	}
	link := l.mlflowUI + "/#"
	for _, part := range path {
		link += "/" + url.PathEscape(part)
	}
	return link + "?workflowType=machine_learning"
}

// trainingLocation returns the route of a training.
func trainingLocation(modelName, id string) string {
	return "/" + modelName + "/training/" + url.PathEscape(id)
}

// batchLocation returns the route of the results of a batch.
func batchLocation(modelName, id string) string {
	return "/" + modelName + "/predict/batch/" + url.PathEscape(id)
}

// versionLocation returns the route of a version.
func versionLocation(modelName, version string) string {
	return "/" + modelName + "/versions/" + version
}
